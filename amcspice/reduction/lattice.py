"""Row-recursive exact reduction of a wired crossbar.

Bit lines couple a row only to its neighbours, so the conductance matrix is block tridiagonal in
the rows.  Starting at the far end, Y is the conductance matrix of everything from row i on, seen
from that row's crossing points on the bit lines:

    K_i = D - D R_i^-1 D            row i alone: R_i its word line (tridiagonal), D its cells
    Y  <- link - link (Y + link)^-1 link + K_i       across the wire segments ``link``

That is one tridiagonal solve and one dense inverse a row: linear in the rows.  What a word-line
terminal contributes to the column terminals follows in a second pass from the first row on,
V_i = (Y_i + link_i)^-1 link_i V_(i-1); the inverses it needs are made again block by block from
stored Y, so memory grows with the square root of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dptsv

from amcspice.circuit.lattice import Array, Lattice
from amcspice.errors import InputError

__all__ = ["LatticeReduction"]


@dataclass(frozen=True, eq=False)
class LatticeReduction:
    """A crossbar seen from its column terminals; its row terminals are eliminated.

    Parameters
    ----------
    lattice : Lattice
    """

    lattice: Lattice

    @cached_property
    def conductance(self) -> Array:
        """Conductance matrix of the column terminals, shape (N, N) [S]."""
        return self._passes[0]

    @cached_property
    def transfer(self) -> Array:
        """Row-terminal voltage for one volt at a column terminal, shape (M, N).

        By reciprocity also the share of a current into a row terminal that arrives at each
        column terminal.
        """
        return self._passes[1]

    @cached_property
    def _passes(self) -> tuple[Array, Array]:
        if self.lattice.column_segment is None:
            return self._without_column_wire()
        stored = self._upward()
        return stored[-1][1], self._downward(stored)

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
        power = np.zeros(len(currents))
        carried = np.zeros((self.lattice.cells.shape[1], len(currents)))
        below: Array | None = None
        wired = self.lattice.column_segment is not None
        for index in reversed(range(len(self.lattice.cells))):
            alone, share, local = self._row(index)
            injected = currents[:, index]
            power += local * injected**2
            carried += np.outer(share, injected)
            below = alone if below is None else below + alone
            if wired:
                below, carried = self._cross(below, carried, index, power)
        if not wired:
            self._cross(below, carried, 0, power)
        return power

    def _cross(
        self, seen: Array | None, carried: Array, index: int, power: Array
    ) -> tuple[Array, Array]:
        """Eliminate the crossing points of a row; add what they dissipate to ``power``."""
        assert seen is not None
        link = self._link(index)
        fixed = ~np.isfinite(link)
        link = np.where(fixed, 0.0, link)
        inverse = _inverse(seen + np.diag(link), fixed)
        voltages = inverse @ carried
        power += np.einsum("nk,nk->k", voltages, carried)
        across = np.diag(link) - link[:, None] * inverse * link
        return across, link[:, None] * voltages

    def _link(self, index: int) -> Array:
        """Conductance from each crossing point of a row towards the terminals; inf for none."""
        lattice = self.lattice
        if index == 0:
            with np.errstate(divide="ignore"):
                first: Array = 1 / lattice.column_first
            return first
        assert lattice.column_segment is not None
        return np.full(lattice.cells.shape[1], 1 / lattice.column_segment)

    def _row(self, index: int) -> tuple[Array, Array, float]:
        """Reduce one word line to its cells' bit-line ends.

        Returns
        -------
        alone : ndarray, shape (N, N)
            K_i [S].
        share : ndarray, shape (N,)
            Terminal voltage for one volt at each crossing point.
        local : float
            Resistance seen at the terminal with all crossing points at 0 V [ohm].
        """
        lattice = self.lattice
        cells = lattice.cells[index]
        diagonal, off = _word_line(lattice, index)
        if np.any(diagonal == 0):
            raise _floating(lattice, index)
        n = len(cells)
        right = np.zeros((len(diagonal), n + 1), order="F")
        right[0, n] = 1.0
        if len(diagonal) > 2 or n == 1:
            right[np.arange(len(diagonal) - n, len(diagonal)), np.arange(n)] = cells
        else:
            right[-1, :n] = cells
        if len(diagonal) == 1:
            solved = right / diagonal
        else:
            _, _, solved, failed = dptsv(diagonal, off, right)
            if failed:
                raise _floating(lattice, index)
        at_cells = solved[-n:, :n] if len(diagonal) > 2 else solved[-1:, :n]
        alone = -cells[:, None] * at_cells
        alone[np.diag_indices(n)] += cells
        return alone, solved[0, :n], float(solved[0, n])

    def _without_column_wire(self) -> tuple[Array, Array]:
        rows = [self._row(index) for index in range(len(self.lattice.cells))]
        seen = np.sum([row[0] for row in rows], axis=0)
        transfer = np.array([row[1] for row in rows])
        first = self.lattice.column_first
        leading = np.flatnonzero(first > 0)
        if not leading.size:
            return seen, transfer
        # The end of a bit line with a lead follows its own and the other terminals.
        lead = 1 / first[leading]
        follow = np.eye(len(first))
        right = -seen[leading]
        right[:, leading] = np.diag(lead)
        follow[leading] = np.linalg.solve(seen[np.ix_(leading, leading)] + np.diag(lead), right)
        drop = np.eye(len(first))[leading] - follow[leading]
        return follow.T @ seen @ follow + drop.T @ (lead[:, None] * drop), transfer @ follow

    def _upward(self) -> list[tuple[int, Array]]:
        """Recur from the last row to the terminals; keep Y at the start of every block."""
        m = len(self.lattice.cells)
        block = max(1, int(np.sqrt(m)))
        stored: list[tuple[int, Array]] = []
        seen = np.zeros((self.lattice.cells.shape[1],) * 2)
        for index in reversed(range(m)):
            if (m - 1 - index) % block == 0:
                stored.append((index, seen))
            seen, _ = self._step(seen, index)
        stored.append((-1, seen))
        return stored

    def _step(self, below: Array, index: int) -> tuple[Array, Array]:
        """Add a row and cross to the next one; return Y there and the voltage transfer."""
        link = self._link(index)
        inverse = _inverse(below + self._row(index)[0] + np.diag(link))
        follow = inverse * link
        return np.diag(link) - link[:, None] * follow, follow

    def _downward(self, stored: list[tuple[int, Array]]) -> Array:
        transfer = np.empty(self.lattice.cells.shape)
        voltages = np.eye(transfer.shape[1])
        for index, follow in self._follow(stored):
            voltages = follow @ voltages
            transfer[index] = self._row(index)[1] @ voltages
        return transfer

    def _follow(self, stored: list[tuple[int, Array]]) -> Iterator[tuple[int, Array]]:
        """Yield the voltage transfer into every row, first row first."""
        ends = [index for index, _ in stored[1:]]
        for (start, seen), end in reversed(list(zip(stored[:-1], ends, strict=True))):
            block = []
            for index in range(start, end, -1):
                seen, follow = self._step(seen, index)
                block.append((index, follow))
            yield from reversed(block)


def _word_line(lattice: Lattice, index: int) -> tuple[Array, Array]:
    """Diagonal and off-diagonal of a word line: terminal first, then its crossing points."""
    cells, ground = lattice.cells[index], lattice.row_ground[index]
    if lattice.row_first == 0:
        return np.array([ground + cells.sum()]), np.empty(0)
    first = 1 / lattice.row_first
    if lattice.row_segment is None:
        return np.array([ground + first, first + cells.sum()]), np.array([-first])
    wires = np.full(len(cells), 1 / lattice.row_segment)
    wires[0] = first
    diagonal = np.append(ground, cells)
    diagonal[:-1] += wires
    diagonal[1:] += wires
    return diagonal, -wires


def _inverse(matrix: Array, fixed: np.ndarray | None = None) -> Array:
    """Invert a symmetric positive definite matrix; rows and columns of ``fixed`` stay zero."""
    if fixed is not None and fixed.any():
        inverse = np.zeros_like(matrix)
        free = np.flatnonzero(~fixed)
        if free.size:
            inverse[np.ix_(free, free)] = _inverse(matrix[np.ix_(free, free)])
        return inverse
    factor, failed = dpotrf(matrix, lower=1, overwrite_a=0)
    if failed:
        raise InputError("a bit line is connected to nothing: its voltage is undetermined")
    lower, _ = dpotri(factor, lower=1, overwrite_c=1)
    full: Array = np.tril(lower) + np.tril(lower, -1).T
    return full


def _floating(lattice: Lattice, index: int) -> InputError:
    return InputError(
        f"word line {index} of array {lattice.name or 'pair'} is connected to nothing: all its "
        "cells are off; leave the row out or use compensation"
    )
