"""The regressions of a half-step, and what solves them: simulated circuits, or algebra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.selection import (
    FACTOR,
    DigitalFactor,
    ProgrammedFactor,
    Selected,
    read_out,
)
from amcspice.circuit.base import Array
from amcspice.engine import BACKENDS, Analysis, get_backend
from amcspice.measure import Measurement
from amcspice.pool import Pool, Report
from amcspice.simulation import Run, simulate_many
from amcspice.simulation.sample import Index
from amcspice.simulation.verify import Verifier
from amcspice.system.ledger import CALIBRATION, Ledger
from amcspice.system.prediction import by_size, first_range, middle_of

__all__ = ["AnalogSolver", "DigitalSolver", "HalfStep", "Share", "Solution", "Solver"]


@dataclass(frozen=True, eq=False)
class HalfStep:
    """All regressions on one factor.

    Parameters
    ----------
    factor : ndarray, shape (m, rank)
        The one that is held fixed.
    right_hand_sides : iterable of RightHandSides
    count : int
        Number of regressions; of those without right-hand sides the solution is zero.
    cycle : int
        Number of the programming cycle.
    circuit, parameters
        See `amcspice.make_circuit`.
    index : tuple of int
        What the regressions have in common where some are drawn, see `Verifier`.
    calibration : tuple of RightHandSides
        The first of them, where ranges are predicted without the answers.
    """

    factor: Array
    right_hand_sides: Iterable[RightHandSides]
    count: int
    cycle: int = 0
    circuit: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    index: Index = ()
    calibration: tuple[RightHandSides, ...] = ()


@dataclass(frozen=True, eq=False)
class Solution:
    """Solutions of regressions on one factor, and what was measured.

    Parameters
    ----------
    numbers : ndarray of int, shape (K,)
        Of the regressions.
    values : ndarray, shape (K, rank)
    measured : Measurement
        Of those that were run.
    provenance : dict
        Of one of them.
    ledger : Ledger
        What it took.
    """

    numbers: NDArray[np.intp]
    values: Array
    measured: Measurement
    provenance: dict[str, Any]
    ledger: Ledger = field(default_factory=Ledger)

    @classmethod
    def join(
        cls, count: int, rank: int, parts: Sequence[Solution], ledger: Ledger | None = None
    ) -> Solution:
        """Put parts in their places, after what a ledger holds; what is in none of them is zero."""
        values = np.zeros((count, rank))
        for part in parts:
            values[part.numbers] = part.values
        provenance = [part.provenance for part in parts if part.provenance]
        ledger = Ledger() if ledger is None else ledger
        for part in parts:
            ledger.merge(part.ledger)
        return cls(
            numbers=np.arange(count),
            values=values,
            measured=Measurement.join([part.measured for part in parts]),
            provenance=provenance[-1] if provenance else {},
            ledger=ledger,
        )


@dataclass(frozen=True, eq=False)
class Share:
    """What is in a block of one half-step.

    Parameters
    ----------
    half_step : int
        Which one.
    factor : ProgrammedFactor or DigitalFactor
        With the word lines that are needed.
    right_hand_sides : tuple of RightHandSides
    index : tuple of int
        See `HalfStep`.
    """

    half_step: int
    factor: Any
    right_hand_sides: tuple[RightHandSides, ...]
    index: Index

    @property
    def numbers(self) -> NDArray[np.intp]:
        """Of all regressions in order."""
        return np.concatenate([right.numbers for right in self.right_hand_sides])


class Solver(Protocol):
    """Solves non-negative regressions: on circuits, or as their digital twin."""

    @property
    def short(self) -> bool:
        """Whether blocks take less than a process takes to start."""
        ...

    def factor(self, half_step: HalfStep) -> Any:
        """Return the factor made ready for its regressions."""
        ...

    def write(
        self, ledger: Ledger, factor: Any, half_step: HalfStep, solutions: Sequence[Solution]
    ) -> None:
        """Enter into a ledger what it takes to make a factor ready for these solutions."""
        ...

    def solve(
        self,
        shares: Sequence[Share],
        report: Report,
        jobs: int | Pool = 1,
        verifier: Verifier | None = None,
    ) -> list[Solution]:
        """Solve the regressions of a block, those of every share in order.

        Parameters
        ----------
        shares : sequence of Share
        report : callable
            Called with the number of regressions finished since the last call.
        jobs : int or Pool
            Processes that may share a long stream.
        verifier : Verifier, optional
            Is shown every regression.
        """
        ...


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

    def factor(self, half_step: HalfStep) -> ProgrammedFactor:
        """See `Solver`."""
        made = ProgrammedFactor.of(
            half_step.factor, half_step.cycle, half_step.circuit, half_step.parameters
        )
        return self._calibrated(made, half_step.calibration) if half_step.calibration else made

    def _calibrated(
        self, factor: ProgrammedFactor, rights: Sequence[RightHandSides]
    ) -> ProgrammedFactor:
        """Predict ranges from the first regressions, which are run for that."""
        chosen = [one for one in map(factor.select, rights) if one is not None]
        if not chosen:
            return factor
        read = self.analysis.read_voltage
        runs = simulate_many(
            [selected.circuit for selected in chosen],
            [selected.values.T for selected in chosen],
            self.analysis,
            volts=[first_range(each.circuit, each.values, read) for each in chosen],
        )
        needed: list[float] = []
        ledger, ran = Ledger(), []
        for selected, run in zip(chosen, runs, strict=True):
            ran.append(_Ran(selected, run, run.measurement.figures()))
            needed += by_size(selected.circuit, selected.values, run.measurement.solution, read)
        _account(ledger, factor, ran, calibrates=True)
        first = chosen[0]
        least = 0.0
        if getattr(first.circuit, "lasso", 0.0):  # its currents flow always
            least = 1 / first_range(first.circuit, 0 * first.values[:1], read)
        return replace(factor, prediction=middle_of(needed, least), calibrated=ledger)

    def write(
        self,
        ledger: Ledger,
        factor: ProgrammedFactor,
        half_step: HalfStep,
        solutions: Sequence[Solution],
    ) -> None:
        """See `Solver`; beside the arrays columns are scaled, and solutions scaled back."""
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
        selections = [
            [share.factor.select(right) for right in share.right_hand_sides] for share in shares
        ]
        circuits = [one for selection in selections for one in selection if one is not None]
        runs = iter(
            simulate_many(
                [selected.circuit for selected in circuits],
                [selected.values.T for selected in circuits],
                self.analysis,
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
            ran: list[_Ran] = []
            for right, selected in zip(share.right_hand_sides, selection, strict=True):
                rows = np.zeros((len(right.numbers), share.factor.width))
                values.append(rows)
                if selected is None:
                    report(len(rows))
                    continue
                run = next(runs)
                measured.append(run.measurement.figures())
                ran.append(_Ran(selected, run, measured[-1]))
                origin = run.provenance
                rows[:, selected.columns] = read_out(selected.circuit, run)
                if verifier is not None:
                    verifier.offer(
                        selected.circuit, selected.values, run, share.index, right.numbers
                    )
            ledger = Ledger()
            _account(ledger, share.factor, ran)
            solutions.append(
                Solution(
                    share.numbers,
                    np.concatenate(values),
                    Measurement.join(measured),
                    origin,
                    ledger,
                )
            )
        return solutions


class _Ran(NamedTuple):
    """A selection with its run, and the figures of that."""

    selected: Selected
    run: Run
    figures: Measurement


def _account(
    ledger: Ledger,
    factor: ProgrammedFactor,
    ran: Sequence[_Ran],
    *,
    calibrates: bool = False,
) -> None:
    """Enter runs: their operations, and the writing where the arrays were written for one."""
    if factor.activity is None:  # there was nothing to program, and nothing ran
        return
    for reprogrammed in (False, True):
        some = [each for each in ran if each.selected.reprogrammed == reprogrammed]
        if not some:
            continue
        first = some[0].run
        label = f"{FACTOR}, lines of its own" if reprogrammed else FACTOR
        kind = (CALIBRATION if calibrates else "") + factor.activity.kind
        activity = ledger.activity(
            replace(factor.activity, label=label, kind=kind, range=first.range.choice)
        )
        if reprogrammed:
            ledger.write(activity, len(some))
        ledger.operate(
            activity,
            Measurement.join([each.figures for each in some]),
            [each.run.volts_per_unit for each in some],
            sent=sum(_driven(each.selected) * len(each.run) for each in some),
            cell_voltage=max(each.run.range.cell_voltage for each in some),
            in_time=BACKENDS[first.fidelity].in_time,
        )


def _driven(selected: Selected) -> int:
    """Return how many inputs convert for a right-hand side."""
    if selected.reprogrammed:
        return int(selected.circuit.rows.sum())  # type: ignore[attr-defined]
    return int(selected.values.shape[1])


@dataclass(frozen=True)
class DigitalSolver:
    """The digital twin: exact non-negative least squares."""

    short = True

    def factor(self, half_step: HalfStep) -> DigitalFactor:
        """See `Solver`."""
        return DigitalFactor(half_step.factor, half_step.parameters.get("lasso", 0.0))

    def write(
        self,
        ledger: Ledger,
        factor: DigitalFactor,
        half_step: HalfStep,
        solutions: Sequence[Solution],
    ) -> None:
        """See `Solver`: nothing is written."""

    def solve(
        self,
        shares: Sequence[Share],
        report: Report,
        jobs: int | Pool = 1,
        verifier: Verifier | None = None,
    ) -> list[Solution]:
        """See `Solver`."""
        nothing = Measurement.blank()
        return [
            Solution(
                share.numbers,
                share.factor.solve(share.right_hand_sides),
                nothing,
                {},
            )
            for share in shares
        ]
