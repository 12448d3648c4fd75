"""`run_point`: what every executor runs for a point of a sweep."""

from __future__ import annotations

import shlex
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.solver import Run, simulate
from amcspice.sweep.experiment import PARAMETERS, Experiment

__all__ = ["METRICS", "PointResult", "command", "run_point"]

METRICS: dict[str, str] = {
    "relative_error_median": "",
    "relative_error_max": "",
    "settling_time_median_s": "s",
    "settling_time_max_s": "s",
    "settled": "",
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
}
"""Every metric and its unit.

Medians and maxima are over right-hand sides, times and energies over those that settled;
``settled`` is the fraction of them; powers are medians at rest.  ``matrix_condition`` and
``largest_row_total`` (sum of magnitudes over the largest entry) describe the problem matrix,
``active_fraction`` the exact solutions: entries at zero (nnls).  nan: not known.
"""

_KEPT = (
    "amcspice", "ngspice", "python", "numpy", "scipy", "simulator", "solver", "options",
    "deck_sha256", "amplifier",
)  # fmt: skip


@dataclass(frozen=True)
class PointResult:
    """What a point gave.

    Parameters
    ----------
    metrics : dict of str to number
        See `METRICS`.
    provenance : dict
        Versions and how it was simulated.
    """

    metrics: dict[str, float | int | bool]
    provenance: dict[str, Any]


def run_point(parameters: Mapping[str, Any]) -> PointResult:
    """Run one point.

    Parameters
    ----------
    parameters : mapping
        See `Experiment.of`.

    Raises
    ------
    InputError
        If the parameters cannot be used, or the circuit is unstable.
    SimulationError
        If the simulation fails.
    """
    started = time.perf_counter()
    experiment = Experiment.of(parameters)
    matrix = experiment.matrix()
    vectors = experiment.vectors(matrix)
    run = simulate(
        experiment.circuit(matrix), vectors, analysis=experiment.analysis(), keep_waveforms=False
    )
    metrics = measured(run, matrix, non_negative=experiment["problem"] == "nnls")
    metrics["wall_time_s"] = time.perf_counter() - started
    return PointResult(metrics, {name: run.provenance[name] for name in _KEPT})


def measured(run: Run, matrix: Array, *, non_negative: bool) -> dict[str, float | int | bool]:
    """Return the metrics of a run, wall time excepted."""
    magnitudes = np.abs(matrix)
    powers = {f"power_{name}_w": _median(watts) for name, watts in run.power.items()}
    return {
        "relative_error_median": _median(run.relative_error),
        "relative_error_max": float(np.max(run.relative_error)),
        "settling_time_median_s": _median(run.settling_time),
        "settling_time_max_s": _largest(run.settling_time),
        "settled": float(np.mean(run.settled)),
        **{name: powers.get(name, float("nan")) for name in METRICS if name.startswith("power_")},
        "energy_median_j": _median(run.energy),
        "energy_max_j": _largest(run.energy),
        "amplifiers": run.amplifiers,
        "cells": run.cells,
        "near_limit": run.near_limit,
        "range_halvings": run.range_halvings,
        "matrix_condition": float(np.linalg.cond(matrix)),
        "largest_row_total": float(magnitudes.sum(axis=1).max() / magnitudes.max()),
        "active_fraction": float(np.mean(run.reference <= 0)) if non_negative else float("nan"),
    }


def command(parameters: Mapping[str, Any]) -> str:
    """Return the command line that repeats a point: what differs from the defaults.

    >>> command({"columns": 4, "gbw": 1e9})
    'amcspice sweep point --set columns=4 --set gbw=1e9'
    """
    complete = Experiment.of(parameters).parameters()
    chosen: dict[str, Any] = {}
    # What others imply need not be said; where defaults follow others, a second look is needed.
    while missing := _different(chosen, complete):
        chosen |= missing
    for name in [name for name in _DERIVED if name in chosen]:
        rest = {key: value for key, value in chosen.items() if key != name}
        if not _different(rest, complete):
            chosen = rest
    settings = (
        shlex.quote(f"{name}={_text(chosen[name])}") for name in PARAMETERS if name in chosen
    )
    return " ".join(["amcspice sweep point", *(f"--set {setting}" for setting in settings)])


_DERIVED = (
    "matrix_sha256", "rhs_sha256", "row_resistance", "column_resistance", "row_capacitance",
    "column_capacitance", "wire_resistance", "wire_capacitance", "rows_per_column", "rows",
    "problem_seed", "matrix", "circuit", "right_hand_sides", "zeros", "noise", "condition",
    "density", "dominance", "correlation", "gbw", "gain", "slew_rate", "levels", "write_noise",
    "switch_on", "switch_off", "hold", "compensation", "scaling", "feedback", "column_load",
    "detuning",
)  # fmt: skip
"""What may follow from other parameters."""


def _different(chosen: Mapping[str, Any], complete: Mapping[str, Any]) -> dict[str, Any]:
    """Return what chosen parameters do not imply; everything if they do not fit together."""
    try:
        implied = Experiment.of(chosen).parameters()
    except InputError:
        implied = {}
    return {
        name: value
        for name, value in complete.items()
        if name not in implied or implied[name] != value
    }


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        mantissa, exponent = f"{value:.16e}".split("e")
        texts = (repr(value).removesuffix(".0"), f"{float(mantissa):g}e{int(exponent)}")
        return min((text for text in texts if float(text) == value), key=len)
    return str(value)


def _median(values: Any) -> float:
    """Return the median of the known values; nan if there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmedian(np.asarray(values, dtype=float)))


def _largest(values: Any) -> float:
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    return float(known.max()) if known.size else float("nan")
