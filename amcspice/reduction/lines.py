"""Parallel lines of a crossbar as chains of conductances: tridiagonal, all lines at once.

Arrays have one line a row, and voltages or currents a last axis for several inputs.
"""

from __future__ import annotations

import numpy as np
import scipy

from amcspice.circuit.base import Array
from amcspice.errors import UnconnectedError

__all__ = ["diagonal", "factorise", "slow_modes", "solve_lines", "transposed"]

MOST_MODES = 64
"""Largest number of modes of a line, as eigenvectors."""


def diagonal(cells: Array, segment: float, *, first: float, last: float) -> Array:
    """Return the whole conductance at each crossing point of all lines."""
    whole = cells.copy()
    whole[:, 0] += first
    whole[:, -1] += last
    whole[:, :-1] += segment
    whole[:, 1:] += segment
    return whole


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
    whole = diagonal(np.zeros((1, length)), segment, first=first, last=last)[0]
    if length == 1:
        return whole[whole < limit], np.ones((1, int(whole[0] < limit)))
    limit = min(limit, segment * (np.pi * MOST_MODES / length) ** 2)
    links = np.full(length - 1, -segment)
    # No conductance is below zero.
    modes: tuple[Array, Array] = scipy.linalg.eigh_tridiagonal(  # type: ignore[assignment]
        whole, links, select="v", select_range=(-segment, limit)
    )
    return modes


def factorise(cells: Array, segment: float, *, first: float, last: float) -> tuple[Array, Array]:
    """Factorise all lines at once: one tridiagonal matrix whose lines are not linked.

    Parameters
    ----------
    cells : ndarray, shape (lines, length)
        Conductance at each crossing point to elsewhere than the line [S].
    segment : float
        Conductance between neighbours [S].
    first, last : float
        Conductance at the ends [S].

    Raises
    ------
    InputError
        If a line is connected to nothing.
    """
    count, length = cells.shape
    whole = diagonal(cells, segment, first=first, last=last)
    links = np.full((count, length), -segment)
    links[:, -1] = 0.0
    if whole.size == 1:  # LAPACK knows no links of a single unknown
        if whole.item() <= 0:
            raise UnconnectedError("a line of the crossbar is connected to nothing")
        return whole.ravel(), np.empty(0)
    factor, multipliers, failed = scipy.linalg.lapack.dpttrf(whole.ravel(), links.ravel()[:-1])
    if failed:
        raise UnconnectedError("a line of the crossbar is connected to nothing")
    return factor, multipliers


def solve_lines(factor: tuple[Array, Array], right: Array) -> Array:
    """Return the voltages for injected currents, shape (lines, length, K)."""
    if factor[0].size == 1:
        return right / factor[0]
    solved, _ = scipy.linalg.lapack.dpttrs(*factor, right.reshape(-1, right.shape[2]))
    result: Array = solved.reshape(right.shape)
    return result


def transposed(lines: Array) -> Array:
    """Exchange the first two axes, a few lines at a time: they stay in the caches."""
    across = np.empty((lines.shape[1], lines.shape[0], lines.shape[2]))
    for start in range(0, len(lines), 64):
        part = slice(start, start + 64)
        across[:, part] = lines[part].transpose(1, 0, 2)
    return across
