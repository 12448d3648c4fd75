"""Figures of merit of a link: EVM, and bit-error rates with their confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "ErrorCount", "best_gain", "evm", "interval"]

CONFIDENCE = 0.95


def evm(received: NDArray[Any], sent: NDArray[Any], *, axis: int | None = None) -> Any:
    """Return the error vector magnitude: root mean square of errors over that of what was sent.

    Parameters
    ----------
    received, sent : ndarray of complex, the same shape
    axis : int, optional
        That is averaged over; None: all of them.
    """
    error = np.mean(np.abs(received - sent) ** 2, axis=axis)
    return np.sqrt(error / np.mean(np.abs(sent) ** 2, axis=axis))


def best_gain(received: NDArray[Any], sent: NDArray[Any], *, axis: int | None = None) -> Any:
    """Return the factor that brings what was sent nearest to what was received.

    An equaliser divides by it before EVM is taken (3GPP TS 38.101-1, annex F).
    """
    power = np.sum(np.abs(sent) ** 2, axis=axis)
    return np.sum(received * np.conj(sent), axis=axis) / power


@dataclass
class ErrorCount:
    """Bits and bit errors, channel by channel.

    Errors of one channel come together, as all of its bits see the same noise enhancement and the
    same cells.  The interval widens by as much as the counts of channels vary more than those of
    independent bits.
    """

    bits: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)

    def add(self, errors: int, bits: int) -> None:
        """Count those of one channel."""
        self.errors.append(errors)
        self.bits.append(bits)

    @property
    def rate(self) -> float:
        """Bit-error rate; nan without bits."""
        bits = sum(self.bits)
        return sum(self.errors) / bits if bits else float("nan")

    @property
    def design_effect(self) -> float:
        """Variance of the rate over that of as many independent bits; at least one."""
        count, rate = len(self.bits), self.rate
        if count < 2 or not 0 < rate < 1:
            return 1.0
        bits, errors = np.array(self.bits, float), np.array(self.errors, float)
        variance = count / (count - 1) * np.sum((errors - rate * bits) ** 2)
        return float(max(variance / (rate * (1 - rate) * bits.sum()), 1.0))

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Return the confidence interval of the rate."""
        effect = self.design_effect
        return interval(sum(self.errors) / effect, sum(self.bits) / effect, confidence)


def interval(errors: float, bits: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the confidence interval of a rate (E. Wilson, J. Am. Stat. Assoc. 22, 209 (1927)).

    Parameters
    ----------
    errors, bits : float
        Of independent bits.
    confidence : float
    """
    if not bits:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate, share = errors / bits, z**2 / bits
    middle = (rate + share / 2) / (1 + share)
    half = z / (1 + share) * np.sqrt(rate * (1 - rate) / bits + share / (4 * bits))
    low = max(float(middle - half), 0.0) if errors else 0.0  # without the last digits' rounding
    return low, min(float(middle + half), 1.0)
