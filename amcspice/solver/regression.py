"""Many regressions with one matrix: the half-step of alternating least squares.

The analog and the digital step take and return the same, so that the digital twin of a
factorisation is the same code with another step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit, CompactGINV
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.pool import Pool
from amcspice.solver.each import simulate_each
from amcspice.solver.problem import make_circuit
from amcspice.solver.reference import nonnegative_least_squares
from amcspice.solver.result import Analysis, Run
from amcspice.solver.verify import Verifier

__all__ = [
    "AnalogStep",
    "DigitalStep",
    "HalfStep",
    "RegressionStep",
    "read_out",
    "select_lines",
    "solve_each",
]

Mask = NDArray[np.bool_]

RESOLUTION = 1e-5
"""Smallest output that counts as a factor's entry, as a fraction of the output range."""


class RegressionStep(Protocol):
    """Solves non-negative regressions that share a matrix."""

    def __call__(
        self, matrix: Array, vectors: Array, mask: Mask | None, cycle: int
    ) -> tuple[Array, list[Run]]:
        """Return solutions (K, n) for vectors (K, m), and the runs behind them.

        Parameters
        ----------
        matrix : ndarray, shape (m, n)
        vectors : ndarray, shape (K, m)
        mask : ndarray of bool, shape (K, m), optional
            Rows that count for each vector.
        cycle : int
            Number of the programming cycle.
        """
        ...


@dataclass(frozen=True)
class DigitalStep:
    """Non-negative least squares by scipy."""

    ridge: float = 0.0
    lasso: float = 0.0

    def __call__(
        self, matrix: Array, vectors: Array, mask: Mask | None, cycle: int
    ) -> tuple[Array, list[Run]]:
        """See `RegressionStep`."""
        solutions = np.zeros((len(vectors), matrix.shape[1]))
        for rows, members in _groups(mask, vectors):
            solutions[members] = nonnegative_least_squares(
                matrix[rows], vectors[members][:, rows], ridge=self.ridge, lasso=self.lasso
            )
        return solutions, []


@dataclass(frozen=True)
class AnalogStep:
    """Non-negative least squares on a simulated circuit.

    Parameters
    ----------
    analysis : Analysis
    circuit : str, optional
        None is the default of the problem.
    parameters : dict
        Of the circuit.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    jobs : int or Pool
        Processes that share the regressions.
    verifier : Verifier, optional
        Is shown every regression.
    """

    analysis: Analysis = field(default_factory=Analysis)
    circuit: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    progress: Callable[[int], None] | None = None
    jobs: int | Pool = 1
    verifier: Verifier | None = None

    def __call__(
        self, matrix: Array, vectors: Array, mask: Mask | None, cycle: int
    ) -> tuple[Array, list[Run]]:
        """See `RegressionStep`."""
        return solve_each([HalfStep(self, matrix, vectors, mask, cycle)])[0]

    def circuits(self, half: HalfStep) -> Iterator[_Selected]:
        """Yield a circuit for every selection of rows."""
        # A column without an entry is undetermined, and stays zero.
        held = np.flatnonzero(half.matrix.any(axis=0))
        made = self._make(half.matrix[:, held], half.cycle) if held.size else None
        for rows, members in _groups(half.mask, half.vectors):
            selected = None if made is None else self._select(made, rows, half.cycle)
            if selected is None:
                yield _Selected(None, half.vectors[members], members, held[:0])
            else:
                one, lines, columns = selected
                right = half.vectors[np.ix_(members, lines)]
                yield _Selected(one, right, members, held[columns])

    def collect(self, parts: Iterable[_Selected], runs: Iterator[Run], solutions: Array) -> Solved:
        """Fill in the solutions of `circuits` from their runs, in order."""
        own = []
        for one in parts:
            if one.circuit is not None:
                run = next(runs)
                if self.verifier is not None:
                    self.verifier.offer(one.circuit, one.vectors, run)
                found = read_out(one.circuit, run, self.analysis)
                solutions[np.ix_(one.members, one.columns)] = found
                own.append(run)
            if self.progress is not None:
                self.progress(len(one.members))
        return solutions, own

    def _make(self, matrix: Array, cycle: int, **more: Any) -> Circuit:
        options = {"scaling": "columns", "cycle": cycle, **self.parameters, **more}
        return make_circuit("nnls", matrix, circuit=self.circuit, **options)

    def _select(
        self, made: Circuit, rows: Mask, cycle: int
    ) -> tuple[Circuit, NDArray[np.intp], NDArray[np.intp]] | None:
        """Return a circuit for a selection of rows, the rows of its inputs and its columns."""
        every = np.arange(len(rows))
        if rows.all():
            return made, every, np.arange(made.matrix.shape[1])
        if isinstance(made, CompactGINV):
            lines = np.flatnonzero(rows)
            selected = select_lines(made, lines, made.ridge)
            return None if selected is None else (selected[0], lines, selected[1])
        # The classic circuit programs its arrays for one selection.
        columns = np.flatnonzero(made.matrix[rows].any(axis=0))
        if not columns.size:
            return None
        return self._make(made.matrix[:, columns], cycle, rows=rows), every, columns


