"""Non-negative least squares by block principal pivoting, compiled.

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
depends on what stands beside it.  All compiled code is in this one file, because numba's cache of
compiled functions notices changes of the file that it is called in, and of no other.
"""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np

__all__ = ["CONDITION", "TIED", "solve_rows", "solve_shared", "surely_unique"]

CONDITION = 1e-5
"""Smallest pivot over its diagonal entry of the Gram matrix, the share of a column's square that
columns before it do not explain.  Against answers in extended precision, on 8,500 problems of up
to 55 x 16 with columns made nearly dependent, the largest error over the largest entry was (here,
scipy): 3e-15, 4e-15 for pivots above 0.1, 1e-13, 7e-14 above 1e-3, 7e-13, 6e-13 above 1e-5,
7e-11, 7e-11 above 1e-7.  So this is where both can be off, and differ, by more than 1e-12."""

PATIENCE = 3
"""Rounds that may exchange all variables without fewer of them coming out wrong."""

ROUNDING = 4 * np.finfo(float).eps
"""Relative error of a product of two vectors, over the length of one and the 1-norm of the other;
the 1-norm is up to sqrt(m) times the length, as rounding errors of m terms are."""

DISAGREEMENT = 100.0
"""Violation of the conditions, in units of `ROUNDING`, from which on an answer is no answer."""

TIED = 1e-9
"""Slope, relative to the lengths of column and right-hand side, that counts as none."""

INDEPENDENT = 1e-10
"""Smallest pivot, as for `CONDITION`, of columns that are independent without a closer look."""

_njit: Any = functools.partial(
    numba.njit, cache=True, nogil=True, error_model="numpy", fastmath={"contract"}
)
# Wrappers that make functions callable from Python are half of the time to compile them.
_jit: Any = _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)


@_njit()
def solve_shared(matrix, rows, vectors, ridge, lasso):
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
    n = matrix.shape[1]
    solutions, left = np.zeros((len(vectors), n)), np.zeros(len(vectors), np.bool_)
    gram, sizes, room = np.empty((n, n)), np.empty(n), _new_room(n)
    _accumulate(matrix, rows, ridge, gram, sizes)
    for k in range(len(vectors)):
        x = solutions[k]
        left[k] = not _solve(matrix, rows, vectors[k], gram, sizes, ridge, lasso, room, x)
    return solutions, left


@_njit()
def solve_rows(matrix, starts, indices, values, ridges, lasso):
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
    n, total = matrix.shape[1], len(starts) - 1
    solutions, left = np.zeros((total, n)), np.zeros(total, np.bool_)
    gram, sizes, room = np.empty((n, n)), np.empty(n), _new_room(n)
    for k in range(total):
        rows, vector = indices[starts[k] : starts[k + 1]], values[starts[k] : starts[k + 1]]
        _accumulate(matrix, rows, ridges[k], gram, sizes)
        x = solutions[k]
        left[k] = not _solve(matrix, rows, vector, gram, sizes, ridges[k], lasso, room, x)
    return solutions, left


@_njit()
def surely_unique(matrix, rows, vectors, solutions, lasso):
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
    n = matrix.shape[1]
    sure, tied = np.zeros(len(vectors), np.bool_), np.zeros(solutions.shape, np.bool_)
    gram, sizes, factor = np.empty((n, n)), np.empty(n), np.empty((n, n))
    slope, members = np.empty(n), np.empty(n, np.int64)
    _accumulate(matrix, rows, 0.0, gram, sizes)
    for k in range(len(vectors)):
        _descent(matrix, rows, vectors[k], solutions[k], 0.0, lasso, slope)
        square = 0.0
        for value in vectors[k]:
            square += value * value
        length = np.sqrt(square)
        count = 0
        for j in range(n):
            if solutions[k, j] > 0 or slope[j] >= -TIED * sizes[j] * length:
                tied[k, j] = True
                members[count] = j
                count += 1
        sure[k] = _eliminate(gram, members, count, INDEPENDENT, factor)
    return sure, tied


@_jit
def _new_room(n):
    """Return what `_solve` works in: linear, slack, slope, part, factor, passive, members."""
    vectors = np.empty((4, n))
    return (
        vectors[0], vectors[1], vectors[2], vectors[3], np.empty((n, n)),
        np.empty(n, np.bool_), np.empty(n, np.int64),
    )  # fmt: skip


@_jit
def _accumulate(matrix, rows, ridge, gram, sizes):
    """Fill in the Gram matrix of some rows, with ridge, and the lengths of its columns."""
    n = len(gram)
    for j in range(n):
        for k in range(n):
            gram[j, k] = 0.0
    fours = len(rows) - len(rows) % 4
    for i in range(0, fours, 4):  # four at a time, in order, for fewer passes over the sums
        a, b, c, d = matrix[rows[i]], matrix[rows[i + 1]], matrix[rows[i + 2]], matrix[rows[i + 3]]
        for j in range(n):
            a_j, b_j, c_j, d_j = a[j], b[j], c[j], d[j]
            for k in range(n):
                value = gram[j, k] + a_j * a[k]
                value += b_j * b[k]
                value += c_j * c[k]
                gram[j, k] = value + d_j * d[k]
    for i in range(fours, len(rows)):
        row = matrix[rows[i]]
        for j in range(n):
            for k in range(n):
                gram[j, k] += row[j] * row[k]
    for j in range(n):
        gram[j, j] += ridge
        sizes[j] = np.sqrt(gram[j, j])


