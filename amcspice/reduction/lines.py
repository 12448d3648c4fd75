"""A line of a crossbar without its cells: a chain of equal conductances."""

from __future__ import annotations

import numpy as np
import scipy

from amcspice.circuit.base import Array

__all__ = ["slow_modes"]

MOST_MODES = 64
"""Largest number of modes of a line, as eigenvectors."""


def slow_modes(
    length: int, segment: float, limit: float, *, first: float, last: float
) -> tuple[Array, Array]:
    """Return the modes of a line without cells that conduct less than the limit.

    Returns
    -------
    conductance : ndarray, shape (k,)
        [S].
    modes : ndarray, shape (length, k)
        Orthonormal.
    """
    whole = np.full(length, 2 * segment)
    whole[0] += first - segment
    whole[-1] += last - segment
    if length == 1:
        return whole[whole < limit], np.ones((1, int(whole[0] < limit)))
    limit = min(limit, segment * (np.pi * MOST_MODES / length) ** 2)
    links = np.full(length - 1, -segment)
    # No conductance is below zero.
    modes: tuple[Array, Array] = scipy.linalg.eigh_tridiagonal(  # type: ignore[assignment]
        whole, links, select="v", select_range=(-segment, limit)
    )
    return modes
