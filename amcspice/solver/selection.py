"""Regressions that share one programmed matrix and differ in the word lines that count.

A half-step with missing entries programs the arrays once; every regression then selects the
rows that are known for it and switches all other word lines off.  What is known is given as a
sparse matrix, one right-hand side a row: a stored entry is known, whatever its value.  The
sparse matrix may lie on disk (``numpy.memmap``): it is read batch after batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from amcspice.circuit import CompactGINV
from amcspice.circuit.base import Array
from amcspice.errors import UnsupportedError
from amcspice.pool import Pool, Report
from amcspice.solver.each import simulate_each
from amcspice.solver.problem import make_circuit
from amcspice.solver.reference import nonnegative_least_squares
from amcspice.solver.regression import read_out, select_lines
from amcspice.solver.result import Analysis, Run
from amcspice.solver.run import simulate
from amcspice.solver.statistics import Statistics

__all__ = ["AnalogSelection", "DigitalSelection", "Selection", "Solved", "selected_regression"]

BATCH = 48
"""Regressions that a process gets at a time."""

BATCHES_AT_ONCE = 32
"""Batches for each process that are in memory at the same time."""


@dataclass(frozen=True, eq=False)
class Solved:
    """Solutions of a half-step and what was measured.

    Parameters
    ----------
    solutions : ndarray, shape (K, n)
        Zero where nothing was known.
    measured : Statistics
        Of the regressions that were run.
    provenance : dict
        Of one of them.
    """

    solutions: Array
    measured: Statistics
    provenance: dict[str, Any]


class Selection(Protocol):
    """Solves non-negative regressions that share a matrix, each on rows of its own."""

    def __call__(self, matrix: Array, known: sp.csr_array, cycle: int) -> Solved:
        """Solve one regression for every row of ``known``.

        Parameters
        ----------
        matrix : ndarray, shape (m, n)
        known : csr_array, shape (K, m)
            Right-hand sides; only stored entries count.
        cycle : int
            Number of the programming cycle.
        """
        ...


@dataclass(frozen=True, eq=False)
class _Batch:
    """Some regressions with just those rows of the matrix that they need.

    Parameters
    ----------
    numbers : list of int
        Of the right-hand sides.
    rows, values : lists of ndarray
        Rows of ``source`` that are known for each, and their values.
    source : CompactGINV or ndarray
        The programmed circuit, or the matrix for the digital twin.
    """

    numbers: list[int]
    rows: list[NDArray[np.intp]]
    values: list[Array]
    source: Any
    ridge: float
    analysis: Analysis


@dataclass(frozen=True)
class DigitalSelection:
    """Non-negative least squares by scipy.

    Parameters
    ----------
    ridge : float
        Of a regression, for each row that is known.
    jobs : Pool
    """

    ridge: float = 0.0
    jobs: Pool = field(default_factory=Pool)

    def __call__(self, matrix: Array, known: sp.csr_array, cycle: int) -> Solved:
        """See `Selection`."""
        solutions = np.zeros((known.shape[0], matrix.shape[1]))
        batches = _batches(matrix, lambda rows: matrix[rows], known, self.ridge, Analysis())
        for batch, found in _map(self.jobs, _solve_digital, batches, None):
            solutions[batch] = found
        return Solved(solutions, Statistics.of([]), {})


@dataclass(frozen=True)
class AnalogSelection:
    """Non-negative least squares on a simulated circuit, programmed once a half-step.

    Parameters
    ----------
    analysis : Analysis
    circuit : str, optional
        Only ``ginv-compact``, the default, selects rows of programmed arrays.
    parameters : dict
        Of the circuit.
    ridge : float
        Of a regression, for each row that is known.
    jobs : Pool
        Processes that share the regressions; changes no result.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    """

    analysis: Analysis = field(default_factory=Analysis)
    circuit: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    ridge: float = 0.0
    jobs: Pool = field(default_factory=Pool)
    progress: Callable[[int], None] | None = None

    def program(self, matrix: Array, cycle: int) -> CompactGINV:
        """Return the circuit with every row of a matrix programmed.

        Raises
        ------
        UnsupportedError
            If the circuit cannot select rows.
        """
        made = make_circuit(
            "nnls", matrix, circuit=self.circuit, scaling="columns", cycle=cycle, **self.parameters
        )
        if not isinstance(made, CompactGINV):
            raise UnsupportedError(
                f"{made.name} programs its arrays for one selection of rows; use ginv-compact"
            )
        return made

    def __call__(self, matrix: Array, known: sp.csr_array, cycle: int) -> Solved:
        """See `Selection`."""
        solutions = np.zeros((known.shape[0], matrix.shape[1]))
        measured = []
        provenance: dict[str, Any] = {}
        # A column of the matrix without any entry is undetermined, and stays zero.
        columns = np.flatnonzero(matrix.any(axis=0))
        if columns.size:
            made = self.program(matrix[:, columns], cycle)
            # A piece of the arrays is never simulated: its regressions bring their own ridge.
            piece = functools.partial(made.select, ridge=1.0)
            batches = _batches(made.matrix, piece, known, self.ridge, self.analysis)
            for batch, found in _map(self.jobs, _solve_analog, batches, self.progress):
                solutions[np.ix_(np.array(batch), columns)] = found.solutions
                measured.append(found.measured)
                provenance = found.provenance or provenance
        return Solved(solutions, Statistics.join(measured), provenance)


def selected_regression(
    step: AnalogSelection, matrix: Array, known: sp.csr_array, number: int, cycle: int
) -> tuple[CompactGINV, Array, Run] | None:
    """Run one regression of a half-step again, in this process.

    Returns
    -------
    circuit : CompactGINV
    vector : ndarray, shape (k,)
        Its right-hand side.
    run : Run
        None instead of all three if there is nothing to solve.
    """
    columns = np.flatnonzero(matrix.any(axis=0))
    rows, values = _row(known, number)
    if not columns.size or not rows.size:
        return None
    made = select_lines(step.program(matrix[:, columns], cycle), rows, step.ridge * len(rows))
    if made is None:
        return None
    return made[0], values, simulate(made[0], values, analysis=step.analysis)


def _batches(
    matrix: Array,
    take: Callable[[NDArray[np.intp]], Any],
    known: sp.csr_array,
    ridge: float,
    analysis: Analysis,
) -> Iterator[_Batch]:
    """Cut a half-step into batches that hold no more than they need."""
    filled = np.flatnonzero(np.diff(known.indptr))
    for first in range(0, len(filled), BATCH):
        numbers = filled[first : first + BATCH].tolist()
        rows, values = zip(*(_row(known, number) for number in numbers), strict=True)
        needed = np.unique(np.concatenate(rows))
        if not matrix[needed].any():
            continue
        local = [np.searchsorted(needed, one) for one in rows]
        yield _Batch(numbers, local, list(values), take(needed), ridge, analysis)


def _row(known: sp.csr_array, number: int) -> tuple[NDArray[np.intp], Array]:
    """Return the rows that are known for one right-hand side, ascending, and their values."""
    here = slice(known.indptr[number], known.indptr[number + 1])
    rows = np.asarray(known.indices[here], dtype=np.intp)
    values = np.asarray(known.data[here], dtype=float)
    order = np.argsort(rows)
    return rows[order], values[order]


def _map(
    pool: Pool,
    function: Callable[[_Batch, Report], Any],
    batches: Iterator[_Batch],
    report: Report | None,
) -> Iterator[tuple[list[int], Any]]:
    """Share batches out, a bounded number of them at a time."""
    while group := list(islice(batches, BATCHES_AT_ONCE * pool.jobs)):
        for batch, found in zip(group, pool.map(function, group, report), strict=True):
            yield batch.numbers, found


def _solve_digital(batch: _Batch, report: Report) -> Array:
    return np.concatenate(
        [
            nonnegative_least_squares(
                batch.source[rows], values[None], ridge=batch.ridge * len(rows)
            )
            for rows, values in zip(batch.rows, batch.values, strict=True)
        ]
    )


def _solve_analog(batch: _Batch, report: Report) -> Solved:
    solutions = np.zeros((len(batch.numbers), batch.source.matrix.shape[1]))
    chosen = [
        (index, *selected, values)
        for index, (rows, values) in enumerate(zip(batch.rows, batch.values, strict=True))
        if (selected := select_lines(batch.source, rows, batch.ridge * len(rows))) is not None
    ]
    runs = simulate_each(
        [made for _, made, _, _ in chosen],
        [values for *_, values in chosen],
        batch.analysis,
        report,
    )
    for (index, made, columns, _), run in zip(chosen, runs, strict=True):
        solutions[index, columns] = read_out(made, run, batch.analysis)
    report(len(batch.numbers) - len(chosen))
    return Solved(solutions, Statistics.of(runs), runs[-1].provenance if runs else {})
