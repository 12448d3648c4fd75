"""Regressions on selected rows as small networks, made from sums: at dc, and in time.

Batches of these take the same path as any others from `Batch` on: a backend runs them, and
`measure` measures them.  A few that the sums do not do for, such as with columns so nearly
dependent that the exact answer needs another method, go the way of whole circuits.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.networks import Networks
from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.regression import Share, Solution
from amcspice.algorithm.alternating.selected_rows import (
    Known,
    SelectedRows,
    reduce_rows,
)
from amcspice.algorithm.alternating.whole_circuits import solve_whole
from amcspice.engine import BACKENDS, Analysis, Backend, Forecast, Origin, get_backend
from amcspice.engine.dc.single import SingleRests
from amcspice.measure import Measurement, measure
from amcspice.pool import Report
from amcspice.simulation.once import foretold_near_limits, join_forecasts
from amcspice.simulation.ranging import (
    MAX_REPEATS,
    SWINGING_REPEATS,
    warn_of_small_outputs,
)
from amcspice.simulation.regular import regular

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
        Outputs and solutions are not known of what went the way of whole circuits.
    volts : ndarray, shape (K,)
        Volts per unit; nan of those that nothing is connected to, which did not run.
    cell_voltage : ndarray, shape (K,)
        Largest voltage across a cell that the range asks for [V].
    current : ndarray, shape (K,)
        Largest current out of an output at rest [A]; nan where it is not known.
    origin : Origin, optional
        What ran, of one of them; None where all went the way of whole circuits.
    provenance : dict
        Of one of these, then.
    """

    values: Doubles
    measured: Measurement
    volts: Doubles
    cell_voltage: Doubles
    current: Doubles
    origin: Origin | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def figures(self) -> Solved:
        """Return it without the rows of the factor, outputs and solutions."""
        none = np.empty((len(self.volts), 0))
        return replace(self, values=none, measured=self.measured.figures())

    @classmethod
    def join(cls, parts: list[Solved]) -> Solved:
        """Return those of consecutive regressions as one."""
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("values", "volts", "cell_voltage", "current")
        }
        measured = Measurement.join([part.measured for part in parts])
        last = max(parts, key=lambda part: (part.origin is not None, bool(part.provenance)))
        return cls(measured=measured, origin=last.origin, provenance=last.provenance, **arrays)


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
        ridges: NDArray[np.floating[Any]],
        report: Report | None = None,
    ) -> Solved:
        """Solve regressions; none depends on the others.

        Parameters
        ----------
        factor : FactorRecords
        known : Known
            At least one entry of each.
        ridges : ndarray, shape (C,)
        report : callable, optional
            Called with the number of regressions finished since the last call.
        """
        count, parts = len(known.counts), []
        each: Doubles = np.asarray(ridges, np.float64)
        for ridge in np.sort(each[each > 0])[[0, -1]] if each.any() else ():
            replace(factor.circuit, ridge=float(ridge))  # refuses one of an unusual size
        at_once = self._backend.largest_batch if self._in_time else AT_DC
        for first in range(0, count, at_once):
            last = min(first + at_once, count)
            parts.append(self._solve(factor, known.part(first, last), each[first:last]))
            if report is not None:
                report(last - first)
        return Solved.join(parts)

    @property
    def _backend(self) -> Backend:
        return get_backend(self.analysis)

    @property
    def _in_time(self) -> bool:
        return bool(BACKENDS[self.analysis.fidelity].in_time)

    def _solve(self, factor: FactorRecords, known: Known, ridges: Doubles) -> Solved:
        with np.errstate(invalid="ignore"):
            reduced = reduce_rows(
                factor.array, factor.width, known, np.ldexp(ridges, -2 * factor.exponent)
            )
        group = Networks(factor, reduced, ridges)
        nothing = _without_entries(factor, known, reduced)
        whole = (reduced.left | _incomplete(factor, known, reduced, ridges)) & ~nothing
        solved = self._run(group, np.flatnonzero(~whole & ~nothing))
        solved.values[nothing] = 0.0
        if not self._in_time:
            whole |= ~solved.measured.settled & ~nothing
        if whole.any():
            made = self._as_whole_circuits(factor, known, ridges, solved, np.flatnonzero(whole))
            if solved.origin is None:
                solved = replace(solved, provenance=made[-1].provenance)
        return solved

    def _run(self, group: Networks, todo: NDArray[np.intp]) -> Solved:
        """Run regressions in ranges in which no amplifier comes near a limit."""
        count, n = len(group.reduced.left), group.factor.width
        # Each figure in an array of its own: what goes the way of whole circuits is put there.
        nothing = np.zeros(0, np.intp)
        measured = _placed(Measurement.blank(count, n), Measurement.blank(0, n), nothing)
        currents = np.full(count, np.nan)
        volts = np.full(count, np.nan)
        repeats, origin = np.zeros(count, np.intp), None
        fixed = self.analysis.range != "reference"
        volts[todo] = group.first_volts(self.analysis)[todo]
        while todo.size:
            most = 0 if fixed else MAX_REPEATS
            with regular():
                prepared = self._prepare(group, todo)
                forecast = _forecast(prepared, group, todo, volts, repeats, most)
                made, currents[todo] = self._once(prepared, group, todo, volts[todo], forecast)
            measured = _placed(measured, made, todo)
            if fixed:
                largest = np.abs(made.outputs).max(axis=1)
                asked = np.asarray(made.answer.any(axis=1))
                warn_of_small_outputs(prepared.batch, largest, asked, float(self.analysis.range))
            origin = prepared.origin(group.drive(todo, volts[todo]), forecast)[-1]
            if fixed:
                break
            tried = repeats[todo]
            near = np.where(tried < SWINGING_REPEATS, made.near_limit, made.rests_near_limit)
            todo = todo[near & (tried < MAX_REPEATS)]
            volts[todo] *= 0.5
            repeats[todo] += 1
        values = np.zeros((count, group.factor.programmed.width))
        values[:, group.factor.programmed.columns] = group.rows_of(measured, volts)
        return Solved(values, measured, volts, group.swing * volts, currents, origin)

    def _prepare(self, group: Networks, rows: NDArray[np.intp]) -> Any:
        """Return some regressions ready to run."""
        if self._in_time:
            return self._backend.prepare(group.batch(rows))
        return SingleRests(group.batch(rows), group.reduced.answers[rows] > 0)

    def _once(
        self,
        prepared: Any,
        group: Networks,
        rows: NDArray[np.intp],
        volts: Doubles,
        forecast: Forecast | None,
    ) -> tuple[Measurement, Doubles]:
        """Run some regressions in given ranges; return what was measured, and output currents."""
        batch, drive = prepared.batch, group.drive(rows, volts)
        (response,) = prepared.run(drive, forecast=forecast, waveforms=False)
        measured = measure(batch, response, drive, self.analysis)
        exact = response.exact
        final = response.voltages[response.starts[1:] - 1] if exact is None else exact.final
        out = batch.outputs
        delivered = batch.delivered(final, drive.into[:, 0])[:, out]
        answers = np.ldexp(group.reduced.answers[rows], -group.factor.exponent)
        made = measured.read_out(batch.circuit, volts[:, None], answers)
        return made, np.asarray(delivered.max(axis=1))

    def _as_whole_circuits(
        self,
        factor: FactorRecords,
        known: Known,
        ridges: Doubles,
        solved: Solved,
        numbers: NDArray[np.intp],
    ) -> list[Solution]:
        """Solve some regressions as circuits of their own, and put them in their places."""
        shares = []
        for number in numbers.tolist():
            own, ridge = known.part(number, number + 1), float(ridges[number])
            programmed = factor.as_programmed(own.indices.astype(np.intp))
            right = RightHandSides(np.zeros(1, int), own.values[None], programmed.lines, ridge)
            shares.append(Share(0, programmed, (right,), ()))
        solutions = solve_whole(shares, self.analysis, lambda _: None)
        for number, made in zip(numbers.tolist(), solutions, strict=True):
            solved.values[number] = made.values[0]
            solved.current[number] = np.nan
            if not len(made.measured):  # nothing on these lines: nothing ran, and it is zero
                continue
            for _, row in made.ledger.sums("operation"):
                solved.volts[number] = row["lowest_range"]
                solved.cell_voltage[number] = row["cell_voltage"]
            for name, figures in solved.measured.to_arrays().items():
                figures[number] = made.measured.to_arrays()[name][0]
        return solutions


