"""What stands across cells: the voltage between lines of an array, from expected solutions."""

from __future__ import annotations

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["across", "plus_lines"]


def across(lines: Array, others: Array) -> float:
    """Return the largest voltage between any line and any of those that cross it.

    Parameters
    ----------
    lines : ndarray, shape (K, n)
        Voltages for K right-hand sides.
    others : ndarray, shape (K, m)
        Of the crossing lines; none at all are grounded ones.
    """
    if not others.size:
        return float(np.abs(lines).max(initial=0.0))
    above = lines.max(axis=1) - others.min(axis=1)
    below = others.max(axis=1) - lines.min(axis=1)
    return float(np.maximum(above, below).max())


def plus_lines(
    driven: Array, positive: Array, negative: Array, *, extra: float, compensation: bool
) -> Array:
    """Return the voltages of the lines at the non-inverting inputs, at rest, shape (K, m).

    Those at the inverting ones are the same; without negative entries they are grounded.

    Parameters
    ----------
    driven : ndarray, shape (K, n)
        What drives the cells.
    positive, negative : ndarray, shape (m, n)
        Parts of the matrix as conductances [S].
    extra : float
        What else hangs on the inverting lines [S].
    compensation : bool
        Whether the totals of both lines are made equal.
    """
    if not negative.any():
        return np.zeros((len(driven), 1))
    totals = negative.sum(axis=1)
    if compensation:
        totals = np.maximum(positive.sum(axis=1) + extra, totals)
    voltages: Array = driven @ negative.T / np.where(totals > 0, totals, 1.0)
    return voltages
