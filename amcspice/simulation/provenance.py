"""Provenance: what is needed to repeat a result."""

from __future__ import annotations

import dataclasses
import functools
import platform
import time
from importlib import metadata
from typing import Any

import numpy as np
import scipy

from amcspice.circuit import Circuit
from amcspice.device import OpAmp
from amcspice.engine import (
    Analysis,
    Installation,
    Origin,
    find_installation,
    get_backend,
    get_simulator,
)

__all__ = ["provenance", "simulator_at", "versions", "versions_at"]

_version = functools.cache(metadata.version)


def provenance(circuit: Circuit, origin: Origin | None, started: float) -> dict[str, Any]:
    """Return the provenance of a run.

    Parameters
    ----------
    circuit : Circuit
    origin : Origin, optional
        What ran; None where nothing did.
    started : float
        `time.perf_counter` at the start.
    """
    corrected = [] if origin is None else list(map(dataclasses.asdict, circuit.predistortions))
    origin = origin or Origin()
    return {
        **versions(origin.installation),
        "simulator": origin.simulator,
        "solver": origin.solver,
        "options": origin.options,
        "deck_sha256": origin.deck_sha256,
        "amplifier": _amplifier(circuit.opamp, origin),
        "circuit": circuit.describe(),
        **({"predistortion": corrected} if corrected else {}),
        "seed": circuit.device.seed,
        "wall_time_s": time.perf_counter() - started,
    }


def versions(ngspice: Installation | None = None) -> dict[str, Any]:
    """Return the versions that a result depends on.

    Parameters
    ----------
    ngspice : Installation, optional
        None where it did not run.
    """
    return {
        "amcspice": _version("amcspice"),
        "ngspice": ngspice.version if ngspice else None,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def versions_at(analysis: Analysis) -> dict[str, Any]:
    """Return the versions that operations depend on which an analysis simulates."""
    uses_ngspice = get_backend(analysis).uses_ngspice
    return versions(find_installation() if uses_ngspice else None)


def simulator_at(analysis: Analysis) -> str:
    """Return the name of what simulates by an analysis."""
    backend = get_backend(analysis)
    return get_simulator(analysis.simulator).name if backend.uses_ngspice else backend.name


def _amplifier(opamp: OpAmp, origin: Origin) -> str | None:
    """Say what stood for the amplifiers: without ngspice that is the macro-model only."""
    if origin.simulator is None:
        return None
    if opamp.subcircuit is None:
        return "macro-model"
    if origin.installation is None:
        return opamp.source
    return f"sub-circuit {opamp.subcircuit.name}, file sha256 {opamp.subcircuit.sha256}"
