"""The built-in backends, and the choice of one."""

from __future__ import annotations

from amcspice.engine.analysis import Analysis
from amcspice.engine.backend import Backend
from amcspice.engine.behavioural.backend import Behavioural
from amcspice.engine.dc.backend import DC
from amcspice.engine.fidelities import BACKENDS
from amcspice.engine.ideal import Ideal
from amcspice.engine.ngspice.backends import Flat, Reduced

__all__ = ["get_backend"]

for _backend in (Flat, Reduced, Behavioural, DC, Ideal):
    BACKENDS.add(_backend.name, _backend)


def get_backend(analysis: Analysis) -> Backend:
    """Return the backend that an analysis asks for."""
    backend: Backend = BACKENDS.choose(analysis.fidelity)(analysis)
    return backend
