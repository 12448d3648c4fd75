"""How far a solution is from its reference."""

from __future__ import annotations

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["absolute_error", "relative_error", "relative_size"]

SMALLEST_SQUARE = 1e-280
"""Sums of squares below it, and above its inverse, may have lost digits."""


def absolute_error(solutions: Array, references: Array) -> Array:
    """Return |x - reference| in the 2-norm, in the unit of x, one value a row.

    It is what there is where the reference is zero, of which nothing is a fraction.

    Parameters
    ----------
    solutions, references : ndarray, shape (K, n)

    Returns
    -------
    ndarray, shape (K,)
    """
    return _lengths(solutions - references)


def relative_error(solutions: Array, references: Array) -> Array:
    """Return |x - reference| / |reference| in the 2-norm, one value a row.

    A reference of zero gives 0 for an exact zero and inf otherwise: see `absolute_error`.

    Parameters
    ----------
    solutions, references : ndarray, shape (K, n)

    Returns
    -------
    ndarray, shape (K,)
    """
    return relative_size(solutions - references, references)


def relative_size(differences: Array, references: Array) -> Array:
    """Return |difference| / |reference| in the 2-norm, one value a row; see `relative_error`.

    Parameters
    ----------
    differences, references : ndarray, shape (K, n)

    Returns
    -------
    ndarray, shape (K,)
    """
    distance, size = _lengths(differences), _lengths(references)
    zero = size == 0
    error = distance / np.where(zero, 1.0, size)
    return np.where(zero & (distance > 0), np.inf, error)


def _lengths(rows: Array) -> Array:
    """Return the 2-norm of every row, of entries too whose squares are no numbers any more."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("kn,kn->k", rows, rows.conj()).real
    lengths: Array = np.sqrt(squares)
    far = ~((squares > SMALLEST_SQUARE) & (squares < 1 / SMALLEST_SQUARE))
    if far.any():
        others = rows[far]
        peaks = np.abs(others).max(axis=1, initial=0.0)
        unit = np.where(np.isfinite(peaks) & (peaks > 0), peaks, 1.0)
        lengths[far] = unit * np.linalg.norm(others / unit[:, None], axis=1)
    return lengths