@dataclass(frozen=True, eq=False)
class _Selected:
    """Right-hand sides that share a selection of rows.

    Parameters
    ----------
    circuit : Circuit, optional
        None if there is nothing to solve.
    vectors : ndarray, shape (K, rows)
    members : ndarray of int, shape (K,)
        Their numbers.
    columns : ndarray of int
        Columns of the matrix that the circuit's solutions belong to.
    """

    circuit: Circuit | None
    vectors: Array
    members: NDArray[np.intp]
    columns: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class HalfStep:
    """Regressions that wait to be solved, and by what; see `RegressionStep`."""

    step: RegressionStep
    matrix: Array
    vectors: Array
    mask: Mask | None
    cycle: int


Solved = tuple[Array, list[Run]]


def solve_each(half_steps: Sequence[HalfStep]) -> list[Solved]:
    """Solve half-steps of different factorisations, those on circuits together.

    Parameters
    ----------
    half_steps : sequence of HalfStep
        Analog ones with equal analyses and one pool.

    Returns
    -------
    list of (ndarray, list of Run)
        What each step returns of its half-step.
    """
    analog = {
        number: (half.step, list(half.step.circuits(half)))
        for number, half in enumerate(half_steps)
        if isinstance(half.step, AnalogStep)
    }
    solved = {
        number: half.step(half.matrix, half.vectors, half.mask, half.cycle)
        for number, half in enumerate(half_steps)
        if number not in analog
    }
    if analog:
        first = next(iter(analog.values()))[0]
        pairs = [
            (one.circuit, one.vectors.T)
            for _, parts in analog.values()
            for one in parts
            if one.circuit is not None
        ]
        runs = iter(
            simulate_each(
                [circuit for circuit, _ in pairs], [right for _, right in pairs], first.analysis,
                jobs=first.jobs,
            )
        )  # fmt: skip
        for number, (step, parts) in analog.items():
            half = half_steps[number]
            solved[number] = step.collect(
                parts, runs, np.zeros((len(half.vectors), half.matrix.shape[1]))
            )
    return [solved[number] for number in range(len(half_steps))]


def read_out(made: Circuit, run: Run, analysis: Analysis) -> Array:
    """Return factors (K, n), or (n,) of one: not negative, zero where an amplifier rests at zero.

    What an offset, or a drop over the output resistance, leaves there is no component: taken
    for one, it would be scaled up to the full range in the next half-step.
    """
    solutions = np.maximum(run.x.T, 0.0)
    if analysis.fidelity == "ideal":
        return solutions
    volts = solutions / made.mapping.column_scale * run.volts_per_unit
    return np.where(volts < RESOLUTION * made.opamp.highest_output, 0.0, solutions)


def select_lines(
    made: CompactGINV, rows: NDArray[np.intp], ridge: float
) -> tuple[CompactGINV, NDArray[np.intp]] | None:
    """Select word lines of programmed arrays and, where need be, bit lines.

    Ridge makes the solution of a column without an entry in the selected rows zero; without
    ridge it is undetermined, and its amplifier is disconnected.

    Parameters
    ----------
    made : CompactGINV
    rows : ndarray of int
        Ascending.
    ridge : float
        Of the regression.

    Returns
    -------
    circuit : CompactGINV
    columns : ndarray of int
        Of its solution; None instead of both if no selected row has an entry.
    """
    held = made.matrix[rows].any(axis=0)
    if not held.any():
        return None
    if ridge or held.all():
        return made.select(rows, ridge=ridge), np.arange(len(held))
    columns = np.flatnonzero(held)
    return made.select(rows, columns, ridge=ridge), columns


def _groups(mask: Mask | None, vectors: Array) -> Iterator[tuple[Mask, NDArray[np.intp]]]:
    """Yield row selections and the vectors that share them."""
    if mask is None:
        yield np.ones(vectors.shape[1], bool), np.arange(len(vectors))
        return
    if mask.shape != vectors.shape:
        raise InputError(f"mask: shape {mask.shape} must be {vectors.shape}, as the matrix")
    selections, group = np.unique(mask, axis=0, return_inverse=True)
    for index, rows in enumerate(selections):
        if rows.any():
            yield rows, np.flatnonzero(group.ravel() == index)
