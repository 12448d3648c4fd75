"""Ranges predicted without the answers, for regressions on the records of a factor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.networks import range_of
from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.reduced import ReducedSolver, Solved
from amcspice.algorithm.alternating.selected_rows import Known
from amcspice.engine import BACKENDS, Analysis
from amcspice.system.ledger import CALIBRATION, Ledger
from amcspice.system.prediction import Prediction, middle_of

__all__ = ["calibrated"]

Doubles = NDArray[np.float64]


def calibrated(
    factor: FactorRecords, known: Known, ridge: float, analysis: Analysis
) -> tuple[FactorRecords, Ledger]:
    """Predict ranges from some regressions, which are run for that, without their answers.

    Parameters
    ----------
    factor : FactorRecords
    known : Known
        The first regressions.
    ridge : float
        For each entry.
    analysis : Analysis

    Returns
    -------
    factor : FactorRecords
        With the prediction.
    ledger : Ledger
        What that took.
    """
    needed: list[float] = []
    parts: list[Solved] = []
    nothing = np.zeros(factor.programmed.width)
    for each in (known.part(k, k + 1) for k in range(len(known.counts))):
        size = float(np.linalg.norm(each.values))
        # In the range in which injected currents alone leave room.
        first = range_of(factor, analysis, _swing_at(factor, each, nothing))
        start = Prediction(0.0, 1 / float(first), 0)
        programmed = replace(factor.programmed, prediction=start)
        ready = replace(factor, programmed=programmed)
        parts.append(ReducedSolver(analysis).solve(ready, each, ridge * each.counts))
        if size:
            swing = _swing_at(factor, each, parts[-1].values[0])
            needed.append(1 / float(range_of(factor, analysis, swing)) / size)
    solved = Solved.join(parts)
    ledger, activity = Ledger(), factor.programmed.activity
    if activity is not None:
        kind = replace(activity, kind=CALIBRATION + activity.kind, range="predicted")
        ledger.operate(
            ledger.activity(kind), solved.measured, solved.volts, sent=len(known.indices),
            cell_voltage=float(np.nanmax(solved.cell_voltage)),
            in_time=BACKENDS[analysis.fidelity].in_time,
        )  # fmt: skip
    prediction = middle_of(needed)
    programmed = replace(factor.programmed, prediction=prediction)
    return replace(factor, programmed=programmed), ledger


def _swing_at(factor: FactorRecords, known: Known, row: Doubles) -> Doubles:
    """Return the largest voltage across a cell for a solution that was read, at 1 V per unit."""
    circuit = factor.as_programmed(known.indices.astype(np.intp)).circuit
    solution = row[None, factor.programmed.columns]
    if circuit is None:  # nothing on these lines
        return np.zeros(())
    return np.asarray(circuit.swing(known.values[None], solution).cells)
