"""A crossbar with bit-line wires as a chain of panels, eliminated towards the column terminals.

A panel (`amcspice.crossbar.tiles`) meets the next one at N bit-line nodes only, so that the
conductance matrix is block tridiagonal.  With t and b the first nodes of a panel and of the next
one, P the panel without its word lines and Y_b everything from the next panel on,

    S = P_bb + Y_b,    v_b = C v_t  with  C = -S^-1 P_bt,    Y_t = P_tt + P_tb C.

What the word lines are to the column terminals follows in a second pass, from the terminals on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from amcspice.crossbar.structure import Array, Crossbar
from amcspice.crossbar.tiles import panels
from amcspice.errors import UnconnectedError

__all__ = ["Chain"]


@dataclass(frozen=True, eq=False)
class Panel:
    """A panel of h rows with its word lines eliminated.

    Parameters
    ----------
    words : ndarray, shape (h, 2 N)
        Voltage at the first node of each word line for one volt at the bit-line nodes t and b;
        where terminals are held, the current into each terminal [S].
    immittance : ndarray, shape (h, h)
        Resistance matrix of these nodes with the bit lines at 0 V [ohm]; where terminals are
        held, their conductance matrix [S].
    inverse : ndarray, shape (N, N)
        S^-1, zero for the last panel [ohm].
    carry : ndarray, shape (N, N)
        C, zero for the last panel.
    """

    words: Array
    immittance: Array
    inverse: Array
    carry: Array


@dataclass(frozen=True, eq=False)
class Chain:
    """A crossbar, eliminated panel by panel.

    Parameters
    ----------
    crossbar : Crossbar
    panels : list of Panel
        Panels from the column terminals on.
    entry : ndarray, shape (N, N)
        Resistance matrix of the first bit-line nodes with the terminals at 0 V [ohm].
    """

    crossbar: Crossbar
    panels: list[Panel]
    entry: Array

    @classmethod
    def of(cls, crossbar: Crossbar, *, held: bool = False) -> Chain:
        """Eliminate a crossbar; ``held`` keeps the terminals of its word lines as ports.

        Raises
        ------
        InputError
            If a line is connected to nothing.
        """
        m, n = crossbar.cells.shape
        # Higher panels are fewer steps of more work; about here the sum is least.
        height = 1 << max(2, min(int(np.log2(n)) - 2, (m - 1).bit_length()))
        chain: list[Panel] = []
        beyond: Array | None = None
        for start, stack in panels(crossbar, height):
            parts = _without_words(crossbar, start, stack, held)
            for ends, words, immittance in reversed(list(zip(*parts, strict=True))):
                if beyond is None:
                    inverse = carry = np.zeros((n, n))
                else:
                    inverse = _inverse(ends[n:, n:] + beyond)
                    carry = -inverse @ ends[n:, :n]
                chain.append(Panel(words, immittance, inverse, carry))
                beyond = ends[:n, :n] + ends[:n, n:] @ carry
        assert beyond is not None
        return cls(crossbar, chain[::-1], _inverse(beyond + np.diag(1 / crossbar.column_first)))

    @property
    def conductance(self) -> Array:
        """Conductance matrix of the column terminals, shape (N, N) [S]."""
        # A bit line whose cells are all off conducts nothing: no rounding shall hide it.
        link = self.crossbar.cells.any(axis=0) / self.crossbar.column_first
        conductance: Array = np.diag(link) - link[:, None] * self.entry * link
        return conductance

    def words(self) -> Array:
        """Return `Panel.words` of all rows for one volt at each column terminal, shape (M, N)."""
        m, n = self.crossbar.cells.shape
        here = self.entry / self.crossbar.column_first
        parts = []
        for panel in self.panels:
            beyond = panel.carry @ here
            parts.append(panel.words[:, :n] @ here + panel.words[:, n:] @ beyond)
            here = beyond
        words: Array = np.concatenate(parts)[:m]
        return words

    def between_words(self) -> Array:
        """Return the conductance matrix of held word-line terminals, shape (M, M) [S]."""
        m, n = self.crossbar.cells.shape
        height = len(self.panels[0].immittance)
        conductance = np.empty((len(self.panels) * height,) * 2)
        # Voltages at the bit-line nodes of the panel at hand for currents at the terminals above.
        above = np.empty((len(conductance), n))
        here = self.entry
        for index, panel in enumerate(self.panels):
            done, rows = slice(0, index * height), slice(index * height, (index + 1) * height)
            first, last = panel.words[:, :n], panel.words[:, n:]
            onward = above[done] @ panel.carry.T
            coupling = above[done] @ first.T + onward @ last.T
            across = here @ panel.carry.T
            beyond = panel.inverse + panel.carry @ across
            local, above[rows] = first @ here + last @ across.T, first @ across + last @ beyond
            conductance[done, rows], conductance[rows, done] = -coupling, -coupling.T
            conductance[rows, rows] = panel.immittance - local @ first.T - above[rows] @ last.T
            above[done], here = onward, beyond
        return conductance[:m, :m]

    def power(self, currents: Array) -> Array:
        """Return what currents into the first node of each word line deliver.

        Parameters
        ----------
        currents : ndarray, shape (K, M)
            Currents with the column terminals at 0 V [A].

        Returns
        -------
        ndarray, shape (K,)
            [W].
        """
        m, n = self.crossbar.cells.shape
        height = len(self.panels[0].immittance)
        injected = np.zeros((len(self.panels) * height, len(currents)))
        injected[:m] = currents.T
        arriving = np.zeros((n, len(currents)))
        power = np.zeros(len(currents))
        split = np.split(injected, len(self.panels))
        for panel, current in reversed(list(zip(self.panels, split, strict=True))):
            passed = panel.words.T @ current
            arriving += passed[n:]
            power += _dot(current, panel.immittance @ current) + _dot(
                arriving, panel.inverse @ arriving
            )
            arriving = passed[:n] + panel.carry.T @ arriving
        return power + _dot(arriving, self.entry @ arriving)


def _without_words(
    crossbar: Crossbar, start: int, stack: Array, held: bool
) -> tuple[Array, Array, Array]:
    """Eliminate the word lines of a stack of panels.

    Returns
    -------
    ends : ndarray, shape (K, 2 N, 2 N)
        Conductance matrix of the bit-line nodes [S].
    words, immittance : ndarray, shapes (K, h, 2 N) and (K, h, h)
        The same as in `Panel`.
    """
    size = 2 * crossbar.cells.shape[1]
    ends, words = stack[:, :size, :size], stack[:, size:, :size]
    immittance = stack[:, size:, size:].copy()
    count, height = immittance.shape[:2]
    # Word lines that only fill up the last panel are grounded, so that they do not float.
    ground = np.ones(count * height)
    real = crossbar.row_ground[start : start + len(ground)]
    ground[: len(real)] = real
    ground = ground.reshape(count, height)
    every = np.arange(height)
    if held and crossbar.row_first == 0:
        immittance[:, every, every] += ground
        # A copy: the stack is large, and would be kept with it.
        return ends, words.copy(), immittance
    first = crossbar.row_first
    immittance[:, every, every] += 1 / first if held else ground / (1 + ground * first)
    inverse = np.asarray(np.linalg.inv(immittance), dtype=float)
    follow: Array = -inverse @ words
    ends = ends + words.transpose(0, 2, 1) @ follow
    if not held:
        return ends, follow, inverse
    terminals: Array = -inverse / first**2
    terminals[:, every, every] += ground + 1 / first
    return ends, -follow / first, terminals


def _inverse(matrix: Array) -> Array:
    factor, failed = scipy.linalg.lapack.dpotrf(matrix.T, lower=1)
    if failed:
        raise UnconnectedError("a bit line is connected to nothing: its voltage is undetermined")
    lower, _ = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse: Array = np.tril(lower) + np.tril(lower, -1).T
    return inverse


def _dot(a: Array, b: Array) -> Array:
    product: Array = np.einsum("nk,nk->k", a, b)
    return product
