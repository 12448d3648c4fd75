"""The lasso: least squares with a penalty on the sum of magnitudes, for signed solutions.

The residual of the answer is the nearest point to b of the polytope where no column pulls harder
than the penalty, and the answer itself holds the multipliers of that least-distance problem, which
is a non-negative least-squares problem (C. Lawson, R. Hanson, Solving Least Squares Problems,
ch. 23).  Its active-set method takes up no column that depends on those it has, so that repeated
columns and more columns than rows need nothing special, and it follows no path from the largest
penalty down, which least-angle regression can lose.  With the entries and their signs known the
answer is a linear system, solved by orthogonal factors of the matrix itself, and the conditions of
Karush, Kuhn and Tucker judge it.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from amcspice.errors import AmcspiceError, InputError

__all__ = ["lasso"]

Array = NDArray[np.float64]

ACCURACY = 1e-9
"""Violation of the conditions that is allowed, as a fraction of the penalty."""

ROUNDING = 1e-13
"""The same, as a fraction of the terms that a gradient is the sum of."""

ROUNDS = 100
"""Of the active-set method, for each column; it usually takes less than one."""


def lasso(matrix: ArrayLike, vectors: ArrayLike, *, penalty: float, ridge: float = 0.0) -> Array:
    """Minimise ``|A x - b|^2 / 2 + ridge |x|^2 / 2 + penalty sum(|x|)``.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        A, in any unit; may have more columns than rows.
    vectors : array_like, shape (K, m)
        Right-hand sides b.
    penalty : float
        In units of the matrix times those of the vectors; above zero.
    ridge : float
        In units of the matrix squared.

    Returns
    -------
    ndarray, shape (K, n)
        Violates no condition of optimality by more than 1e-9 of the penalty, or by more than
        rounding.  Where several solutions are equally good, one of them.

    Raises
    ------
    InputError
        If shapes do not fit, a number is not finite or a penalty is out of range.
    AmcspiceError
        If no answer is that accurate.

    Examples
    --------
    >>> lasso([[1, 0, 2], [0, 1, 0]], [[3, -1]], penalty=0.5)
    array([[ 0.   , -0.5  ,  1.375]])
    """
    given, right = np.array(matrix, float), np.array(vectors, float)
    if given.ndim != 2 or right.ndim != 2 or given.shape[0] != right.shape[1]:
        raise InputError(f"vectors: shape {right.shape} must be (K, m), the matrix {given.shape}")
    if not (np.isfinite(given).all() and np.isfinite(right).all()):
        raise InputError("matrix, vectors: every number must be finite")
    if not 0 < penalty < np.inf:
        raise InputError(f"penalty={penalty!r}: must be a number above 0")
    if not 0 <= ridge < np.inf:
        raise InputError(f"ridge={ridge!r}: must be a number from 0 upwards")
    solutions = np.zeros((len(right), given.shape[1]))
    size = np.abs(given).max(initial=0.0)
    if not size:
        return solutions
    tall = given / size
    if ridge:
        tall = np.vstack([tall, np.sqrt(ridge) / size * np.eye(given.shape[1])])
    vector = np.zeros(len(tall))
    for k, one in enumerate(right):
        length = scipy.linalg.norm(one)
        if length:
            vector[: len(one)] = one / length
            solutions[k] = _solve(tall, vector, penalty / size / length) * (length / size)
    return solutions


def _solve(matrix: Array, vector: Array, penalty: float) -> Array:
    """Solve for a right-hand side of length 1."""
    if np.abs(vector @ matrix).max() <= penalty:
        return np.zeros(matrix.shape[1])
    least = np.inf
    nearest = _by_least_distance(matrix, vector, penalty)
    for solution in (_polished(matrix, vector, penalty, nearest), nearest):
        violation = _violation(matrix, vector, penalty, solution)
        if violation <= 1:
            return solution
        least = min(least, violation)
    raise AmcspiceError(
        f"lasso: the best answer violates the conditions of optimality {least:.1e} times as much "
        f"as is allowed ({ACCURACY:g} of the penalty): add a small ridge"
    )


def _by_least_distance(matrix: Array, vector: Array, penalty: float) -> Array:
    """Find the shortest z with ``|A'(b + z)| <= penalty``; return its multipliers.

    Of all weights u >= 0, those that bring ``(-[A, -A] u, h u)``, with h the excess of each
    pull over the penalty, nearest to (0, 1) leave a residual along (z, 1).
    """
    pull = vector @ matrix
    columns = np.vstack([np.hstack([-matrix, matrix]), np.hstack([pull, -pull]) - penalty])
    target = np.append(np.zeros(len(matrix)), 1.0)
    try:
        weights = scipy.optimize.nnls(columns, target, maxiter=ROUNDS * columns.shape[1])[0]
    except RuntimeError as error:
        raise AmcspiceError("lasso: the active-set method found no end: add a ridge") from error
    weights = weights / (1 - columns[-1] @ weights)
    upward, downward = np.split(weights, 2)
    return np.asarray(upward - downward, float)


def _polished(matrix: Array, vector: Array, penalty: float, guess: Array) -> Array:
    """Solve for the entries that are not zero, given their signs."""
    support = np.flatnonzero(guess)
    basis, upper = np.linalg.qr(matrix[:, support])
    pivots = np.abs(np.diag(upper))
    if len(pivots) < support.size or not pivots.all():
        return guess
    shift = scipy.linalg.solve_triangular(upper, penalty * np.sign(guess[support]), trans="T")
    solution = np.zeros(len(guess))
    solution[support] = scipy.linalg.solve_triangular(upper, vector @ basis - shift)
    return solution


def _violation(matrix: Array, vector: Array, penalty: float, solution: Array) -> float:
    """Return the largest violation of the conditions of optimality over what is allowed."""
    pull = (vector - matrix @ solution) @ matrix
    excess = np.where(
        solution == 0, np.abs(pull) - penalty, np.abs(pull - penalty * np.sign(solution))
    )
    sizes = np.linalg.norm(matrix, axis=0)
    terms = sizes * (np.linalg.norm(vector) + sizes @ np.abs(solution))
    return float((excess / (ACCURACY * penalty + ROUNDING * terms)).max())
