"""Regressions on selected rows as small networks, made from sums: at dc, and in time.

Batches of these take the same path as any others from `Batch` on: a backend runs them, and
`measure` measures them.  A few that the sums do not do for, such as with columns so nearly
dependent that the exact answer needs another method, go the way of whole circuits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.networks import Networks
from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.regression import AnalogSolver, Share
from amcspice.algorithm.alternating.selected_rows import Known, reduce_rows
from amcspice.engine import BACKENDS, Analysis, Backend, get_backend
from amcspice.engine.dc.single import SingleRests
from amcspice.measure import Measurement, measure
from amcspice.pool import Report
from amcspice.simulation.ranging import MAX_REPEATS, SWINGING_REPEATS

__all__ = ["ReducedSolver", "Solved"]

AT_DC = 1024
"""Regressions at a time, at dc."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solved:
    """What became of K regressions.

    Parameters
    ----------
    values : ndarray, shape (K, rank)
        Rows of the factor.
    measured : Measurement
        Without outputs and solutions.
    volts : ndarray, shape (K,)
        Volts per unit.
    cell_voltage : ndarray, shape (K,)
        Largest voltage across a cell that the range asks for [V].
    current : ndarray, shape (K,)
        Largest current out of an output at rest [A]; nan where it is not known.
    """

    values: Doubles
    measured: Measurement
    volts: Doubles
    cell_voltage: Doubles
    current: Doubles

    def figures(self) -> Solved:
        """Return it without the rows of the factor."""
        return replace(self, values=np.empty((len(self.volts), 0)))

    @classmethod
    def join(cls, parts: list[Solved]) -> Solved:
        """Return those of consecutive regressions as one."""
        arrays = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("values", "volts", "cell_voltage", "current")
        )
        values, *others = arrays
        return cls(values, Measurement.join([part.measured for part in parts]), *others)


@dataclass(frozen=True)
class ReducedSolver:
    """Solves regressions on the records of a programmed factor.

    Parameters
    ----------
    analysis : Analysis
    """

    analysis: Analysis

    def solve(
        self,
        factor: FactorRecords,
        known: Known,
        ridge: float,
        report: Report | None = None,
    ) -> Solved:
        """Solve regressions; none depends on the others.

        Parameters
        ----------
        factor : FactorRecords
        known : Known
            At least one entry of each.
        ridge : float
            For each entry.
        report : callable, optional
            Called with the number of regressions finished since the last call.
        """
        count, parts = len(known.counts), []
        at_once = self._backend.largest_batch if self._in_time else AT_DC
        for first in range(0, count, at_once):
            last = min(first + at_once, count)
            parts.append(self._solve(factor, known.part(first, last), ridge))
            if report is not None:
                report(last - first)
        return Solved.join(parts)

    @property
    def _backend(self) -> Backend:
        return get_backend(self.analysis)

    @property
    def _in_time(self) -> bool:
        return bool(BACKENDS[self.analysis.fidelity].in_time)

    def _solve(self, factor: FactorRecords, known: Known, ridge: float) -> Solved:
        ridges = np.ldexp(ridge * known.counts, -2 * factor.exponent)
        with np.errstate(invalid="ignore"):
            reduced = reduce_rows(factor.array, factor.width, known, ridges)
        group = Networks(factor, reduced, ridge * known.counts.astype(float))
        solved = self._run(group, np.flatnonzero(~reduced.left))
        lost = reduced.left.copy()
        if not self._in_time:
            lost |= ~solved.measured.settled
        for number in np.flatnonzero(lost).tolist():
            own = known.part(number, number + 1)
            self._as_whole_circuit(factor, own, ridge, solved, number)
        return solved

    def _run(self, group: Networks, todo: NDArray[np.intp]) -> Solved:
        """Run regressions in ranges in which no amplifier comes near a limit."""
        count, n = len(group.reduced.left), group.factor.width
        # Each figure in an array of its own: what goes the way of whole circuits is put there.
        nothing = np.zeros(0, np.intp)
        measured = _placed(Measurement.blank(count, n), Measurement.blank(0, n), nothing)
        currents = np.full(count, np.nan)
        volts = np.full(count, np.nan)
        repeats = 0
        fixed = self.analysis.range != "reference"
        volts[todo] = group.first_volts(self.analysis)[todo]
        while todo.size:
            made, current = self._once(group, todo, volts[todo])
            measured, currents[todo] = _placed(measured, made, todo), current
            near = made.near_limit if repeats < SWINGING_REPEATS else made.rests_near_limit
            if fixed or repeats == MAX_REPEATS:
                break
            todo, repeats = todo[near], repeats + 1
            volts[todo] *= 0.5
        values = np.zeros((count, group.factor.programmed.width))
        values[:, group.factor.programmed.columns] = group.rows_of(measured, volts)
        return Solved(values, measured.figures(), volts, group.swing * volts, currents)

    def _once(
        self, group: Networks, rows: NDArray[np.intp], volts: Doubles
    ) -> tuple[Measurement, Doubles]:
        """Run some regressions in given ranges; return what was measured, and output currents."""
        batch, drive = group.batch(rows), group.drive(rows, volts)
        if self._in_time:
            prepared: Any = self._backend.prepare(batch)
        else:
            prepared = SingleRests(batch, group.reduced.answers[rows] > 0)
        (response,) = prepared.run(drive)
        measured = measure(batch, response, drive, self.analysis)
        exact = response.exact
        final = response.voltages[response.starts[1:] - 1] if exact is None else exact.final
        out = batch.outputs
        delivered = batch.delivered(final, drive.into[:, 0])[:, out]
        answers = np.ldexp(group.reduced.answers[rows], -group.factor.exponent)
        made = measured.read_out(batch.circuit, volts[:, None], answers)  # type: ignore[arg-type]
        return made, np.asarray(delivered.max(axis=1))

    def _as_whole_circuit(
        self, factor: FactorRecords, known: Known, ridge: float, solved: Solved, number: int
    ) -> None:
        """Solve one regression as others are solved one by one, and put it in its place."""
        lines = known.indices.astype(np.intp)
        right = RightHandSides(np.zeros(1, int), known.values[None], lines, ridge * len(lines))
        share = Share(0, factor.part(lines), (right,), ())
        (made,) = AnalogSolver(self.analysis).solve([share], lambda _: None)
        solved.values[number] = made.values[0]
        solved.current[number] = np.nan
        if not len(made.measured):  # nothing on these lines: nothing ran, and it is zero
            return
        for _, row in made.ledger.sums("operation"):
            solved.volts[number] = row["lowest_range"]
            solved.cell_voltage[number] = row["cell_voltage"]
        for name, figures in solved.measured.to_arrays().items():
            figures[number] = made.measured.to_arrays()[name][0]


def _placed(whole: Measurement, part: Measurement, rows: NDArray[np.intp]) -> Measurement:
    """Return a measurement with that of some rows in their places."""
    arrays: dict[str, Any] = {}
    for name, values in vars(part).items():
        if name == "power":
            continue
        arrays[name] = np.array(getattr(whole, name))
        arrays[name][rows] = values
    power = np.array(whole.power["total"])
    power[rows] = part.power["total"]
    return Measurement(**arrays, power={"total": power})
