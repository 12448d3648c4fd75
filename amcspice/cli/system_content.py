"""What the JSON of ``solve inv`` holds of every program on a chip."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.cli.common import Settings
from amcspice.engine import get_backend
from amcspice.problem import relative_error, relative_size
from amcspice.simulation.plain import plain_verification
from amcspice.simulation.provenance import versions_at
from amcspice.simulation.verification import Verification
from amcspice.system import Chip, Cost

__all__ = ["Measured", "plain_solution"]


class Measured(Protocol):
    """Solutions and what was measured of them, an entry for each right-hand side."""

    @property
    def x(self) -> Any:
        """Solutions, shape (n, K)."""
        ...

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Whether everything came to rest."""
        ...

    @property
    def settling_time(self) -> NDArray[np.float64]:
        """Of one operation after the other [s]."""
        ...

    @property
    def energy(self) -> NDArray[np.float64]:
        """From all sources [J]."""
        ...

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the solutions do not say by themselves."""
        ...


def plain_solution(
    made: Measured,
    matrix: Any,
    b: Any,
    chip: Chip,
    counts: Mapping[str, float],
    repeats: int,
    cost: Cost,
    verification: Verification | None,
    settings: Settings,
    started: float,
) -> dict[str, Any]:
    """Return what every solution says as plain values.

    Parameters
    ----------
    made : Measured
    matrix, b : ndarray, shape (n, n), (n, K)
    chip : Chip
    counts : mapping
        ``amplifiers`` and ``cells``.
    repeats : int
        How often operations were repeated because something saturated.
    cost : Cost
    verification : Verification, optional
    settings : Settings
    started : float
        When, by `time.perf_counter` [s].
    """
    reference: Any = np.linalg.solve(matrix, b)
    seconds = np.where(made.settling_time > 0, made.settling_time, np.nan)
    volts = None if isinstance(chip.range, str) else float(chip.range)
    return {
        "problem": "inv",
        "fidelity": chip.analysis.fidelity,
        "simulator": _simulator(chip),
        "solution": list(made.x.T),
        "reference": list(reference.T),
        "relative_error": relative_error(made.x.T, reference.T),
        "residual": relative_size((matrix @ made.x - b).T, b.T),
        "settled": made.settled,
        "settling_time_s": made.settling_time,
        "energy_j": made.energy,
        "power_w": {"total": made.energy / seconds},
        "amplifiers": counts["amplifiers"],
        "cells": counts["cells"],
        "range": {"choice": chip.range_choice, "volts_per_unit": volts, "repeats": repeats},
        "cautions": made.cautions,
        "cost": cost.to_json(),
        "ledger": chip.ledger.to_json(),
        **plain_verification(verification),
        "provenance": {
            **versions_at(chip.analysis), "solver": None, "options": "", "deck_sha256": None,
            "seed": settings.seed, "wall_time_s": time.perf_counter() - started,
        },
    }  # fmt: skip


def _simulator(chip: Chip) -> str:
    backend = get_backend(chip.analysis)
    return chip.analysis.simulator or "ngspice" if backend.uses_ngspice else backend.name