@_jit
def _descent(matrix, rows, vector, x, ridge, lasso, slope):
    """Fill in the negative gradient at x, from the residual of the matrix itself."""
    n = len(x)
    for j in range(n):
        slope[j] = -ridge * x[j] - lasso
    for i in range(len(rows)):
        row = matrix[rows[i]]
        residual = vector[i]
        for j in range(n):
            residual -= row[j] * x[j]
        for j in range(n):
            slope[j] += row[j] * residual


@_jit
def _solve(matrix, rows, vector, gram, sizes, ridge, lasso, room, x):
    """Solve one regression into ``x``, which is zero before; tell whether that went well."""
    n = len(x)
    linear, slack, slope, part, factor, passive, members = room
    length = 0.0
    for j in range(n):
        linear[j] = -lasso
    for i in range(len(rows)):
        row, value = matrix[rows[i]], vector[i]
        length += abs(value)
        for j in range(n):
            linear[j] += row[j] * value
    for j in range(n):
        slack[j] = ROUNDING * sizes[j] * length
    count = _pivot(gram, linear, slack, slope, part, factor, passive, members)
    if count < 0:
        return False
    for a in range(count):
        x[members[a]] = part[a]
    _descent(matrix, rows, vector, x, ridge, lasso, slope)
    for a in range(count):
        part[a] = slope[members[a]]
    _substitute(factor, count, part)
    for a in range(count):
        x[members[a]] += part[a]
        for j in range(n):
            slope[j] -= gram[members[a], j] * part[a]
    for j in range(n):
        if slope[j] > DISAGREEMENT * slack[j] or x[j] * gram[j, j] < -DISAGREEMENT * slack[j]:
            return False
        x[j] = max(x[j], 0.0)
    return True


@_jit
def _pivot(gram, linear, slack, slope, part, factor, passive, members):
    """Find the passive set and its solution.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
    linear : ndarray, shape (n,)
        Negative gradient at zero.
    slack : ndarray, shape (n,)
        Negative gradients that are rounding.
    slope : ndarray, shape (n,)
        Work.
    part, factor, passive, members : ndarrays
        Get the passive solution, what `_eliminate` makes, and the passive variables.

    Returns
    -------
    int
        Number of passive variables; -1 if the Gram matrix is ill-conditioned or there is no end.
    """
    n = len(linear)
    for j in range(n):  # what the first exchange makes of x = 0
        passive[j] = linear[j] > slack[j]
    fewest, patience = n + 1, PATIENCE
    for _ in range(100 + 10 * n):
        count = 0
        for j in range(n):
            slope[j] = linear[j]
            if passive[j]:
                part[count] = linear[j]
                members[count] = j
                count += 1
        if not _eliminate(gram, members, count, CONDITION, factor):
            return -1
        _substitute(factor, count, part)
        for a in range(count):
            row, value = gram[members[a]], part[a]
            for j in range(n):
                slope[j] -= row[j] * value
        for a in range(count):
            slope[members[a]] = part[a]  # the value itself must not be negative
        wrong, last = 0, 0
        for j in range(n):
            if slope[j] < 0 if passive[j] else slope[j] > slack[j]:
                wrong, last = wrong + 1, j
        if wrong == 0:
            return count
        if wrong < fewest:
            fewest, patience = wrong, PATIENCE
        else:
            patience -= 1
        if patience < 0:
            passive[last] = not passive[last]
            continue
        for j in range(n):
            if slope[j] < 0 if passive[j] else slope[j] > slack[j]:
                passive[j] = not passive[j]
    return -1


@_jit
def _eliminate(gram, members, count, smallest, factor):
    """Eliminate some variables of a Gram matrix; tell whether no pivot was too small.

    Parameters
    ----------
    gram : ndarray, shape (n, n)
    members : ndarray of int
        The first ``count`` are the variables.
    count : int
    smallest : float
        Pivot over the diagonal entry.
    factor : ndarray, shape (n, n)
        Gets U with L U = Gram and L_ba = U_ab / U_aa; on its diagonal are the reciprocals.
    """
    for a in range(count):
        row = gram[members[a]]
        for b in range(a, count):
            factor[a, b] = row[members[b]]
    for a in range(count):
        pivot = factor[a, a]
        if not pivot > smallest * gram[members[a], members[a]]:
            return False
        inverse = 1 / pivot
        for b in range(a + 1, count):
            share = factor[a, b] * inverse
            for c in range(b, count):
                factor[b, c] -= share * factor[a, c]
        factor[a, a] = inverse
    return True


@_jit
def _substitute(factor, count, part):
    """Solve a system that `_eliminate` has prepared in place."""
    for a in range(count):
        share = part[a] * factor[a, a]
        for b in range(a + 1, count):
            part[b] -= factor[a, b] * share
    for a in range(count - 1, -1, -1):
        value = part[a]
        for b in range(a + 1, count):
            value -= factor[a, b] * part[b]
        part[a] = value * factor[a, a]
