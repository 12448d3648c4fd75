"""`ExactInverse`: the inverse of a factor in digital arithmetic."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.algorithm.curvature.equilibrated import as_factor
from amcspice.circuit import as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Ledger

__all__ = ["CurvatureInverse", "ExactInverse"]


class CurvatureInverse(Protocol):
    """Whatever inverts the factor that it was programmed with last."""

    def program(self, matrix: ArrayLike, mean: ArrayLike | None = None) -> None:
        """Take a factor, shape (n, n), and the mean, shape (n,), of what it is made of."""
        ...

    def solve(self, b: ArrayLike) -> Any:
        """Return solutions of right-hand sides (n,) or (n, K)."""
        ...

    def explicit(self) -> Array:
        """Return the inverse as a matrix, shape (n, n)."""
        ...


class ExactInverse:
    """The inverse by a Cholesky decomposition, with the methods of an `AnalogInverse`.

    Parameters
    ----------
    label : str
        What messages and the ledger call it.
    ledger : Ledger, optional
        Takes the digital work.

    Examples
    --------
    >>> from amcspice.algorithm import ExactInverse
    >>> inverse = ExactInverse()
    >>> inverse.program([[2.0, 1.0], [1.0, 2.0]])
    >>> inverse.solve([3.0, 3.0]).round(12)
    array([1., 1.])
    """

    def __init__(self, label: str = "factor", ledger: Ledger | None = None) -> None:
        self.label, self.ledger = label, ledger or Ledger()
        self._factor: tuple[Array, bool] | None = None

    def program(self, matrix: ArrayLike, mean: ArrayLike | None = None) -> None:
        """Decompose a factor; the mean is in it, and makes no difference.

        Raises
        ------
        InputError
            If it is not symmetric and positive definite.
        """
        values = as_factor(matrix)
        try:
            self._factor = scipy.linalg.cho_factor(values, lower=True)
        except np.linalg.LinAlgError:
            raise InputError(f"{self.label}: it is not positive definite: damp it more") from None
        flops = len(values) ** 3 / 3
        self.ledger.compute(f"Cholesky decomposition of {self.label}", flops, prepares=True)

    def solve(self, b: ArrayLike) -> Any:
        """Return solutions of right-hand sides (n,) or (n, K).

        Raises
        ------
        InputError
            If they do not fit, or nothing was programmed.
        """
        if self._factor is None:
            raise InputError(f"{self.label}: program it first")
        n = len(self._factor[0])
        vectors = as_vectors(b, n).T
        self.ledger.compute(f"solutions of {self.label}", 2.0 * n**2 * vectors.shape[1])
        solutions: Any = scipy.linalg.cho_solve(self._factor, vectors)
        return solutions[:, 0] if np.ndim(b) == 1 else solutions

    def explicit(self) -> Array:
        """Return the inverse, shape (n, n)."""
        if self._factor is None:
            raise InputError(f"{self.label}: program it first")
        solved: Array = self.solve(np.eye(len(self._factor[0])))
        return solved
