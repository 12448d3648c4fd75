"""Provenance: what is needed to repeat a result."""

from __future__ import annotations

import functools
import platform
import time
from importlib import metadata
from typing import Any

from amcspice.circuit import Circuit
from amcspice.device import OpAmp
from amcspice.engine import Installation

__all__ = ["provenance"]

_version = functools.cache(metadata.version)


def provenance(
    circuit: Circuit,
    *,
    started: float,
    installation: Installation | None = None,
    simulator: str | None = None,
    solver: str | None = None,
    options: str = "",
    deck_sha256: str | None = None,
) -> dict[str, Any]:
    """Return the provenance of a run.

    Parameters
    ----------
    circuit : Circuit
    started : float
        `time.perf_counter` at the start.
    installation, simulator, solver, options, deck_sha256
        What ran; None for the ideal fidelity.
    """
    return {
        "amcspice": _version("amcspice"),
        "ngspice": installation.version if installation else None,
        "python": platform.python_version(),
        "numpy": _version("numpy"),
        "scipy": _version("scipy"),
        "simulator": simulator,
        "solver": solver,
        "options": options,
        "deck_sha256": deck_sha256,
        "amplifier": _amplifier(circuit.opamp, simulator),
        "circuit": circuit.describe(),
        "seed": circuit.device.seed,
        "wall_time_s": time.perf_counter() - started,
    }


def _amplifier(opamp: OpAmp, simulator: str | None) -> str | None:
    """Say what stood for the amplifiers: the behavioural fidelity knows the macro-model only."""
    if simulator is None:
        return None
    if opamp.subcircuit is None:
        return "macro-model"
    if simulator == "behavioural":
        return opamp.source
    return f"sub-circuit {opamp.subcircuit.name}, file sha256 {opamp.subcircuit.sha256}"
