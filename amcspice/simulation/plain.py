"""Runs, and trials of runs, as plain values with units in the names, for files."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from amcspice.simulation.result import Conversion
from amcspice.simulation.run import Run
from amcspice.simulation.trials import Distribution, Trials
from amcspice.simulation.verification import FIGURES, Verification

__all__ = ["plain_run", "plain_trials", "plain_verification"]


def plain_run(run: Run) -> dict[str, Any]:
    """Return a run as a mapping of arrays and plain values.

    Parameters
    ----------
    run : Run

    Returns
    -------
    dict
        One entry of every list is one right-hand side.
    """
    measured = run.measurement
    return {
        "problem": run.problem,
        "circuit": run.circuit,
        "fidelity": run.fidelity,
        "simulator": run.provenance["simulator"],
        "solution": np.atleast_2d(run.x.T),
        "reference": np.atleast_2d(run.reference.T),
        "relative_error": np.atleast_1d(run.relative_error),
        "absolute_error": np.atleast_1d(run.absolute_error),
        "unique": np.atleast_1d(run.unique),
        "residual": np.atleast_1d(run.residual),
        "reference_residual": np.atleast_1d(run.reference_residual),
        "settled": measured.settled,
        "saddle": measured.saddle,
        "below_floor": measured.below_floor,
        "settling_time_s": measured.settling_time,
        "settling_error": measured.settling_error,
        "power_w": measured.power or {"total": np.full(len(run), np.nan)},
        "energy_j": measured.energy,
        **_plain_cells(run),
        "amplifiers": run.amplifiers,
        "cells": run.cells,
        "range": {
            "choice": run.range.choice,
            "volts_per_unit": run.range.volts_per_unit,
            "repeats": run.range.repeats,
            "cell_voltage_v": run.range.cell_voltage,
        },
        "volts_per_unit": run.volts_per_unit,
        "range_halvings": run.range_halvings,
        "near_limit": run.near_limit,
        "unstable": run.runs_away,
        "cautions": run.cautions,
        **({} if run.feedback is None else {"feedback": asdict(run.feedback)}),
        **_plain_conversion(run.conversion),
        **plain_verification(run.verification),
        "provenance": run.provenance,
    }


def _plain_cells(run: Run) -> dict[str, Any]:
    """Return what is known of cells that stand in the deck as sub-circuits."""
    measured = run.measurement
    if np.isnan(measured.cell_voltage).all():
        return {}
    return {
        "cell_voltage_v": measured.cell_voltage,
        "conductance_drift": measured.conductance_drift,
    }


def _plain_conversion(conversion: Conversion | None) -> dict[str, Any]:
    """Return shares of error and steps as an entry for a mapping; no entry for None.

    Input scales are amperes, or volts where the circuit drives its inputs.
    """
    if conversion is None:
        return {}
    names = (
        "input_error", "analog_error", "sampling_error", "output_error", "input_saturated",
        "output_saturated", "input_full_scale", "input_step",
    )  # fmt: skip
    return {
        "conversion": {
            **{name: getattr(conversion, name) for name in names},
            "output_full_scale_v": conversion.output_full_scale,
            "output_step_v": conversion.output_step,
        }
    }


def plain_trials(trials: Trials, *, problem: str, fidelity: str) -> dict[str, Any]:
    """Return trials as a mapping of arrays and plain values.

    Parameters
    ----------
    trials : Trials
    problem : str
        What was solved.
    fidelity : str
        How it was simulated.

    Returns
    -------
    dict
        One entry of every list is one trial; it holds one entry a right-hand side.
    """
    return {
        "problem": problem,
        "circuit": trials.provenance["circuit"]["name"],
        "fidelity": fidelity,
        "simulator": trials.provenance["simulator"],
        "trials": len(trials),
        "distributions": {
            "relative_error": _distribution(trials.relative_error),
            "settling_time_s": _distribution(trials.settling_time),
            "power_w": {name: _distribution(values) for name, values in trials.power.items()},
            "energy_j": _distribution(trials.energy),
        },
        "not_settled": trials.not_settled,
        "failed": trials.failures,
        "near_limit": np.flatnonzero(trials.near_limit),
        "cautions": trials.cautions,
        "trial_seed": trials.seeds,
        "reference": np.atleast_2d(trials.reference.T),
        "relative_error": trials.relative_error,
        "settled": trials.settled,
        "saddle": trials.saddle,
        "below_floor": trials.below_floor,
        "settling_time_s": trials.settling_time,
        "power_w": trials.power,
        "energy_j": trials.energy,
        "amplifiers": trials.amplifiers,
        "cells": trials.cells,
        **plain_verification(trials.verification),
        "provenance": trials.provenance,
    }


def _distribution(values: Any) -> dict[str, float]:
    found = Distribution.of(values)
    return {"median": found.median, "p05": found.low, "p95": found.high, "values": found.count}


def plain_verification(verification: Verification | None) -> dict[str, Any]:
    """Return a verification as an entry for a mapping; no entry for None."""
    if verification is None:
        return {}
    deviations: dict[str, Any] = {}
    for figure in FIGURES:
        deviations[f"{figure}_deviation"] = getattr(verification, f"{figure}_deviation")
        deviations[f"{figure}_deviation_max"] = verification.largest(figure)
    return {
        "verification": {
            "fidelity": verification.fidelity,
            "checked": len(verification),
            **deviations,
            "knife_edge": verification.knife_edge,
            "limit": verification.limit,
            "limits": verification.limits,
            "failed": verification.failed,
            "passed": verification.passed,
        }
    }
