"""Regressions on selected rows of a programmed pair of arrays; see ``selected_rows.cpp``.

With ideal wires a row is one node.  Of its cells g to driven lines x and h to sensed lines c, its
compensation and an injected current J it is at ``(g'x + h'c + J)/S``, with S the total of all that
hangs on it.  So the network between the lines is made of sums over the selected rows::

    diag(sum g) - sum g g'/S           - sum g h'/S
         - sum h g'/S            diag(sum h) - sum h h'/S

and a row sends ``g J/S`` and ``h J/S`` into the lines, while ``J^2/S`` is delivered into the rows
themselves.  S does not depend on the selection, so it is known when the arrays are programmed.

The exact answers come from the same pass over the rows of the matrix (`amcspice.problem`), and so
does how far the rows swing, which the range depends on.  No regression is split: each is summed up
in ascending order of its rows, so that no answer depends on what is solved beside it, or where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.native import compiled

__all__ = [
    "LOT",
    "Known",
    "SelectedRows",
    "padded_rows",
    "record_width",
    "reduce_rows",
    "solve_known",
    "squared_errors",
]  # fmt: skip

Marks = NDArray[np.bool_]

LOT = 8
"""Numbers that compiled code takes at once: columns are padded to whole lots."""


class Known(NamedTuple):
    """Stored entries of C regressions.

    Parameters
    ----------
    starts : ndarray of int, shape (C + 1,)
        Where each begins.
    indices : ndarray of int, shape (stored,)
        Selected rows, ascending in each regression.
    values : ndarray, shape (stored,)
        Right-hand sides.
    """

    starts: NDArray[np.int64]
    indices: NDArray[np.int64]
    values: Array

    @property
    def counts(self) -> NDArray[np.int64]:
        """Selected rows of each regression, shape (C,)."""
        return np.diff(self.starts)

    def part(self, first: int, last: int) -> Known:
        """Return some of the regressions."""
        begin, end = self.starts[first], self.starts[last]
        starts = self.starts[first : last + 1] - begin
        return Known(starts, self.indices[begin:end], self.values[begin:end])


@dataclass(frozen=True, eq=False)
class SelectedRows:
    """C regressions, seen from driven and sensed lines, n of each.

    Parameters
    ----------
    conductance : ndarray, shape (C, 2 n, 2 n)
        Between the lines, the driven ones first [S].
    into : ndarray, shape (C, 2 n)
        What arrives at the lines of one ampere for each unit of the right-hand side.
    square : ndarray, shape (C,)
        Sum of b^2/S: what the sources deliver into the rows for that [V/A].
    size, largest : ndarray, shape (C,)
        Right-hand sides: sum of squares, and largest magnitude.
    least, most : ndarray, shape (C,)
        Residual ``b - A x`` of a row over its nominal total, at the exact answer [1/S].
    answers : ndarray, shape (C, n)
        Exact ones.
    left : ndarray of bool, shape (C,)
        Where the exact answer needs another method; ``answers``, ``least`` and ``most`` mean
        nothing there.
    """

    conductance: Array
    into: Array
    square: Array
    size: Array
    largest: Array
    least: Array
    most: Array
    answers: Array
    left: NDArray[np.bool_]


def record_width(n: int) -> int:
    """Return how many numbers a record of n columns holds.

    Cells to the driven lines, cells to the sensed lines, the row of the matrix, each padded with
    zeros to whole lots, and a lot with S, 1/S and one over the nominal S.
    """
    return 3 * (-(-n // LOT) * LOT) + LOT


def reduce_rows(records: Array, n: int, known: Known, ridges: Array) -> SelectedRows:
    """Reduce regressions to their lines.

    Parameters
    ----------
    records : ndarray, shape (m, record_width(n))
        Of all rows.
    n : int
        Columns.
    known : Known
    ridges : ndarray, shape (C,)
        Of each regression, in units of the matrix squared.
    """
    count = len(ridges)
    conductance, into = np.empty((count, 2 * n, 2 * n)), np.empty((count, 2 * n))
    figures, answers = np.empty((count, 5)), np.zeros((count, n))
    left = np.empty(count, bool)
    compiled.reduce_rows(records, n, *known, ridges, conductance, into, figures, answers, left)
    square, size, largest, least, most = np.ascontiguousarray(figures.T)
    return SelectedRows(conductance, into, square, size, largest, least, most, answers, left)


def padded_rows(matrix: Array) -> Array:
    """Return a matrix with columns of zeros up to whole lots, as `solve_known` takes it."""
    return np.pad(matrix, ((0, 0), (0, -matrix.shape[1] % LOT)))


def solve_known(matrix: Array, n: int, known: Known, ridges: Array) -> tuple[Array, Marks]:
    """Return exact answers of regressions, and which need another method.

    Parameters
    ----------
    matrix : ndarray, shape (m, whole lots)
        See `padded_rows`; entries of about one, so that no square is lost.
    n : int
        Columns.
    known : Known
    ridges : ndarray, shape (C,)
    """
    answers, left = np.zeros((len(ridges), n)), np.empty(len(ridges), bool)
    compiled.solve_known(matrix, n, *known, ridges, answers, left)
    return answers, left


def squared_errors(
    factor: Array, known: Known, solutions: Array, scale: tuple[float, float]
) -> Array:
    """Return sums of squared errors of products of factors at stored entries.

    Parameters
    ----------
    factor : ndarray, shape (m, n)
    known : Known
    solutions : ndarray, shape (C, n)
        The other factor.
    scale : tuple of float
        Lowest and highest value that products are cut to.

    Returns
    -------
    ndarray, shape (C, 2)
        Of products as they are, and of products cut to the scale.
    """
    errors = np.empty((len(solutions), 2))
    lowest, highest = scale
    compiled.squared_errors(
        factor, known.starts, known.indices, known.values, solutions, lowest, highest, errors
    )
    return errors
