"""Figures of factorisations as plain values, with units in the names: for JSON and tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm import Factorisation, Iteration
from amcspice.engine import BACKENDS
from amcspice.system import Cost, Ledger, Technology, Work, digital_peer

__all__ = ["History", "history", "regression_figures", "summarise"]

Values = NDArray[np.float64]
History = tuple[Values, Values]
"""Relative residual after each iteration: of the circuit, of the digital twin."""


def history(factorisations: Sequence[Factorisation], norms: Sequence[float]) -> History:
    """Return the residual of several factorisations together, after each iteration.

    One that stopped earlier counts with its last residual.

    Parameters
    ----------
    factorisations : sequence of Factorisation
    norms : sequence of float
        Frobenius norm of what each one factorises.

    Returns
    -------
    tuple of two ndarrays, shape (iterations,)
    """
    length = max((len(item.history) for item in factorisations), default=0)
    squares = np.zeros((2, length))
    for item, norm in zip(factorisations, norms, strict=True):
        for k in range(length if item.history else 0):
            step = item.history[min(k, len(item.history) - 1)]
            pair = np.array([step.relative_residual, step.digital_relative_residual])
            squares[:, k] += (pair * norm) ** 2
    total = float(np.linalg.norm(norms)) or 1.0
    analog, digital = np.sqrt(squares) / total
    return analog, digital


def summarise(
    factorisations: Sequence[Factorisation], fidelity: str, technology: str = "typical"
) -> dict[str, Any]:
    """Return what the regressions of several factorisations took.

    Parameters
    ----------
    factorisations : sequence of Factorisation
    fidelity : str
        Of the analysis.
    technology : str
        What costs are worked out in.

    Returns
    -------
    dict
        ``cost``, see `amcspice.Cost`, and the ``ledger`` that it is made of, None where nothing was
        simulated; ``regressions``; ``transients``, those that were simulated over time;
        ``settling_time_s`` with the median (of the medians of all iterations) and the largest;
        ``energy_j`` with the sum and the mean; ``power_w`` at rest; ``relative_error`` of the
        regressions against their references; ``near_limit``, those that a
        limit of an amplifier spoils; ``below_floor``, those whose outputs all stand at a floor
        above ground, which times and energies leave out.
    """
    return {
        **regression_figures(factorisations, fidelity),
        **_account(factorisations, fidelity, technology),
    }


def regression_figures(factorisations: Sequence[Factorisation], fidelity: str) -> dict[str, Any]:
    """Return what is known of single regressions; see `summarise`."""
    steps = [step for item in factorisations for step in item.history]
    regressions = sum(step.regressions for step in steps)
    below_floor = sum(step.below_floor for step in steps)
    energy, counted = _reduce(np.sum, steps, "energy"), regressions - below_floor
    return {
        "iterations": max((len(item.history) for item in factorisations), default=0),
        "regressions": regressions,
        "transients": regressions if BACKENDS[fidelity].in_time else 0,
        "settled": sum(step.settled for step in steps),
        "reseeded_columns": sum(step.reseeded for step in steps),
        "near_limit": sum(step.near_limit for step in steps),
        "below_floor": below_floor,
        "settling_time_s": {
            "median": _reduce(np.median, steps, "settling_time_median"),
            "max": _reduce(np.max, steps, "settling_time_max"),
        },
        "energy_j": {
            "total": energy,
            "per_regression": energy / counted if counted else float("nan"),
        },
        "power_w": {"mean": _reduce(np.mean, steps, "power_mean")},
        "relative_error": {
            "median": _reduce(np.median, steps, "error_median"),
            "max": _reduce(np.max, steps, "error_max"),
        },
    }


def _account(
    factorisations: Sequence[Factorisation], fidelity: str, technology: str
) -> dict[str, Any]:
    """Return the ledger of all and its cost, beside what the same regressions take digitally."""
    ledger = Ledger()
    for item in factorisations:
        ledger.merge(item.ledger)
    if not BACKENDS[fidelity].simulates or not ledger.operations:
        return {"cost": None, "ledger": None}
    cost = Cost(Work.of(ledger), Technology.load(technology), digital_peer(ledger))
    return {"cost": cost.to_json(), "ledger": ledger.to_json()}


def _reduce(
    function: Callable[[Values], np.floating[Any]], steps: Sequence[Iteration], name: str
) -> float:
    """Reduce one figure over all iterations that have it."""
    values = np.array([getattr(step, name) for step in steps], dtype=float)
    usable = values[~np.isnan(values)]
    return float(function(usable)) if usable.size else float("nan")
