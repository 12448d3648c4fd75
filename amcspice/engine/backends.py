"""The choice of a backend."""

from __future__ import annotations

from amcspice.engine.analysis import Analysis
from amcspice.engine.backend import Backend
from amcspice.engine.fidelities import BACKENDS

__all__ = ["get_backend"]


def get_backend(analysis: Analysis) -> Backend:
    """Return the backend that an analysis asks for."""
    backend: Backend = BACKENDS.choose(analysis.fidelity)(analysis)
    return backend
