"""The ideal fidelity: the algebraic answer to what a circuit was asked, from numpy and scipy.

For least squares that minimises ``|A x - b|^2 / 2 + ridge |x|^2 / 2 + lasso sum(x)`` over the
selected rows, with or without ``x >= 0``.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.optimize

from amcspice.circuit import Circuit, LeastSquares
from amcspice.circuit.base import Array
from amcspice.circuit.topologies.eigen import dominant
from amcspice.errors import InputError

__all__ = ["least_squares", "nonnegative_least_squares", "reference"]


def reference(circuit: Circuit, vectors: Array) -> Array:
    """Return the ideal answer to every right-hand side.

    Parameters
    ----------
    circuit : Circuit
    vectors : ndarray, shape (K, m)

    Returns
    -------
    ndarray, shape (K, n)
    """
    if not isinstance(circuit, LeastSquares):
        return _ANSWERS[circuit.problem](circuit.matrix, vectors)
    matrix, rows = circuit.matrix, vectors
    if not circuit.rows.all():
        matrix, rows = matrix[circuit.rows], rows[:, circuit.rows]
    if circuit.non_negative:
        return nonnegative_least_squares(matrix, rows, ridge=circuit.ridge, lasso=circuit.lasso)
    return least_squares(matrix, rows, ridge=circuit.ridge)


def least_squares(matrix: Array, vectors: Array, *, ridge: float = 0.0) -> Array:
    """Return unconstrained least-squares solutions, shape (K, n).

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    vectors : ndarray, shape (K, m)
    ridge : float
    """
    tall, right = _with_ridge(matrix, vectors, ridge)
    return np.asarray(np.linalg.lstsq(tall, right.T, rcond=None)[0].T, dtype=float)


def nonnegative_least_squares(
    matrix: Array, vectors: Array, *, ridge: float = 0.0, lasso: float = 0.0
) -> Array:
    """Return non-negative least-squares solutions, shape (K, n).

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    vectors : ndarray, shape (K, m)
    ridge, lasso : float

    Raises
    ------
    InputError
        If ``lasso`` is asked for with linearly dependent columns and no ridge.
    """
    tall, right = _with_ridge(matrix, vectors, ridge)
    if lasso:
        # |L' x - L^-1 (A'b - lasso)|^2 with L L' = A'A differs from the objective by a constant.
        try:
            lower = scipy.linalg.cholesky(tall.T @ tall, lower=True)
        except scipy.linalg.LinAlgError:
            raise InputError(
                "lasso needs linearly independent columns: add a small ridge"
            ) from None
        right = np.asarray(
            scipy.linalg.solve_triangular(lower, (right @ tall - lasso).T, lower=True).T,
            dtype=float,
        )
        tall = lower.T
    return np.array([scipy.optimize.nnls(tall, vector)[0] for vector in right])


def _product(matrix: Array, vectors: Array) -> Array:
    product: Array = vectors @ matrix.T
    return product


def _inverse(matrix: Array, vectors: Array) -> Array:
    return np.asarray(scipy.linalg.solve(matrix, vectors.T).T, dtype=float)


def _eigenvector(matrix: Array, vectors: Array) -> Array:
    """Return the dominant eigenvector with the sign that each start vector grows into."""
    direction = dominant(matrix)[1]
    sign = np.where(vectors @ direction < 0, -1.0, 1.0)
    return np.outer(sign, direction)


_ANSWERS = {"mvm": _product, "inv": _inverse, "eig": _eigenvector}


def _with_ridge(matrix: Array, vectors: Array, ridge: float) -> tuple[Array, Array]:
    if not ridge:
        return matrix, vectors
    m, n = matrix.shape
    tall, right = np.zeros((m + n, n)), np.zeros((len(vectors), m + n))
    tall[:m], right[:, :m] = matrix, vectors
    tall[m + np.arange(n), np.arange(n)] = np.sqrt(ridge)
    return tall, right
