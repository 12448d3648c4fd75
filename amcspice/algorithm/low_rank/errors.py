"""What two steps and one array are off by, over all draws of their cells, in closed form.

With the cells of an array having mean M and variance v, entry by entry, R1 copies of C applied
first and R2 copies of B, and white inputs x,

    |A|_F^2 eps^2 = |M_B M_C - A|_F^2 + sum_k |M_B,k|^2 v_C,k / R1 + sum_k v_B,k |M_C,k|^2 / R2
                    + sum_k v_B,k v_C,k / (R1 R2)

v_C,k being the sum of the variances of row k of C, v_B,k that of column k of B: noise of different
cells is independent, so that no other product is left.  With M = B, C and v = sigma^2 of the range
of a line, it is the law of white noise,

    eps^2 = t(r) + sigma^2 (P_V/R1 + P_U/R2) + sigma^4 P_UV/(R1 R2)
    |A|_F^2 P_U = sum_k s_k^2 m max_i U_ik^2,  |A|_F^2 P_V = sum_k s_k^2 n max_j V_jk^2

Cells differ from it in that conductances end at zero: small ones keep half of their noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from amcspice.algorithm.low_rank.factors import Factors, distances
from amcspice.circuit.base import Array
from amcspice.device import Cell
from amcspice.device.moments import cell_moments

__all__ = ["Cells", "ErrorTerms", "HeldFactors", "Moments", "WhiteNoise", "array_error"]


class Moments(Protocol):
    """What entries of an array come to: those asked for are from -1 to 1, of the range."""

    def __call__(self, entries: Array) -> tuple[Array, Array]:
        """Return mean and variance of entries, in the same shape."""
        ...


@dataclass(frozen=True)
class WhiteNoise:
    """The same noise on every entry.

    Parameters
    ----------
    spread : float
        Standard deviation, of the range.
    """

    spread: float

    def __call__(self, entries: Array) -> tuple[Array, Array]:
        """Return entries as they are, and the variance of all."""
        return entries, np.full(entries.shape, self.spread**2)


@dataclass(frozen=True)
class Cells:
    """Cells of a circuit for products: one an entry, or a pair where signs occur.

    Parameters
    ----------
    device : Cell
    """

    device: Cell

    def __call__(self, entries: Array) -> tuple[Array, Array]:
        """Return mean and variance of entries, of the range."""
        top = self.device.g_max
        mean, variance = cell_moments(self.device, np.abs(entries) * top)
        if (entries < 0).any():
            # Of each pair one cell holds the entry, and the other one is off.
            off = cell_moments(self.device, np.zeros(1))
            mean = np.where(entries < 0, off[0] - mean, mean - off[0])
            variance = variance + off[1]
        return mean / top, variance / top**2


@dataclass(frozen=True, eq=False)
class ErrorTerms:
    """Squared relative error of two steps by what causes it, an entry for each rank 1..K.

    Parameters
    ----------
    truncation : ndarray
        Of the exact factors.
    bias : ndarray
        What the mean of all draws is off beyond that, by levels and by conductances that end at
        zero; may be negative.
    first, second : ndarray
        Noise of one copy of the array of the first, and of the second step.
    cross : ndarray
        Of both.
    """

    truncation: Array
    bias: Array
    first: Array
    second: Array
    cross: Array

    def at(self, rank: int, repeats: tuple[int, int]) -> dict[str, float]:
        """Return the terms of a rank, with so many copies averaged."""
        k, (one, two) = rank - 1, repeats
        return {
            "truncation": float(self.truncation[k]),
            "bias": float(self.bias[k]),
            "first_factor": float(self.first[k] / one),
            "second_factor": float(self.second[k] / two),
            "cross": float(self.cross[k] / (one * two)),
        }


@dataclass(frozen=True, eq=False)
class HeldFactors:
    """What the cells of factors come to.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    factors : Factors
        Of K columns and rows.
    left, right : ndarray
        Means, in the shapes of the factors.
    first, second, cross : ndarray, shape (K,)
        See `ErrorTerms`.
    """

    matrix: Array
    factors: Factors
    left: Array
    right: Array
    first: Array
    second: Array
    cross: Array

    @classmethod
    def of(cls, matrix: Array, factors: Factors, moments: Moments) -> HeldFactors:
        """Return what moments of cells make of factors."""
        size, gains = float((matrix**2).sum()), factors.gains
        left, left_variance = moments(factors.left)
        right, right_variance = moments(factors.right)
        first, second = right_variance.sum(axis=1), left_variance.sum(axis=0)
        return cls(
            matrix, factors, left, right,
            first=np.cumsum(gains**2 * (left**2).sum(axis=0) * first) / size,
            second=np.cumsum(gains**2 * (right**2).sum(axis=1) * second) / size,
            cross=np.cumsum(gains**2 * first * second) / size,
        )  # fmt: skip

    def terms(self, count: int) -> ErrorTerms:
        """Return the terms of so many leading lines, rank by rank."""
        size, lines = float((self.matrix**2).sum()), slice(count)
        truncation = self.factors.missed[lines] / size
        left = self.left[:, lines] * self.factors.gains[lines]
        missed = distances(self.matrix, left, self.right[lines]) / size
        return ErrorTerms(
            truncation, missed - truncation, self.first[lines], self.second[lines],
            self.cross[lines],
        )  # fmt: skip


def array_error(matrix: Array, moments: Moments, *, row_gain: bool = True) -> float:
    """Return the relative error of one array.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Not all zero.
    moments : Moments
    row_gain : bool
        Whether each row has a gain, and so the full range of its cells, or all share one.
    """
    peaks = np.abs(matrix).max(axis=1, keepdims=True)
    peaks = np.where(peaks > 0, peaks, 1.0) if row_gain else peaks.max()
    mean, variance = moments(matrix / peaks)
    off = (mean * peaks - matrix) ** 2 + variance * peaks**2
    return float(np.sqrt(off.sum() / (matrix**2).sum()))
