"""Non-negative least squares by block principal pivoting; the code is in ``block_pivoting.cpp``.

Minimises ``|A x - b|^2 / 2 + ridge |x|^2 / 2 + lasso sum(x)`` over ``x >= 0``.  The conditions of
Karush, Kuhn and Tucker split the variables into passive ones, where the gradient is zero, and the
rest, which are zero.  A guess of the passive set gives both by one small linear system; all
variables that come out with the wrong sign change sides together, and after `PATIENCE` rounds
without progress one at a time by the least-index rule, which cannot cycle (L. Portugal, J. Judice,
L. Vicente, Math. Comp. 63, 625 (1994); J. Kim, H. Park, SIAM J. Sci. Comput. 33, 3261 (2011)).

The system is that of the Gram matrix, which squares the condition number.  One correction with the
residual of A itself makes up for that (corrected semi-normal equations, A. Bjorck, Linear Algebra
Appl. 88/89, 31 (1987)).  What is too ill-conditioned for it is left to the caller.

Sums run in ascending order of the rows, one right-hand side after the other, so that no answer
depends on what stands beside it.  Arrays must be in C order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.native import compiled

__all__ = ["CONDITION", "TIED", "solve_rows", "solve_shared", "surely_unique"]

Array = NDArray[np.float64]
Marks = NDArray[np.bool_]
Numbers = NDArray[np.int64]

CONDITION = compiled.CONDITION
"""Smallest pivot over its diagonal entry of the Gram matrix, the share of a column's square that
columns before it do not explain, with which an answer is given."""

TIED = compiled.TIED
"""Slope, relative to the lengths of column and right-hand side, that counts as none."""


def solve_shared(
    matrix: Array, rows: Numbers, vectors: Array, ridge: float, lasso: float
) -> tuple[Array, Marks]:
    """Solve regressions that share rows of a matrix.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    rows : ndarray of int, shape (M,)
        Of the matrix, those that count.
    vectors : ndarray, shape (K, M)
    ridge, lasso : float

    Returns
    -------
    solutions : ndarray, shape (K, n)
    left : ndarray of bool, shape (K,)
        Right-hand sides that need another method; their solutions mean nothing.
    """
    solutions, left = np.zeros((len(vectors), matrix.shape[1])), np.zeros(len(vectors), bool)
    compiled.solve_shared(matrix, rows, vectors, ridge, lasso, solutions, left)
    return solutions, left


def solve_rows(
    matrix: Array, starts: Numbers, indices: Numbers, values: Array, ridges: Array, lasso: float
) -> tuple[Array, Marks]:
    """Solve regressions that each count some rows of a matrix.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    starts : ndarray of int, shape (K + 1,)
        Where the rows of each right-hand side start.
    indices : ndarray of int, shape (stored,)
        The rows, ascending.
    values : ndarray, shape (stored,)
        The right-hand sides.
    ridges : ndarray, shape (K,)
    lasso : float

    Returns
    -------
    solutions, left : ndarrays
        As of `solve_shared`.
    """
    total = len(starts) - 1
    solutions, left = np.zeros((total, matrix.shape[1])), np.zeros(total, bool)
    compiled.solve_rows(matrix, starts, indices, values, ridges, lasso, solutions, left)
    return solutions, left


def surely_unique(
    matrix: Array, rows: Numbers, vectors: Array, solutions: Array, lasso: float
) -> tuple[Marks, Marks]:
    """Tell whose support and tied variables have columns that are clearly independent.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    rows : ndarray of int, shape (M,)
        Of the matrix, those that count.
    vectors : ndarray, shape (K, M)
    solutions : ndarray, shape (K, n)
        Optimal, without ridge.
    lasso : float

    Returns
    -------
    sure : ndarray of bool, shape (K,)
    tied : ndarray of bool, shape (K, n)
        Variables without slope; see `TIED`.
    """
    sure, tied = np.zeros(len(vectors), bool), np.zeros(solutions.shape, bool)
    compiled.surely_unique(matrix, rows, vectors, solutions, lasso, sure, tied)
    return sure, tied
