"""`get_simulator`: ngspice as a library or as a process, by name."""

from __future__ import annotations

from amcspice.engine.ngspice.installation import find_installation
from amcspice.engine.ngspice.process import BatchSimulator
from amcspice.engine.ngspice.shared import SharedSimulator
from amcspice.engine.ngspice.simulator import Simulator
from amcspice.errors import InputError

__all__ = ["get_simulator"]


def get_simulator(name: str | None = None) -> Simulator:
    """Return a simulator by name.

    Parameters
    ----------
    name : {"shared", "batch"}, optional
        None takes shared where PySpice can drive the installed libngspice, else batch.

    Raises
    ------
    InputError
        If the name is unknown or ngspice is not installed.
    """
    if name is None:
        name = "shared" if find_installation().shared_works else "batch"
    if name == "shared":
        return SharedSimulator.instance()
    if name == "batch":
        return BatchSimulator()
    raise InputError(f"unknown simulator {name!r}; choose shared or batch")
