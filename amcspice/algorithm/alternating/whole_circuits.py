"""Regressions on whole circuits: each a circuit of its own, with its word lines connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from amcspice.algorithm.alternating.account import Ran, account
from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.regression import Share, Solution
from amcspice.algorithm.alternating.selection import ProgrammedFactor, Selected, read_out
from amcspice.circuit.base import Array
from amcspice.engine import Analysis
from amcspice.measure import Measurement
from amcspice.pool import Pool, Report
from amcspice.simulation import Run, simulate_many
from amcspice.simulation.verify import Verifier
from amcspice.system.ledger import Ledger
from amcspice.system.prediction import by_size, first_range, middle_of

__all__ = ["calibrated", "solve_whole"]


def solve_whole(
    shares: Sequence[Share],
    analysis: Analysis,
    report: Report,
    jobs: int | Pool = 1,
    verifier: Verifier | None = None,
) -> list[Solution]:
    """Solve shares of programmed factors; see `Solver.solve`."""
    selections = [
        [share.factor.select(right) for right in share.right_hand_sides] for share in shares
    ]
    circuits = [one for selection in selections for one in selection if one is not None]
    runs = iter(
        simulate_many(
            [selected.circuit for selected in circuits],
            [selected.values.T for selected in circuits],
            analysis,
            report,
            jobs,
            [selected.volts for selected in circuits],
        )
    )
    solutions = []
    for share, selection in zip(shares, selections, strict=True):
        values: list[Array] = []
        measured: list[Measurement] = []
        origin: dict[str, Any] = {}
        ran: list[Ran] = []
        for right, selected in zip(share.right_hand_sides, selection, strict=True):
            rows = np.zeros((len(right.numbers), share.factor.width))
            values.append(rows)
            if selected is None:
                report(len(rows))
                continue
            run = next(runs)
            measured.append(run.measurement.figures())
            ran.append(_ran(selected, run, measured[-1]))
            origin = run.provenance
            rows[:, selected.columns] = read_out(selected.circuit, run)
            if verifier is not None:
                verifier.offer(selected.circuit, selected.values, run, share.index, right.numbers)
        ledger = Ledger()
        account(ledger, share.factor.activity, ran, analysis)
        solutions.append(
            Solution(
                share.numbers, np.concatenate(values), Measurement.join(measured), origin, ledger
            )
        )
    return solutions


def calibrated(
    factor: ProgrammedFactor, rights: Sequence[RightHandSides], analysis: Analysis
) -> ProgrammedFactor:
    """Predict ranges from the first regressions, which are run for that.

    Parameters
    ----------
    factor : ProgrammedFactor
    rights : sequence of RightHandSides
    analysis : Analysis
    """
    chosen = [one for one in map(factor.select, rights) if one is not None]
    if not chosen:
        return factor
    read = analysis.read_voltage
    runs = simulate_many(
        [selected.circuit for selected in chosen],
        [selected.values.T for selected in chosen],
        analysis,
        volts=[first_range(each.circuit, each.values, read) for each in chosen],
    )
    needed: list[float] = []
    ledger, ran = Ledger(), []
    for selected, run in zip(chosen, runs, strict=True):
        ran.append(_ran(selected, run, run.measurement.figures()))
        needed += by_size(selected.circuit, selected.values, run.measurement.solution, read)
    account(ledger, factor.activity, ran, analysis, calibrates=True)
    first = chosen[0]
    least = 0.0
    if getattr(first.circuit, "lasso", 0.0):  # its currents flow always
        least = 1 / first_range(first.circuit, 0 * first.values[:1], read)
    return replace(factor, prediction=middle_of(needed, least), calibrated=ledger)


def _ran(selected: Selected, run: Run, figures: Measurement) -> Ran:
    """Return what a run enters into a ledger; a circuit of its own converts its lines alone."""
    inputs = selected.values.shape[1]
    if selected.reprogrammed:
        inputs = int(selected.circuit.rows.sum())  # type: ignore[attr-defined]
    return Ran(
        figures,
        [run.volts_per_unit],
        inputs * len(run),
        run.range.cell_voltage,
        run.range.choice,
        selected.reprogrammed,
    )
