"""Least squares, with or without ``x >= 0``: ``|A x - b|^2 / 2 + ridge |x|^2 / 2 + lasso sum(x)``.

What circuits are asked beside the matrix (selected rows, ridge, L1 term) stands in the circuit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit, LeastSquares, NonNegative, Unconstrained
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem.accuracy import relative_size
from amcspice.problem.base import Problem
from amcspice.problem.l1 import lasso
from amcspice.problem.nonnegative import is_unique, nonnegative_least_squares

HOLD = ("hold", "hold_conductance")
"""Parameters of `NonNegative`."""

__all__ = ["LeastSquaresProblem", "NonNegativeLeastSquares", "unconstrained_least_squares"]


def unconstrained_least_squares(matrix: Array, vectors: Array, *, ridge: float = 0.0) -> Array:
    """Return unconstrained least-squares solutions, those of least length, shape (K, n).

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    vectors : ndarray, shape (K, m)
    ridge : float
    """
    if ridge:
        m, n = matrix.shape
        tall, right = np.zeros((m + n, n)), np.zeros((len(vectors), m + n))
        tall[:m], right[:, :m] = matrix, vectors
        tall[m + np.arange(n), np.arange(n)] = np.sqrt(ridge)
        matrix, vectors = tall, right
    return np.asarray(np.linalg.lstsq(matrix, vectors.T, rcond=None)[0].T, dtype=float)


class LeastSquaresProblem(Problem):
    """x that minimises |A x - b|, with a ridge or without."""

    name: ClassVar[str] = "lstsq"
    title: ClassVar[str] = "least squares"
    circuit: ClassVar[str] = "ginv-compact"
    tall: ClassVar[bool] = True
    planted_noise: ClassVar[float] = 0.1
    no_complex_form: ClassVar[str | None] = None

    def circuit_parameters(
        self, topology: type[Circuit], parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Add the constraint; see `Problem.circuit_parameters`."""
        chosen = dict(parameters)
        if "constraint" in chosen:
            raise InputError(
                "constraint: the problem says it, lstsq without and nnls with; a circuit of your "
                "own, such as CompactGINV, takes one"
            )
        hold = {name: chosen.pop(name, None) for name in HOLD}
        hold = {name: value for name, value in hold.items() if value is not None}
        if issubclass(topology, LeastSquares):
            chosen["constraint"] = self._constraint(hold)
        return chosen

    def _constraint(self, hold: Mapping[str, Any]) -> Unconstrained | NonNegative:
        if hold.get("hold"):
            raise UnsupportedError("hold needs the non-negative constraint (problem nnls)")
        return Unconstrained()

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return the solution of least length, shape (K, n); see `Problem.answer`."""
        matrix, right = _selected(circuit, vectors)
        return unconstrained_least_squares(matrix, right, ridge=_ridge(circuit))

    def residual(self, circuit: Circuit, vectors: Array, solutions: Array) -> Array:
        """Return ``|A x - b| / |b|`` over the selected rows, shape (K,)."""
        matrix, right = _selected(circuit, vectors)
        return relative_size(solutions @ matrix.T - right, right)

    def is_unique(self, circuit: Circuit, vectors: Array, answers: Array) -> NDArray[np.bool_]:
        """Return whether the selected rows of the matrix have full column rank."""
        matrix, _ = _selected(circuit, vectors)
        full = _ridge(circuit) > 0 or np.linalg.matrix_rank(matrix) == matrix.shape[1]
        return np.full(len(vectors), bool(full))


class NonNegativeLeastSquares(LeastSquaresProblem):
    """x >= 0 that minimises |A x - b|, with a ridge or L1 term or without."""

    name: ClassVar[str] = "nnls"
    title: ClassVar[str] = "non-negative least squares"
    # A saturated column of ginv-compact leaks, and hold, the remedy, needs a non-negative matrix.
    signed_circuit: ClassVar[str | None] = "ginv-classic"
    non_negative: ClassVar[bool] = True
    planted_zeros: ClassVar[float] = 0.4
    no_complex_form: ClassVar[str | None] = "no complex number is above or below zero"

    def _constraint(self, hold: Mapping[str, Any]) -> Unconstrained | NonNegative:
        return NonNegative(**hold)

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return non-negative solutions, shape (K, n); see `Problem.answer`."""
        matrix, right = _selected(circuit, vectors)
        ridge, penalty = _ridge(circuit), float(getattr(circuit, "lasso", 0.0))
        if penalty and _is_split(matrix):
            # Its columns are dependent, which the solver below refuses; the signed form is not.
            signed = lasso(matrix[:, : matrix.shape[1] // 2], right, penalty=penalty, ridge=ridge)
            return np.hstack([np.maximum(signed, 0.0), np.maximum(-signed, 0.0)])
        return nonnegative_least_squares(matrix, right, ridge=ridge, lasso=penalty)

    def is_unique(self, circuit: Circuit, vectors: Array, answers: Array) -> NDArray[np.bool_]:
        """Return whether no entry can be exchanged for another; see `nonnegative.is_unique`."""
        matrix, right = _selected(circuit, vectors)
        return is_unique(
            matrix, right, answers, ridge=_ridge(circuit), lasso=getattr(circuit, "lasso", 0.0)
        )


def _is_split(matrix: Array) -> bool:
    """Whether a matrix is [A, -A]."""
    half, odd = divmod(matrix.shape[1], 2)
    return not odd and np.array_equal(matrix[:, :half], -matrix[:, half:])


def _ridge(circuit: Circuit) -> float:
    return float(getattr(circuit, "ridge", 0.0))


def _selected(circuit: Circuit, vectors: Array) -> tuple[Array, Array]:
    """Return the rows of a matrix, and the entries of right-hand sides, that count."""
    rows = getattr(circuit, "rows", None)
    if rows is None or rows.all():
        return circuit.matrix, vectors
    return circuit.matrix[rows], vectors[:, rows]
