"""`Equilibrated`: a factor with a diagonal of ones, its mean kept aside."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError

__all__ = ["Equilibrated", "as_factor"]

SYMMETRIC = 1e-8
"""Difference of a matrix from its transpose, over its largest entry, that is rounding."""


def as_factor(matrix: ArrayLike) -> Array:
    """Return a symmetric matrix with a positive diagonal, shape (n, n).

    Raises
    ------
    InputError
        If it is none.
    """
    values = as_matrix(matrix)
    if values.shape[0] != values.shape[1]:
        raise InputError(f"factor: {values.shape}: must be square")
    if np.abs(values - values.T).max() > SYMMETRIC * np.abs(values).max():
        raise InputError("factor: must be symmetric")
    if not (values.diagonal() > 0).all():
        first = int(np.argmin(values.diagonal()))
        raise InputError(
            f"factor: diagonal entry {first} is {values[first, first]:g}: all must be positive; "
            "damp it, or take less off for the mean"
        )
    return values


class Equilibrated(NamedTuple):
    """A factor ``M = S^-1 (K~ + m~ m~') S^-1`` with ones on the diagonal of K~.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
        K~, which is programmed.
    scale : ndarray, shape (n,)
        Diagonal of S.
    mean : ndarray, shape (n,), optional
        m~.
    """

    matrix: Array
    scale: Array
    mean: Array | None

    @classmethod
    def of(cls, matrix: ArrayLike, mean: ArrayLike | None = None) -> Self:
        """Return that of a factor, of which the mean, shape (n,), may be kept aside.

        Raises
        ------
        InputError
            If the factor is not symmetric, or its diagonal is not positive without the mean.
        """
        values = as_factor(matrix)
        vector = None if mean is None else as_vectors(mean, len(values), "mean")[0]
        if vector is not None:
            if vector.any():
                values = as_factor(values - np.outer(vector, vector))
            else:
                vector = None
        scale = 1 / np.sqrt(values.diagonal())
        unit = scale[:, None] * values * scale
        np.fill_diagonal(unit, 1.0)
        return cls(unit, scale, None if vector is None else scale * vector)

    @property
    def whole(self) -> Array:
        """With its mean: S M S, shape (n, n)."""
        return self.matrix if self.mean is None else self.matrix + np.outer(self.mean, self.mean)

    def with_mean(self, y: Array, by_mean: Array | None) -> Array:
        """Return solutions for K~ + m~ m~' from those for K~, shape (n, K).

        Parameters
        ----------
        y : ndarray, shape (n, K)
        by_mean : ndarray, shape (n,), optional
            ``K~^-1 m~``, where a mean is kept aside.
        """
        if self.mean is None or by_mean is None:
            return y
        share = self.mean @ y / (1 + self.mean @ by_mean)
        return y - by_mean[:, None] * share

    @property
    def flops(self) -> float:
        """Digital operations to make it."""
        n = len(self.matrix)
        return (3.0 if self.mean is None else 5.0) * n**2

    @property
    def flops_a_vector(self) -> float:
        """Digital operations beside a solution for K~."""
        return (2.0 if self.mean is None else 6.0) * len(self.matrix)
