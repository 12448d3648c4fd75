"""Word lines reduced to the crossing points on the bit lines, all rows at once.

A word line is a chain of nodes; its conductance matrix R is tridiagonal, and the inverse of a
tridiagonal matrix is semiseparable: (R^-1)_jk = u_k v_j for j >= k.  The recurrences for u and v
are written so that only positive numbers are added, multiplied and divided: every entry is
accurate to rounding, however long the line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.crossbar.structure import Array, Crossbar
from amcspice.errors import UnconnectedError

__all__ = ["WordLines", "check_connected"]

LARGEST_EXPONENT = 300.0
"""Above this u and v are kept as logarithms only."""


@dataclass(frozen=True, eq=False)
class WordLines:
    """The word lines of a crossbar, eliminated.

    Parameters
    ----------
    cells : ndarray, shape (M, N)
        Conductances [S].
    share : ndarray, shape (M, N)
        Terminal voltage for one volt at each crossing point, the others at 0 V.
    local : ndarray, shape (M,)
        Resistance seen at the terminal with all crossing points at 0 V [ohm].
    _log_u, _log_v : ndarray, shape (M, N), optional
        Logarithms of u and v at the crossing points; None where each line is a single node.
    """

    cells: Array
    share: Array
    local: Array
    _log_u: Array | None = None
    _log_v: Array | None = None

    @classmethod
    def of(cls, crossbar: Crossbar) -> WordLines:
        """Eliminate the word lines of a crossbar.

        Raises
        ------
        InputError
            If a word line is connected to nothing.
        """
        total = check_connected(crossbar)
        if crossbar.row_first == 0:
            local = 1 / total
            return cls(crossbar.cells, local[:, None] * crossbar.cells, local)
        ground, links, at = _chains(crossbar)
        log_u, log_v = _semiseparable(ground, links)
        # The terminal is node 0 of the chain: (R^-1)_j0 = u_0 v_j.
        to_terminal = np.exp(log_u[:, :1] + log_v)
        return cls(
            cells=crossbar.cells,
            share=to_terminal[:, at] * crossbar.cells,
            local=to_terminal[:, 0],
            _log_u=log_u[:, at],
            _log_v=log_v[:, at],
        )

    def total(self) -> Array:
        """Return the sum over all rows of K = D - D R^-1 D, shape (N, N) [S]."""
        cells, u, v = self.cells, self._log_u, self._log_v
        if u is None or v is None:
            between: Array = np.diag(cells.sum(axis=0)) - self.share.T @ cells
            return between
        if u.max() < LARGEST_EXPONENT:
            lower = -(cells * np.exp(v)).T @ (cells * np.exp(u))
        else:
            lower = np.zeros((cells.shape[1],) * 2)
            for row in range(len(cells)):
                exponent = np.minimum(v[row][:, None] + u[row], LARGEST_EXPONENT)
                lower -= np.exp(exponent) * np.outer(cells[row], cells[row])
        # (R^-1)_jk = u_k v_j holds for j >= k: what stands above the diagonal has no meaning.
        lower[np.diag_indices(len(lower))] += cells.sum(axis=0)
        full: Array = np.tril(lower) + np.tril(lower, -1).T
        return full


def check_connected(crossbar: Crossbar) -> Array:
    """Refuse a word line that nothing but its own terminal is connected to.

    Returns
    -------
    ndarray, shape (M,)
        What is connected to each [S].

    Raises
    ------
    InputError
        If there is one.
    """
    total: Array = crossbar.row_ground + crossbar.cells.sum(axis=1)
    if not total.all():
        floating = np.flatnonzero(total == 0)[0]
        raise UnconnectedError(
            f"word line {floating} of array {crossbar.name or 'pair'} is connected to "
            "nothing: all its cells are off; leave the row out or use compensation"
        )
    return total


def _chains(crossbar: Crossbar) -> tuple[Array, Array, NDArray[np.intp]]:
    """Describe every word line as a chain of nodes that starts at its terminal.

    Returns
    -------
    ground : ndarray, shape (M, L)
        Conductance of each node to elsewhere than the chain [S].
    links : ndarray, shape (L - 1,)
        Conductance between neighbours [S].
    at : ndarray of int, shape (N,)
        Node of each crossing point.
    """
    n = crossbar.cells.shape[1]
    first = 1 / crossbar.row_first
    if crossbar.row_segment is None:
        ground = np.stack([crossbar.row_ground, crossbar.cells.sum(axis=1)], axis=1)
        return ground, np.array([first]), np.ones(n, np.intp)
    links = np.full(n, 1 / crossbar.row_segment)
    links[0] = first
    return np.column_stack([crossbar.row_ground, crossbar.cells]), links, np.arange(1, n + 1)


def _semiseparable(ground: Array, links: Array) -> tuple[Array, Array]:
    """Return log u and log v of the inverse of every chain, shape (M, L) each.

    With p_j the pivot of node j from the left and q_j from the right, u_(j+1) = u_j p_j / b_j,
    v_j = v_(j+1) q_(j+1) / b_j and u_0 v_0 = 1 / q_0.
    """
    length = ground.shape[1]
    left, right = np.empty_like(ground), np.empty_like(ground)
    # What a node sees to ground on its own side, itself included: pivot = that + next link.
    left[:, 0], right[:, -1] = ground[:, 0], ground[:, -1]
    for j in range(1, length):
        b = links[j - 1]
        left[:, j] = ground[:, j] + b * left[:, j - 1] / (left[:, j - 1] + b)
        k = length - 1 - j
        b = links[k]
        right[:, k] = ground[:, k] + b * right[:, k + 1] / (right[:, k + 1] + b)
    # u_j p_j / b_j = u_j (1 + left_j / b_j), and likewise for v.
    log_u, log_v = np.zeros_like(ground), np.zeros_like(ground)
    log_u[:, 1:] = np.cumsum(np.log1p(left[:, :-1] / links), axis=1)
    log_v[:, 1:] = -np.cumsum(np.log1p(right[:, 1:] / links), axis=1)
    return log_u, log_v - np.log(right[:, :1])