def _without_entries(
    factor: FactorRecords, known: Known, reduced: SelectedRows
) -> NDArray[np.bool_]:
    """Tell on whose lines no entry stands, shape (C,): nothing runs, and they are zero."""
    nothing = np.zeros(len(reduced.left), bool)
    for number in np.flatnonzero(~reduced.answers.any(axis=1) & ~reduced.left).tolist():
        nothing[number] = not factor.entries(known.part(number, number + 1).indices).any()
    return nothing


def _incomplete(
    factor: FactorRecords, known: Known, reduced: SelectedRows, ridges: Doubles
) -> NDArray[np.bool_]:
    """Tell which networks lack something, shape (C,): how to go on is known of whole circuits.

    Of a column without an entry on the lines nothing is determined without a ridge, and its
    amplifier is disconnected.  A line that nothing hangs on is refused.
    """
    incomplete = ~np.isfinite(reduced.square)
    if not ridges.all():
        largest = np.maximum.reduceat(factor.entries(known.indices), known.starts[:-1])
        incomplete |= (ridges == 0) & ~largest.all(axis=1)
    return np.asarray(incomplete)


def _forecast(
    prepared: Any,
    group: Networks,
    rows: NDArray[np.intp],
    volts: Doubles,
    repeats: NDArray[np.intp],
    most: int,
) -> Forecast | None:
    """Halve ranges that are foretold to be too large, before anything runs in them.

    Ranges ``volts`` and how often each was halved, ``repeats``, are changed; none is halved more
    than ``most`` times.  The forecast is that in the ranges that are left.
    """
    while True:
        forecast = join_forecasts(list(prepared.forecast(group.drive(rows, volts[rows]))))
        if forecast is None:
            return None
        near = foretold_near_limits(prepared.batch, forecast) & (repeats[rows] < most)
        if not near.any():
            return forecast
        volts[rows[near]] *= 0.5
        repeats[rows[near]] += 1


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
