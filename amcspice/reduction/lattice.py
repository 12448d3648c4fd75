"""Row-recursive exact reduction of a wired crossbar.

Bit lines couple a row only to its neighbours, so the conductance matrix is block tridiagonal in
the rows.  Starting at the far end, Y is the conductance matrix of everything from row i on, seen
from that row's crossing points on the bit lines:

    K_i = D - D R_i^-1 D            row i alone: R_i its word line, D its cells
    Y  <- K_i + link - link (Y + link)^-1 link       across the wire segments ``link``

One dense inverse a row, so linear in the rows.  What a word-line terminal contributes to the
column terminals follows in a second pass from the first row on, V_i = (Y_i + link_i)^-1 link_i
V_(i-1).  It needs the inverses again: those of the last rows reached are kept, the others made
again block by block from stored Y, so that memory stays bounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.blas import dsymm
from scipy.linalg.lapack import dpotrf, dpotri
from threadpoolctl import threadpool_limits

from amcspice.circuit.lattice import Array, Lattice
from amcspice.errors import InputError
from amcspice.reduction.wordline import WordLines

__all__ = ["LatticeReduction"]

KEPT_BYTES = 256e6
"""Inverses kept between the passes."""


@dataclass(frozen=True, eq=False)
class LatticeReduction:
    """A crossbar seen from its column terminals; its row terminals are eliminated.

    Parameters
    ----------
    lattice : Lattice

    Raises
    ------
    InputError
        If a line is connected to nothing.
    """

    lattice: Lattice

    @cached_property
    def _words(self) -> WordLines:
        return WordLines.of(self.lattice)

    @cached_property
    def _passes(self) -> tuple[Array, Array]:
        if self.lattice.column_segment is None:
            return self._without_column_wire()
        # The matrices are small: more threads only wait for each other.
        with threadpool_limits(1, "blas"):
            seen, blocks, kept = self._upward()
            return seen, self._downward(blocks, kept)

    @property
    def conductance(self) -> Array:
        """Conductance matrix of the column terminals, shape (N, N) [S]."""
        return self._passes[0]

    @property
    def transfer(self) -> Array:
        """Row-terminal voltage for one volt at a column terminal, shape (M, N).

        By reciprocity also the share of a current into a row terminal that arrives at each
        column terminal.
        """
        return self._passes[1]

    def local_power(self, currents: Array) -> Array:
        """Return i' Z i for currents into the row terminals, with the column terminals at 0 V.

        Parameters
        ----------
        currents : ndarray, shape (K, M)
            [A].

        Returns
        -------
        ndarray, shape (K,)
            [W].
        """
        words = self._words
        power = currents**2 @ words.local
        if self.lattice.column_segment is None:
            return power + self._ends_power(words.share.T @ currents.T)
        carried = np.zeros((words.cells.shape[1], len(currents)))
        below = np.zeros((words.cells.shape[1],) * 2)
        with threadpool_limits(1, "blas"):
            for index in reversed(range(len(words.cells))):
                link = self._link(index)
                carried += np.outer(words.share[index], currents[:, index])
                inverse = _inverse(below + words.conductance(index), link)
                voltages = dsymm(1.0, inverse, carried, lower=1)
                power += np.einsum("nk,nk->k", voltages, carried)
                carried = link[:, None] * voltages
                below = _across(inverse, link)
        return power

    def _link(self, index: int) -> Array:
        """Conductance from each crossing point of a row towards the terminals [S]."""
        if index == 0:
            first: Array = 1 / self.lattice.column_first
            return first
        assert self.lattice.column_segment is not None
        return np.full(self.lattice.cells.shape[1], 1 / self.lattice.column_segment)

    def _upward(self) -> tuple[Array, list[tuple[int, Array]], dict[int, Array]]:
        """Recur from the last row to the terminals.

        Returns
        -------
        seen : ndarray, shape (N, N)
            At the column terminals.
        blocks : list of (row, Y below it)
            Where the second pass can start again, last row first.
        kept : dict
            Inverse by row, of the rows after the last start.
        """
        m, n = self.lattice.cells.shape
        room = max(1, int(KEPT_BYTES / (8 * n * n)))
        block = m if m <= room else min(room, max(1, int(np.sqrt(m))))
        below = np.zeros((n, n))
        blocks: list[tuple[int, Array]] = []
        kept: dict[int, Array] = {}
        for index in reversed(range(m)):
            if (m - 1 - index) % block == 0:
                blocks.append((index, below))
                kept = {}
            inverse, below = self._step(below, index)
            kept[index] = inverse
        return np.tril(below) + np.tril(below, -1).T, blocks, kept

    def _step(self, below: Array, index: int) -> tuple[Array, Array]:
        """Add a row and cross towards the terminals; lower triangles only."""
        link = self._link(index)
        inverse = _inverse(below + self._words.conductance(index), link)
        return inverse, _across(inverse, link)

    def _downward(self, blocks: list[tuple[int, Array]], kept: dict[int, Array]) -> Array:
        transfer = np.empty_like(self.lattice.cells)
        voltages: Array = np.eye(len(self.lattice.columns))
        for index, inverse in self._inverses(blocks, kept):
            voltages = dsymm(1.0, inverse, self._link(index)[:, None] * voltages, lower=1)
            transfer[index] = self._words.share[index] @ voltages
        return transfer

    def _inverses(
        self, blocks: list[tuple[int, Array]], kept: dict[int, Array]
    ) -> Iterator[tuple[int, Array]]:
        """Yield the inverse of every row, first row first."""
        yield from sorted(kept.items())
        for (start, below), (after, _) in reversed(list(itertools.pairwise(blocks))):
            again: dict[int, Array] = {}
            for index in range(start, after, -1):
                again[index], below = self._step(below, index)
            yield from sorted(again.items())

    def _without_column_wire(self) -> tuple[Array, Array]:
        """Sum the rows; the end of a bit line with a lead follows its own and other terminals."""
        seen, share = self._words.total(), self._words.share
        first = self.lattice.column_first
        leading = np.flatnonzero(first > 0)
        if not leading.size:
            return seen, share
        lead = 1 / first[leading]
        follow = np.eye(len(first))
        right = -seen[leading]
        right[:, leading] = np.diag(lead)
        follow[leading] = np.linalg.solve(seen[np.ix_(leading, leading)] + np.diag(lead), right)
        drop = np.eye(len(first))[leading] - follow[leading]
        return follow.T @ seen @ follow + drop.T @ (lead[:, None] * drop), share @ follow

    def _ends_power(self, injected: Array) -> Array:
        """Dissipation of currents (N, K) into bit lines that have nothing but a lead."""
        first = self.lattice.column_first
        leading = np.flatnonzero(first > 0)
        loaded = self._words.total()[np.ix_(leading, leading)] + np.diag(1 / first[leading])
        currents = injected[leading]
        power: Array = np.einsum("nk,nk->k", currents, np.linalg.solve(loaded, currents))
        return power


def _inverse(seen: Array, link: Array) -> Array:
    """Return the lower triangle of (seen + link)^-1; reads the lower triangle only."""
    seen[np.diag_indices(len(link))] += link
    factor, failed = dpotrf(seen.T, lower=0, overwrite_a=1, clean=0)
    if failed:
        raise InputError("a bit line is connected to nothing: its voltage is undetermined")
    upper, _ = dpotri(factor, lower=0, overwrite_c=1)
    inverse: Array = upper.T
    return inverse


def _across(inverse: Array, link: Array) -> Array:
    """Return the lower triangle of link - link inverse link."""
    across = inverse * (-link * link[0]) if np.ptp(link) == 0 else -link[:, None] * inverse * link
    across[np.diag_indices(len(link))] += link
    return across
