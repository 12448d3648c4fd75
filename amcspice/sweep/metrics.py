"""What is measured of a point of a sweep."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.errors import InputError
from amcspice.settings.systems import SYSTEMS

if TYPE_CHECKING:
    from amcspice.algorithm.system import Figures, System
    from amcspice.circuit.base import Array
    from amcspice.simulation import Run

__all__ = [
    "COSTS",
    "METRICS",
    "Metrics",
    "higher_is_better",
    "matrix_metrics",
    "metric_units",
    "metrics_of",
    "run_metrics",
]

Metrics = dict[str, float | int | bool]

COSTS: dict[str, str] = {
    "write_time_s": "s",
    "write_energy_j": "J",
    "cost_time_s": "s",
    "cost_energy_j": "J",
    "cost_time_ignored_s": "s",
    "cost_energy_ignored_j": "J",
    "break_even_rhs": "",
}
"""Metrics of cost, which are there where a point names a technology.

Of one writing with its calibration, of all with writing and without, and the right-hand sides a
writing from which on one macro is faster than one core here; see `amcspice.Cost`.
"""

METRICS: dict[str, str] = {
    "relative_error_median": "",
    "relative_error_max": "",
    "settling_time_median_s": "s",
    "settling_time_max_s": "s",
    "settled": "",
    "below_floor": "",
    "power_total_w": "W",
    "power_amplifier_static_w": "W",
    "power_amplifier_output_w": "W",
    "power_array_w": "W",
    "power_input_w": "W",
    "energy_median_j": "J",
    "energy_max_j": "J",
    "amplifiers": "",
    "cells": "",
    "near_limit": "",
    "range_halvings": "",
    "matrix_condition": "",
    "largest_row_total": "",
    "active_fraction": "",
    "wall_time_s": "s",
    **COSTS,
}
"""Every metric of a single circuit and its unit; `metric_units` has those of systems as well.

Medians and maxima are over right-hand sides, times and energies over those that settled
to what can be read; ``settled`` is the fraction that settled, ``below_floor`` that whose outputs
all stand at a floor above ground; powers are medians at rest.  ``matrix_condition`` and
``largest_row_total`` (sum of magnitudes over the largest entry) describe the problem matrix,
``active_fraction`` the exact solutions: entries at zero (nnls).  nan: not known.
"""

HIGHER_IS_BETTER = ("settled",)
"""Metrics of a circuit whose largest value is the best; of all others it is the least."""


def metric_units() -> dict[str, str]:
    """Return every metric and its unit, those of systems too.

    Raises
    ------
    InputError
        If two systems mean different things by one name.
    """
    units = dict(METRICS)
    for system in SYSTEMS.values():
        for name, unit in system.metrics.items():
            if units.setdefault(name, unit) != unit:
                raise InputError(
                    f"metric {name} of system {system.name} is in {unit or 'no unit'}, of another "
                    f"in {units[name] or 'none'}: give it another name"
                )
    return units


def higher_is_better(metric: str) -> bool:
    """Return whether the largest value of a metric is the best."""
    systems = SYSTEMS.values()
    return metric in HIGHER_IS_BETTER or any(metric in each.higher_is_better for each in systems)


def metrics_of(system: System, figures: Figures) -> Metrics:
    """Return the metrics of a system, nan where it says nothing of one.

    Raises
    ------
    InputError
        If it says something of a metric that it does not name.
    """
    extra = sorted(figures.keys() - system.metrics.keys())
    if extra:
        raise InputError(f"system {system.name}: {', '.join(extra)}: not among its metrics")
    return {name: figures.get(name, float("nan")) for name in system.metrics}


def matrix_metrics(matrix: Array) -> Metrics:
    """Return the metrics that describe the matrix of a point."""
    magnitudes = np.abs(matrix)
    return {
        "matrix_condition": float(np.linalg.cond(matrix)),
        "largest_row_total": float(magnitudes.sum(axis=1).max() / magnitudes.max()),
    }


def run_metrics(run: Run, matrix: Array, *, non_negative: bool) -> Metrics:
    """Return the metrics of a run, wall time excepted."""
    powers = {f"power_{name}_w": _median(watts) for name, watts in run.power.items()}
    return {
        "relative_error_median": _median(run.relative_error),
        "relative_error_max": float(np.max(run.relative_error)),
        "settling_time_median_s": _median(run.settling_time),
        "settling_time_max_s": _largest(run.settling_time),
        "settled": float(np.mean(run.settled)),
        "below_floor": float(np.mean(run.below_floor)),
        **{name: powers.get(name, float("nan")) for name in METRICS if name.startswith("power_")},
        "energy_median_j": _median(run.energy),
        "energy_max_j": _largest(run.energy),
        "amplifiers": run.amplifiers,
        "cells": run.cells,
        "near_limit": run.near_limit,
        "range_halvings": run.range_halvings,
        **matrix_metrics(matrix),
        "active_fraction": float(np.mean(run.reference <= 0)) if non_negative else float("nan"),
    }


def _median(values: Any) -> float:
    """Return the median of the known values; nan if there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmedian(np.asarray(values, dtype=float)))


def _largest(values: Any) -> float:
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    return float(finite.max()) if finite.size else float("nan")
