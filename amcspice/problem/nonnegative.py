"""Non-negative least squares for many right-hand sides.

Block principal pivoting (`amcspice.problem.block_pivoting`) answers nearly all of them at about
the cost of two products with the matrix.  Where columns are so nearly dependent that its Gram
matrix would cost digits (`block_pivoting.CONDITION`), or pivoting finds no end, the active-set
method of `scipy.optimize.nnls` answers, which works on the matrix itself.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from amcspice.errors import AmcspiceError, InputError

__all__ = ["is_unique", "nonnegative_least_squares", "nonnegative_least_squares_rows"]

Array = NDArray[np.float64]

STORED_AT_ONCE = 2**20
"""Entries of a sparse matrix, which may lie on disk, that are read at a time."""

SINGULAR = 1e-10
"""Residual of a combination of columns, relative, that counts as zero."""


def nonnegative_least_squares(
    matrix: ArrayLike, vectors: ArrayLike, *, ridge: float = 0.0, lasso: float = 0.0
) -> Array:
    """Minimise ``|A x - b|^2 / 2 + ridge |x|^2 / 2 + lasso sum(x)`` over ``x >= 0``.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        A, in any unit.
    vectors : array_like, shape (K, m)
        Right-hand sides b.  No answer depends on the others.
    ridge : float
        In units of the matrix squared.
    lasso : float
        In units of the matrix times those of the vectors.

    Returns
    -------
    ndarray, shape (K, n)
        Where several solutions are equally good, one of them; see `is_unique`.

    Raises
    ------
    InputError
        If shapes do not fit, a number is not finite or a penalty is negative, or if ``lasso`` is
        asked for with linearly dependent columns and no ridge.

    Examples
    --------
    >>> nonnegative_least_squares([[1, 0], [1, 1], [0, 1]], [[2, 1, -1], [1, 2, 1]])
    array([[1.5, 0. ],
           [1. , 1. ]])
    """
    from amcspice.problem import block_pivoting

    scaled, exponent = _scaled(matrix)
    right = _vectors(vectors, scaled)
    ridge, lasso = _penalty("ridge", ridge, 2 * exponent), _penalty("lasso", lasso, exponent)
    every = np.arange(len(scaled))
    solutions: Array
    solutions, left = block_pivoting.solve_shared(scaled, every, right, ridge, lasso)
    if left.any():
        solutions[left] = _by_active_sets(scaled, right[left], ridge, lasso)
    return np.ldexp(solutions, -exponent, out=solutions)


def nonnegative_least_squares_rows(
    matrix: ArrayLike, known: scipy.sparse.csr_array, *, ridge: ArrayLike = 0.0, lasso: float = 0.0
) -> Array:
    """Solve regressions that each count only some rows of a matrix.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
    known : csr_array, shape (K, m)
        Right-hand sides.  Only stored entries count, those that are zero as well, in any
        order; those at the same place are summed, as by scipy.  May lie on disk
        (``numpy.memmap``).
    ridge : float or array_like, shape (K,)
        Of each regression, in units of the matrix squared.
    lasso : float
        In units of the matrix times those of the right-hand sides.

    Returns
    -------
    ndarray, shape (K, n)
        Zero where nothing is known.

    Raises
    ------
    InputError
        If shapes do not fit, a number is not finite or a penalty is negative.
    """
    from amcspice.problem import block_pivoting

    scaled, exponent = _scaled(matrix)
    if known.ndim != 2 or known.shape[1] != len(scaled):
        raise InputError(f"known: shape {known.shape} must be (K, {len(scaled)}), as the matrix")
    ridges = np.asarray(ridge, dtype=float)
    fits = ridges.shape in ((), known.shape[:1])
    if not (fits and np.isfinite(ridges).all() and (ridges >= 0).all()):
        raise InputError(f"ridge={ridge!r}: must be a number from 0 upwards, or one for each row")
    ridges = np.ldexp(np.full(known.shape[0], ridges), -2 * exponent)
    lasso = _penalty("lasso", lasso, exponent)
    solutions = np.zeros((known.shape[0], scaled.shape[1]))
    cuts, first = known.indptr, 0
    while first < len(solutions):
        beyond = int(np.searchsorted(cuts, cuts[first] + STORED_AT_ONCE, side="right")) - 1
        last = min(max(beyond, first + 1), len(solutions))
        starts, rows, values = _stored(known, first, last)
        part, left = block_pivoting.solve_rows(
            scaled, starts, rows, values, ridges[first:last], lasso
        )
        for k in np.flatnonzero(left):
            own = slice(starts[k], starts[k + 1])
            part[k] = _by_active_sets(
                scaled[rows[own]], values[None, own], ridges[first + k], lasso
            )[0]
        solutions[first:last] = part
        first = last
    return np.ldexp(solutions, -exponent, out=solutions)


def is_unique(
    matrix: ArrayLike,
    vectors: ArrayLike,
    solutions: ArrayLike,
    *,
    ridge: float = 0.0,
    lasso: float = 0.0,
) -> NDArray[np.bool_]:
    """Tell which solutions of `nonnegative_least_squares` are the only ones.

    All solutions have the same ``A x``, and are zero where the objective has a slope.  A solution
    is the only one unless the columns of its support and of the tied variables, those that are
    zero without a slope, have a combination that vanishes and takes tied variables up only.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
    vectors : array_like, shape (K, m)
    solutions : array_like, shape (K, n)
        Optimal ones.
    ridge, lasso : float
        As they were solved for.  With ridge every solution is the only one.

    Returns
    -------
    ndarray of bool, shape (K,)

    Raises
    ------
    InputError
        If shapes do not fit, a number is not finite or a penalty is negative.

    Notes
    -----
    A variable is tied if its slope is at most 1e-9 times the lengths of its column and of the
    right-hand side.  A combination of columns of length 1 vanishes if its length is below 1e-10
    times its largest weight.
    """
    from amcspice.problem import block_pivoting

    scaled, exponent = _scaled(matrix)
    right = _vectors(vectors, scaled)
    given = np.ldexp(_finite("solutions", solutions), exponent)
    if given.shape != (len(right), scaled.shape[1]):
        wanted = (len(right), scaled.shape[1])
        raise InputError(f"solutions: shape {given.shape} must be {wanted}")
    lasso = _penalty("lasso", lasso, exponent)
    if _penalty("ridge", ridge, 2 * exponent):
        return np.ones(len(right), bool)
    every = np.arange(len(scaled))
    unique: NDArray[np.bool_]
    unique, tied = block_pivoting.surely_unique(scaled, every, right, given, lasso)
    doubtful = np.flatnonzero(~unique)
    if doubtful.size:
        # Many right-hand sides share a few of these sets.
        sizes = np.sqrt(np.square(scaled).sum(axis=0))
        lengths = np.linalg.norm(right[doubtful], axis=1)
        held = given[doubtful] * sizes > block_pivoting.TIED * lengths[:, None]
        columns = scaled / np.where(sizes > 0, sizes, 1.0)
        sets, group = np.unique(
            np.hstack([held, tied[doubtful] & ~held]), axis=0, return_inverse=True
        )
        n = scaled.shape[1]
        answers = [_independent(columns[:, one[:n]], columns[:, one[n:]]) for one in sets]
        unique[doubtful] = np.array(answers)[group.ravel()]
    return unique


def _independent(free: Array, upward: Array) -> bool:
    """Tell whether no combination vanishes that takes columns of ``upward`` positively only.

    Parameters
    ----------
    free, upward : ndarray, shape (m, ...)
        Columns of length 1, or zero.
    """
    basis = np.zeros((len(free), 0))
    if free.shape[1]:
        basis, sizes, _ = np.linalg.svd(free, full_matrices=False)
        if free.shape[1] > len(free) or sizes[-1] <= SINGULAR:
            return False
    if not upward.shape[1]:
        return True
    beside = upward - basis @ (basis.T @ upward)
    # Weights that sum to one exist with a residual of zero, or do not.
    tall = np.vstack([beside, np.ones(upward.shape[1])])
    weights = _active_set(tall, np.append(np.zeros(len(free)), 1.0))
    return bool(np.linalg.norm(beside @ weights) > SINGULAR * weights.max(initial=0.0))


def _by_active_sets(matrix: Array, vectors: Array, ridge: float, lasso: float) -> Array:
    """Solve by the active-set method of C. Lawson and R. Hanson, one after the other."""
    solutions = np.zeros((len(vectors), matrix.shape[1]))
    held = np.flatnonzero(matrix.any(axis=0))  # a column without an entry stays zero
    tall, n = matrix[:, held], len(held)
    if ridge:
        tall = np.vstack([tall, np.sqrt(ridge) * np.eye(n)])
        vectors = np.hstack([vectors, np.zeros((len(vectors), n))])
    if lasso:
        # With Q R = A, |R x - (Q'b - lasso R^-T 1)|^2 differs from the objective by a constant.
        basis, upper = np.linalg.qr(tall)
        pivots = np.abs(np.diag(upper))
        smallest = max(tall.shape) * np.finfo(float).eps * np.linalg.norm(upper, axis=0)
        if len(pivots) < n or (pivots <= smallest).any():
            raise InputError("lasso needs linearly independent columns: add a small ridge")
        shift = scipy.linalg.solve_triangular(upper, np.full(n, lasso), trans="T")
        tall, vectors = upper, vectors @ basis - shift
    for k, vector in enumerate(vectors):
        solutions[k, held] = _active_set(tall, vector)
    return solutions


def _active_set(matrix: Array, vector: Array) -> Array:
    try:
        # Ill-conditioned problems can exceed the three rounds a column that scipy allows.
        return scipy.optimize.nnls(matrix, vector, maxiter=30 * matrix.shape[1])[0]
    except RuntimeError as error:
        raise AmcspiceError(
            f"non-negative least squares found no end, {matrix.shape[0]} x {matrix.shape[1]}: "
            "add a small ridge"
        ) from error


def _stored(
    known: scipy.sparse.csr_array, first: int, last: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return starts, ascending indices and values of some rows, in memory."""
    starts = np.array(known.indptr[first : last + 1], np.int64)
    own = slice(starts[0], starts[-1])
    values = _finite("known", known.data[own])
    rows = np.array(known.indices[own], np.int64)
    starts -= starts[0]
    part = scipy.sparse.csr_array((values, rows, starts), shape=(last - first, known.shape[1]))
    part.sum_duplicates()  # sorts too, and keeps zeros
    return (
        np.asarray(part.indptr, np.int64),
        np.asarray(part.indices, np.int64),
        np.asarray(part.data, float),
    )


def _scaled(matrix: ArrayLike) -> tuple[Array, int]:
    """Return a matrix over a power of two, so that no square of it is lost, and the power."""
    given = _finite("matrix", matrix)
    exponent = int(np.frexp(np.abs(given).max(initial=0.0))[1])
    return np.ldexp(given, -exponent), exponent


def _vectors(vectors: ArrayLike, matrix: Array) -> Array:
    right = _finite("vectors", vectors)
    if right.shape[1] != len(matrix):
        raise InputError(f"vectors: shape {right.shape} must be (K, {len(matrix)}), as the matrix")
    return right


def _finite(name: str, values: ArrayLike) -> Array:
    made = np.array(values, dtype=float, order="C")
    if name != "known" and made.ndim != 2:
        raise InputError(f"{name}: shape {made.shape} must have two dimensions")
    if not np.isfinite(made).all():
        raise InputError(f"{name}: every number must be finite")
    return made


def _penalty(name: str, value: float, exponent: int) -> float:
    """Return a penalty for a matrix that was divided by a power of two."""
    if not 0 <= value < np.inf:
        raise InputError(f"{name}={value!r}: must be a number from 0 upwards")
    return float(np.ldexp(value, -exponent))
