"""Simulators and what they return: ngspice as library or process, state space, waveforms."""

from __future__ import annotations

from amcspice.engine.batch import BatchSimulator
from amcspice.engine.behavioural import Behavioural
from amcspice.engine.installation import Installation, find_installation
from amcspice.engine.linear import LinearModel
from amcspice.engine.piecewise import PiecewiseLinear
from amcspice.engine.shared import SharedSimulator
from amcspice.engine.simulator import Simulator
from amcspice.engine.stack import BehaviouralStack
from amcspice.engine.transient import Streamer, choose_transient
from amcspice.engine.waveforms import Segment, Stream, Waveforms
from amcspice.errors import InputError

__all__ = [
    "BatchSimulator",
    "Behavioural",
    "BehaviouralStack",
    "Installation",
    "LinearModel",
    "PiecewiseLinear",
    "Segment",
    "SharedSimulator",
    "Simulator",
    "Stream",
    "Streamer",
    "Waveforms",
    "choose_transient",
    "find_installation",
    "get_simulator",
]


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
