"""Exact reduction of a crossbar to its terminals.

With bit-line wires panel by panel (`amcspice.crossbar.chain`), at a cost linear in the rows;
without them the rows add up (`amcspice.crossbar.wordline`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amcspice.crossbar.chain import Chain
from amcspice.crossbar.structure import Array, Crossbar
from amcspice.crossbar.wordline import WordLines, check_connected
from amcspice.threads import one_thread

__all__ = ["CrossbarReduction", "reduction_flops"]


@dataclass(frozen=True, eq=False)
class CrossbarReduction:
    """A crossbar seen from its column terminals, and from its row terminals if wanted.

    Parameters
    ----------
    crossbar : Crossbar

    Raises
    ------
    InputError
        If a line is connected to nothing.
    """

    crossbar: Crossbar

    @cached_property
    def _words(self) -> WordLines:
        return WordLines.of(self.crossbar)

    @cached_property
    def _chain(self) -> Chain:
        check_connected(self.crossbar)
        return Chain.of(self.crossbar)

    @cached_property
    def _columns(self) -> tuple[Array, Array]:
        """Conductance matrix of the column terminals, and voltages of the row terminals."""
        if self.crossbar.column_segment is not None:
            # The matrices are small: more threads only wait for each other.
            with one_thread():
                transfer = self._at_terminals()[:, None] * self._chain.words()
                return self._chain.conductance, transfer
        first, words = self.crossbar.column_first, self._words
        if not first.any():
            return words.total(), words.share
        conductance, follow = _behind_leads(words.total(), first)
        return conductance, words.share @ follow

    @property
    def conductance(self) -> Array:
        """Conductance matrix of the column terminals, row terminals eliminated, (N, N) [S]."""
        return self._columns[0]

    @property
    def transfer(self) -> Array:
        """Row-terminal voltage for one volt at a column terminal, shape (M, N).

        By reciprocity also the share of a current into a row terminal that arrives at each
        column terminal.
        """
        return self._columns[1]

    @cached_property
    def all_terminals(self) -> Array:
        """Conductance matrix of the row terminals and then the column terminals [S].

        Shape (M + N, M + N).
        """
        if self.crossbar.column_segment is not None:
            with one_thread():
                chain = Chain.of(self.crossbar, held=True)
                return _bordered(chain.between_words(), chain.words(), chain.conductance)
        inner = self._crossings()
        rows = np.zeros(len(self.crossbar.rows))
        return _behind_leads(inner, np.concatenate([rows, self.crossbar.column_first]))[0]

    def _crossings(self) -> Array:
        """Return what `all_terminals` is without bit-line wires and leads."""
        cells, grounded = self.crossbar.cells, self.crossbar.row_ground
        total = cells.sum(axis=1)
        if self.crossbar.row_first == 0:
            return _bordered(np.diag(grounded + total), -cells, np.diag(cells.sum(axis=0)))
        # Terminals are put back by reciprocity, with a conductance of their own in the meantime:
        # no word line floats then.
        extra = np.where(total > 0, total, 1.0)
        words = WordLines.of(dataclasses.replace(self.crossbar, row_ground=grounded + extra))
        conductance = 1 / words.local
        coupling = conductance[:, None] * words.share
        between = words.total() + words.share.T @ coupling
        return _bordered(np.diag(conductance - extra), -coupling, between)

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
        crossbar = self.crossbar
        if crossbar.column_segment is None:
            # Row by row: a sum must not depend on how many there are.
            power: Array = np.einsum("km,m->k", currents**2, self._words.local)
            if crossbar.column_first.any():
                power += self._ends_power(self._words.share.T @ currents.T)
            return power
        at = self._at_terminals()
        with one_thread():
            return self._chain.power(currents * at) + currents**2 @ (at * crossbar.row_first)

    def _at_terminals(self) -> Array:
        """Return the terminal voltage of each word line for one volt at its first node."""
        at: Array = 1 / (1 + self.crossbar.row_ground * self.crossbar.row_first)
        return at

    def _ends_power(self, injected: Array) -> Array:
        """Dissipation of currents (N, K) into bit lines that have nothing but a lead."""
        first = self.crossbar.column_first
        leading = np.flatnonzero(first)
        loaded = self._words.total()[np.ix_(leading, leading)] + np.diag(1 / first[leading])
        currents = injected[leading]
        power: Array = np.einsum("nk,nk->k", currents, np.linalg.solve(loaded, currents))
        return power


def reduction_flops(m: int, n: int) -> float:
    """Return the multiplications and additions of `CrossbarReduction.all_terminals`, roughly.

    Panels of h = n/4 rows, m/h of them (`amcspice.crossbar.chain`): each takes 5 n^3 for the bit
    lines below it and 4 n^3 for what its word lines are to those above, which is another
    m^2 n^2 / h in all.  Making the panels is left out.

    Parameters
    ----------
    m, n : int
        Word lines and bit lines.
    """
    return 36.0 * m * n**2 + 4.0 * m**2 * n


def _behind_leads(conductance: Array, first: Array) -> tuple[Array, Array]:
    """Put a resistance, which may be 0, in series with every port.

    Returns
    -------
    conductance : ndarray, shape (P, P)
        Seen from outside [S].
    follow : ndarray, shape (P, P)
        Voltages inside for one volt outside.
    """
    leading = np.flatnonzero(first > 0)
    lead = np.diag(1 / first[leading])
    follow = np.eye(len(first))
    if not leading.size:
        return conductance, follow
    right = -conductance[leading]
    right[:, leading] = lead
    follow[leading] = np.linalg.solve(conductance[np.ix_(leading, leading)] + lead, right)
    outside = conductance.copy()
    outside[leading] = outside[:, leading] = 0.0
    outside[np.ix_(leading, leading)] = lead
    return outside - right.T @ follow[leading], follow


def _bordered(rows: Array, between: Array, columns: Array) -> Array:
    whole: Array = np.block([[rows, between], [between.T, columns]])
    return whole
