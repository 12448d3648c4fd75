"""Orders of rows and columns in which a matrix is cut into blocks, and what blocks are good for.

A circuit that inverts a block settles where the block has its eigenvalues to the right, each row
divided by what hangs on its line: the larger one of the sums of its positive and negative entries.
Symmetric orders move a diagonal entry with its row and its column; a signed order of the rows alone
is free, too: entries of the right-hand side change places and signs before they are sent.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.circuit.base import Array

__all__ = ["ORDERS", "Fitness", "Order", "fitness", "order_flops"]

DAMPING = 0.05
"""Damping of a mode (real part over magnitude) below which it counts as one that does not settle:
it rings for dozens of periods, and what is written a little off may grow."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Order:
    """Rows and columns in another order, rows with a sign: ``B[i, j] = sign_i A[row_i, column_j]``.

    Parameters
    ----------
    rows, columns : ndarray of int, shape (n,)
    signs : ndarray, shape (n,)
        1 or -1.
    """

    rows: Indices
    columns: Indices
    signs: Array

    @classmethod
    def symmetric(cls, lines: Indices) -> Order:
        """Return that of rows and columns alike."""
        return cls(lines, lines, np.ones(len(lines)))

    def of(self, matrix: Array) -> Array:
        """Return a matrix (n, n) in this order."""
        ordered: Array = self.signs[:, None] * matrix[np.ix_(self.rows, self.columns)]
        return ordered

    def sent(self, vectors: Array) -> Array:
        """Return right-hand sides (n, K) as the ordered matrix takes them."""
        ordered: Array = self.signs[:, None] * vectors[self.rows]
        return ordered

    def back(self, solutions: Array) -> Array:
        """Return solutions (n, K) of the ordered matrix in the given order."""
        given = np.empty_like(solutions)
        given[self.columns] = solutions
        return given


@dataclass(frozen=True)
class Fitness:
    """What a block is good for.

    Parameters
    ----------
    condition : float
        Condition number in the 2-norm; infinite where it is singular.
    settles : bool
        Whether a circuit that inverts it is stable, and damped; True where that was not asked.
    flops : float
        What it takes to know that.
    """

    condition: float
    settles: bool
    flops: float


def fitness(block: Array, *, stays: bool) -> Fitness:
    """Return what a block (n, n) is good for; whether it settles, if it ``stays`` an array.

    Eigenvalues of a symmetric block give both figures, as dividing its rows by positive numbers
    changes no sign of them.  Operations after Golub and Van Loan, Matrix Computations, 4th edition:
    4/3 n^3 for these, 8/3 n^3 for singular values, 10 n^3 for eigenvalues of any other block.
    """
    n = len(block)
    totals = np.maximum(block.clip(0).sum(axis=1), (-block).clip(0).sum(axis=1))
    if not totals.all() or not np.isfinite(block).all():
        return Fitness(np.inf, False, 0.0)
    if np.allclose(block, block.T, rtol=1e-12, atol=0.0):
        growth = np.linalg.eigvalsh(block)
        size = np.abs(growth)
        return Fitness(_ratio(size.max(), size.min()), bool(growth[0] > 0), 4 / 3 * n**3)
    singular = np.linalg.svd(block, compute_uv=False)
    condition = _ratio(singular[0], singular[-1])
    if not stays:
        return Fitness(condition, True, 8 / 3 * n**3)
    modes = np.linalg.eigvals(block / totals[:, None])
    settles = bool((modes.real > DAMPING * np.abs(modes)).all())
    return Fitness(condition, settles, (8 / 3 + 10) * n**3)


def _ratio(largest: float, smallest: float) -> float:
    """Return a condition number; infinite where rounding hides the smallest value."""
    return float(largest / smallest) if smallest > np.finfo(float).eps * largest else np.inf


def given(block: Array, half: int) -> Order:
    """Return the order that was given."""
    return Order.symmetric(np.arange(len(block)))


def interleaved(block: Array, half: int) -> Order:
    """Return every other line first: neighbours of correlated data come into different blocks."""
    lines = np.arange(len(block))
    return Order.symmetric(np.concatenate([lines[::2], lines[1::2]]))


def dominant(block: Array, half: int) -> Order:
    """Return lines by how much their diagonal outweighs the rest of the row."""
    diagonal = np.diag(block)
    rest = np.abs(block).sum(axis=1) - np.abs(diagonal)
    weight = diagonal / np.where(rest > 0, rest, 1.0)
    return Order.symmetric(np.argsort(-weight, kind="stable"))


def pivoted(block: Array, half: int) -> Order:
    """Return the lines that elimination takes with the largest pivot on the diagonal left."""
    left, lines, S = list(range(len(block))), [], block.copy()
    for _ in range(half):
        diagonal = np.diag(S)[left]
        line = left.pop(int(np.argmax(diagonal)))
        lines.append(line)
        if S[line, line] <= 0:
            break
        S = S - np.outer(S[:, line], S[line]) / S[line, line]
    return Order.symmetric(np.array([*lines, *left]))


def signed(block: Array, half: int) -> Order:
    """Return rows, with signs, that bring the block nearest to a symmetric positive definite one.

    With the polar decomposition ``A = U H`` that is H itself for rows turned by U' (N. Higham, SIAM
    J. Sci. Stat. Comput. 7, 1160 (1986)); here, the signed permutation closest to U.
    """
    if not np.isfinite(block).all() or not block.any():
        return given(block, half)
    turned = scipy.linalg.polar(block)[0]
    columns, rows = scipy.optimize.linear_sum_assignment(-np.abs(turned.T))
    signs = np.where(turned[rows, columns] < 0, -1.0, 1.0)
    return Order(rows.astype(np.intp), np.arange(len(block)), signs)


def revealing(block: Array, half: int) -> Order:
    """Return rows and columns that pivoted orthogonal factors take first: a leading block of rank.

    The columns by QR with column pivoting, then the rows of the first half of them alike (T. Chan,
    Linear Algebra Appl. 88, 67 (1987)).
    """
    if not np.isfinite(block).all():
        return given(block, half)
    columns = scipy.linalg.qr(block, mode="r", pivoting=True)[1]
    rows = scipy.linalg.qr(block[:, columns[:half]].T, mode="r", pivoting=True)[1]
    return Order(rows.astype(np.intp), columns.astype(np.intp), np.ones(len(block)))


@functools.cache
def order_flops(name: str, n: int) -> float:
    """Return what it takes to find an order of n lines.

    Pivots take the elimination of half of the lines, the polar decomposition a singular value
    decomposition of 21 n^3 (Golub and Van Loan) and a product, the assignment some n^3, orthogonal
    factors 4/3 n^3 for all columns and half as much for half of them.
    """
    return {"given": 0.0, "interleaved": 0.0, "dominant": 2.0 * n**2, "pivoted": n**3,
            "signed": 24.0 * n**3, "revealing": 2.0 * n**3}[name]  # fmt: skip


ORDERS: Mapping[str, Callable[[Array, int], Order]] = {
    "given": given,
    "interleaved": interleaved,
    "dominant": dominant,
    "pivoted": pivoted,
    "signed": signed,
    "revealing": revealing,
}
"""Orders of lines by name, in which they are tried."""
