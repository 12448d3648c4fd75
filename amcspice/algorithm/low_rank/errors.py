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
from amcspice.circuit.parts.differential import parts
from amcspice.device import Memristor
from amcspice.device.moments import cell_moments

__all__ = ["Cells", "ErrorTerms", "Moments", "WhiteNoise", "array_error", "two_step_terms"]


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
    device : Memristor
    """

    device: Memristor

    def __call__(self, entries: Array) -> tuple[Array, Array]:
        """Return mean and variance of entries, of the range."""
        top = self.device.g_max
        positive, negative = parts(entries * top)
        mean, variance = cell_moments(self.device, positive)
        if negative.any():
            below = cell_moments(self.device, negative)
            mean, variance = mean - below[0], variance + below[1]
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


def two_step_terms(matrix: Array, factors: Factors, moments: Moments) -> ErrorTerms:
    """Return the terms of the leading factors of every rank.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    factors : Factors
        Of K columns and rows.
    moments : Moments
    """
    gains = factors.gains
    left, left_variance = moments(factors.left)
    right, right_variance = moments(factors.right)
    size = float((matrix**2).sum())
    first, second = right_variance.sum(axis=1), left_variance.sum(axis=0)
    truncation = factors.missed / size
    return ErrorTerms(
        truncation=truncation,
        bias=distances(matrix, left * gains, right) / size - truncation,
        first=np.cumsum(gains**2 * (left**2).sum(axis=0) * first) / size,
        second=np.cumsum(gains**2 * (right**2).sum(axis=1) * second) / size,
        cross=np.cumsum(gains**2 * first * second) / size,
    )


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
