"""Factors of a matrix, each line in the full range of its cells.

    A ~ left diag(gains) right,   the largest entry of every column of left and row of right being 1

A line of an array has a gain of its own, so that how A is shared out between the factors changes
nothing: balanced factors come to the same cells as any others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.extras import extra

__all__ = [
    "NMF",
    "SVD",
    "Factors",
    "cells_an_entry",
    "distances",
    "nonnegative_factors",
    "singular_factors",
]

SVD, NMF = "svd", "nmf"

OFF = 1e-12
"""Part of the range below which an entry is nothing but rounding: its cell is off."""

ITERATIONS, TOLERANCE = 500, 1e-5


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors of which the leading columns and rows are factors as well.

    Parameters
    ----------
    left : ndarray, shape (m, K)
        Largest entry of every column 1.
    gains : ndarray, shape (K,)
    right : ndarray, shape (K, n)
        Largest entry of every row 1.
    missed : ndarray, shape (K,)
        ``|left_r diag(gains_r) right_r - A|_F^2`` of every number r of leading lines.
    floor : ndarray, shape (K,)
        What no product of so many lines, whatever it holds, is below in that distance.
    ranks : ndarray of int
        Numbers of leading lines that are meant to be taken, ascending.
    """

    left: Array
    gains: Array
    right: Array
    missed: Array
    floor: Array
    ranks: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        matrix: Array,
        left: Array,
        right: Array,
        ranks: Sequence[int] | NDArray[np.intp],
        floor: Array | None = None,
    ) -> Factors:
        """Return factors of a matrix with every line in its own range."""
        peaks = np.abs(left).max(axis=0), np.abs(right).max(axis=1)
        columns = left / np.where(peaks[0] > 0, peaks[0], 1.0)
        rows = right / np.where(peaks[1] > 0, peaks[1], 1.0)[:, None]
        kept = [np.where(np.abs(lines) > OFF, lines, 0.0) for lines in (columns, rows)]
        gains = peaks[0] * peaks[1]
        missed = distances(matrix, kept[0] * gains, kept[1])
        floor = np.zeros(len(gains)) if floor is None else floor
        return cls(kept[0], gains, kept[1], missed, floor, np.asarray(ranks, np.intp))

    @cached_property
    def cells_an_entry(self) -> NDArray[np.intp]:
        """Cells for an entry of the leading lines of right, then left, shape (2, K)."""
        signs = (self.right < 0).any(axis=1), (self.left < 0).any(axis=0)
        return 1 + np.logical_or.accumulate(np.array(signs), axis=1).astype(np.intp)


def distances(matrix: Array, left: Array, right: Array) -> Array:
    """Return |left_r right_r - matrix|_F^2 for every number r of leading columns and rows."""
    gram = (left.T @ left) * (right @ right.T)
    products = np.cumsum(np.cumsum(gram, axis=0), axis=1).diagonal()
    shared = np.cumsum(((left.T @ matrix) * right).sum(axis=1))
    squares: Array = np.maximum(products - 2 * shared + (matrix**2).sum(), 0.0)
    return squares


def cells_an_entry(matrix: Array) -> int:
    """Return how many cells a circuit for products takes for an entry: two if signs occur."""
    return 1 + int((matrix < 0).any())


def singular_factors(matrix: Array, largest: int) -> Factors:
    """Return singular vectors, as far as singular values are more than rounding.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Not all zero.
    largest : int
        Rank, at most.
    """
    U, values, Vt = scipy.linalg.svd(matrix, full_matrices=False)
    more = values > values[0] * max(matrix.shape) * np.finfo(float).eps
    rank = max(1, min(largest, int(more.sum())))
    # The leading vectors of a matrix without signs have none: then they are positive.
    sign = np.where(U[:, :rank].sum(axis=0) < 0, -1.0, 1.0)
    left, right = U[:, :rank] * sign * values[:rank], Vt[:rank] * sign[:, None]
    # What is beyond them is all that a product of that rank must miss (Eckart and Young).
    beyond = np.append(np.cumsum(values[:0:-1] ** 2)[::-1], 0.0)[:rank]
    return Factors.of(matrix, left, right, np.arange(1, rank + 1), beyond)


def nonnegative_factors(matrix: Array, rank: int) -> Factors:
    """Return non-negative factors of a rank, by coordinate descent.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Without negative entries.
    rank : int

    Raises
    ------
    InputError
        If an entry is negative.
    """
    with extra("sklearn"):
        from sklearn import decomposition
        from sklearn.exceptions import ConvergenceWarning

    if matrix.min() < 0:
        where = tuple(int(k) for k in np.argwhere(matrix < 0)[0])
        raise InputError(
            f"factors = {NMF!r}: entry {where} of the matrix is negative; take {SVD!r}"
        )
    model = decomposition.NMF(
        rank, init="nndsvda", max_iter=ITERATIONS, tol=TOLERANCE, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        left = model.fit_transform(matrix / matrix.max())
    return Factors.of(matrix, left * matrix.max(), model.components_, [rank])
