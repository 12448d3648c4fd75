"""`AnalogSolver`: regressions on simulated circuits, as sums over records or each as a whole.

Both run the same circuits.  Where every regression runs by itself on a pair of arrays that sums are
known of, networks are made from these, many at once (`amcspice.algorithm.alternating.reduced`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.account import Ran, account
from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.records import FactorRecords, unrecorded
from amcspice.algorithm.alternating.reduced import ReducedSolver, Solved
from amcspice.algorithm.alternating.regression import STREAMS, HalfStep, Share, Solution
from amcspice.algorithm.alternating.selected_rows import Known
from amcspice.algorithm.alternating.selection import FACTOR, ProgrammedFactor, Selected
from amcspice.algorithm.alternating.whole_circuits import calibrated, solve_whole
from amcspice.engine import Analysis, get_backend
from amcspice.pool import Pool, Report
from amcspice.simulation.provenance import provenance
from amcspice.simulation.verify import Operation, Verifier
from amcspice.system.ledger import Ledger

__all__ = ["AnalogSolver"]

AT_ONCE = 256
"""Streams of right-hand sides in a block that ngspice does not run."""


class Recorded(NamedTuple):
    """A programmed factor with its records.

    Parameters
    ----------
    programmed : ProgrammedFactor
    records : FactorRecords
    """

    programmed: ProgrammedFactor
    records: FactorRecords

    def part(self, lines: NDArray[np.intp]) -> FactorRecords:
        """Return just these word lines."""
        return self.records.part(lines)


@dataclass(frozen=True)
class AnalogSolver:
    """Regressions on simulated circuits, those of a block together.

    Parameters
    ----------
    analysis : Analysis
    """

    analysis: Analysis = field(default_factory=Analysis)

    @property
    def short(self) -> bool:
        """See `Solver`."""
        return not get_backend(self.analysis).uses_ngspice

    @property
    def streams(self) -> int:
        """See `Solver`."""
        return AT_ONCE if self.short else STREAMS

    def factor(self, half_step: HalfStep) -> ProgrammedFactor | Recorded:
        """See `Solver`."""
        made = ProgrammedFactor.of(
            half_step.factor, half_step.cycle, half_step.circuit, half_step.parameters
        )
        if half_step.calibration:
            made = calibrated(made, half_step.calibration, self.analysis)
        circuit = made.circuit if half_step.separate else None
        if circuit is None or unrecorded(circuit, self.analysis) is not None:
            return made
        get_backend(self.analysis).check(circuit)
        return Recorded(made, FactorRecords.of(made))

    def write(
        self,
        ledger: Ledger,
        factor: ProgrammedFactor | Recorded,
        half_step: HalfStep,
        solutions: Sequence[Solution],
    ) -> None:
        """See `Solver`; beside the arrays columns are scaled, and solutions scaled back."""
        if isinstance(factor, Recorded):
            factor = factor.programmed
        ran = [held for made in solutions for held, _ in made.ledger.sums("operation")]
        if factor.activity is not None and any(held.label == FACTOR for held in ran):
            ledger.write(ledger.activity(factor.activity))
            assert factor.circuit is not None
            for work, flops in factor.circuit.digital_work.items():
                ledger.compute(f"{work} of {FACTOR}", flops, prepares=True)
        if factor.calibrated is not None:
            ledger.merge(factor.calibrated)
        ledger.compute("scaling", 2.0 * half_step.factor.size + half_step.count * factor.width)

    def solve(
        self,
        shares: Sequence[Share],
        report: Report,
        jobs: int | Pool = 1,
        verifier: Verifier | None = None,
    ) -> list[Solution]:
        """See `Solver`."""
        recorded = [isinstance(share.factor, FactorRecords) for share in shares]
        others = [share for share, known in zip(shares, recorded, strict=True) if not known]
        whole = iter(solve_whole(others, self.analysis, report, jobs, verifier))
        return [
            self._on_records(share, report, verifier) if known else next(whole)
            for share, known in zip(shares, recorded, strict=True)
        ]

    def _on_records(self, share: Share, report: Report, verifier: Verifier | None) -> Solution:
        """Solve regressions that have word lines of their own on the records of a factor."""
        began, factor = time.perf_counter(), share.factor
        known, ridges = _known_of(share.right_hand_sides, factor)
        solved = ReducedSolver(self.analysis).solve(factor, known, ridges, report)
        ran = np.flatnonzero(np.isfinite(solved.volts))
        ledger, origin = Ledger(), {}
        if ran.size:
            origin = self._provenance(share, solved, int(ran[-1]), began)
            account(ledger, factor.programmed.activity, [self._ran(factor, known, solved, ran)],
                    self.analysis)  # fmt: skip
        if verifier is not None:
            self._offer(share, solved, ran, verifier)
        measured = solved.measured.take(ran).figures()
        return Solution(share.numbers, solved.values, measured, origin, ledger)

    def _ran(
        self, factor: FactorRecords, known: Known, solved: Solved, ran: NDArray[np.intp]
    ) -> Ran:
        choice = "reference" if factor.programmed.prediction is None else "predicted"
        return Ran(
            solved.measured.take(ran).figures(),
            solved.volts[ran],
            int(known.counts[ran].sum()),
            float(solved.cell_voltage[ran].max()),
            choice if self.analysis.range == "reference" else "fixed",
        )

    def _provenance(
        self, share: Share, solved: Solved, number: int, began: float
    ) -> dict[str, Any]:
        """Return that of one of the regressions."""
        if solved.origin is None:
            return solved.provenance
        return provenance(_selected(share, number).circuit, solved.origin, began)

    def _offer(
        self, share: Share, solved: Solved, ran: NDArray[np.intp], verifier: Verifier
    ) -> None:
        """Show a verifier the regressions that it may draw."""
        for at in verifier.sample.admitted(*share.index, share.numbers[ran]).tolist():
            number = int(ran[at])
            measured = solved.measured.take([number])
            if not np.isfinite(measured.outputs).all():  # it went the way of whole circuits
                right = (share.right_hand_sides[number],)
                factor = share.factor.as_programmed(_lines(right[0], share.factor))
                alone = Share(share.half_step, factor, right, share.index)
                solve_whole([alone], self.analysis, lambda _: None, verifier=verifier)
                continue
            selected, volts = _selected(share, number), float(solved.volts[number])
            operation = Operation(
                selected.circuit.in_range(volts), selected.values, volts,
                measured.solution[0], measured,
            )  # fmt: skip
            verifier.sample.offer((*share.index, int(share.numbers[number])), operation)


def _lines(right: RightHandSides, factor: FactorRecords) -> NDArray[np.intp]:
    """Return where the word lines of a regression stand in the records."""
    if right.lines is None:
        return np.arange(len(factor.array))
    lines = factor.programmed.lines
    return right.lines if lines is None else np.searchsorted(lines, right.lines)


def _known_of(
    rights: Sequence[RightHandSides], factor: FactorRecords
) -> tuple[Known, NDArray[np.float64]]:
    """Return regressions as stored entries, and their ridges."""
    places = [_lines(right, factor) for right in rights]
    known = Known(
        np.cumsum([0, *map(len, places)]),
        np.concatenate(places).astype(np.int64, copy=False),
        np.concatenate([right.values[0] for right in rights]),
    )
    return known, np.array([right.ridge for right in rights])


def _selected(share: Share, number: int) -> Selected:
    """Return one regression as a circuit."""
    right, factor = share.right_hand_sides[number], share.factor
    selected = factor.as_programmed(_lines(right, factor)).select(right)
    assert isinstance(selected, Selected)
    return selected
