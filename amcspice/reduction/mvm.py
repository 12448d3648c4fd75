"""Matrix-vector products of one wired crossbar: rows driven, columns at virtual ground.

With w the word-line and b the bit-line voltages, D the cells, P and Q the word-line and bit-line
wires with their cells (both tridiagonal, line by line):

    P w - D b = injected,    Q b - D w = 0.

Eliminating b leaves (P - D Q^-1 D) w = injected, which conjugate gradients solve: each step costs
one tridiagonal solve along every word line and one along every bit line, and memory stays at a
few vectors of the size of the array.

P alone is a poor preconditioner for voltages so smooth that word and bit lines float together:
there w = b, no current flows in the cells, and the wires decide.  Two such grids of wires have
known modes, products of those of one word line and one bit line; solving for the slow ones apart
makes the number of steps independent of the size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array
from amcspice.device import Wire
from amcspice.errors import InputError, SimulationError
from amcspice.reduction.lines import diagonal, factorise, slow_modes, solve_lines, transposed

__all__ = ["CrossbarState", "WiredCrossbar"]

MAX_ITERATIONS = 10_000


@dataclass(frozen=True, eq=False)
class CrossbarState:
    """Voltages and currents of a crossbar for K input vectors.

    Parameters
    ----------
    word_voltages, bit_voltages : ndarray, shape (K, m, n)
        Voltages at the crossing points [V].
    word_currents : ndarray, shape (K, m, n)
        Currents in each word-line segment, away from the driver [A].
    bit_currents : ndarray, shape (K, m, n)
        Currents in each bit-line segment, towards the output [A].
    cell_currents : ndarray, shape (K, m, n)
        Currents from word line to bit line [A].
    outputs : ndarray, shape (K, n)
        Currents out of the bit lines [A].
    """

    word_voltages: Array
    bit_voltages: Array
    word_currents: Array
    bit_currents: Array
    cell_currents: Array
    outputs: Array


class WiredCrossbar(scipy.sparse.linalg.LinearOperator):
    """A crossbar with wire resistance as a linear operator: ``currents = crossbar @ voltages``.

    Row i is driven at its left end through the driver resistance, column j leaves at its lower
    end through the termination resistance into 0 V; one segment lies between neighbouring
    crossing points, between a driver and the first, and between the last and the output.

    Parameters
    ----------
    conductance : array_like, shape (m, n)
        Cells, zero or positive [S].
    wire : Wire
        Wire with both ``row`` and ``column``.
    tolerance : float
        Bound of the residual current, as a fraction of the injected one.

    Raises
    ------
    InputError
        If a cell is negative, or the wire has no resistance.
    """

    def __init__(self, conductance: ArrayLike, wire: Wire, *, tolerance: float = 1e-12) -> None:
        cells = as_matrix(conductance, "conductance")
        if cells.min() < 0:
            raise InputError("conductance: a cell is negative")
        if wire.row is None or wire.column is None:
            raise InputError(
                "a wired crossbar needs row and column resistance; with ideal wires the currents "
                "are conductance.T @ voltages"
            )
        if not 0 < tolerance < 1:
            raise InputError(f"tolerance = {tolerance} must be between 0 and 1")
        super().__init__(np.dtype(float), cells.T.shape)  # type: ignore[call-arg]
        self.cells, self.wire, self.tolerance = cells, wire, tolerance
        self._row, self._column = 1 / wire.row, 1 / wire.column
        self._driver = 1 / (wire.row + (wire.driver or 0.0))
        self._sense = 1 / (wire.column + (wire.termination or 0.0))

    def _matmat(self, X: Array) -> Array:
        currents: Array = self._bits(self._words(self._at_drivers(X)))[:, -1] * self._sense
        return currents

    def _matvec(self, x: Array) -> Array:
        return self._matmat(x.reshape(-1, 1)).ravel()

    def _rmatmat(self, X: Array) -> Array:
        """Drive the columns and sense the rows: by reciprocity the transposed operator."""
        m, n = self.cells.shape
        pushed = np.zeros((n, m, X.shape[1]))
        pushed[:, -1] = self._sense * X
        words = self._words(self._from_bits(solve_lines(self._bit_factor, pushed)))
        currents: Array = self._driver * words[:, 0]
        return currents

    def _rmatvec(self, x: Array) -> Array:
        return self._rmatmat(x.reshape(-1, 1)).ravel()

    def solve(self, voltages: ArrayLike) -> CrossbarState:
        """Return all node voltages and branch currents.

        Parameters
        ----------
        voltages : array_like, shape (m,) or (m, K)
            Voltages of the drivers [V].

        Raises
        ------
        InputError
            If the voltages do not fit.
        SimulationError
            If the iteration does not converge.
        """
        driven = as_vectors(voltages, len(self.cells), "voltages").T
        words = self._words(self._at_drivers(driven))
        w = np.ascontiguousarray(words.transpose(2, 0, 1))
        b = np.ascontiguousarray(self._bits(words).transpose(2, 1, 0))
        into = np.concatenate([driven.T[:, :, None], w[:, :, :-1]], axis=2) - w
        into[:, :, 0] *= self._driver
        into[:, :, 1:] *= self._row
        out = b - np.concatenate([b[:, 1:], np.zeros_like(b[:, :1])], axis=1)
        out[:, :-1] *= self._column
        out[:, -1] *= self._sense
        return CrossbarState(
            word_voltages=w,
            bit_voltages=b,
            word_currents=into,
            bit_currents=out,
            cell_currents=self.cells * (w - b),
            outputs=out[:, -1],
        )

    # Word-line arrays have shape (m, n, K), bit-line arrays (n, m, K): lines first.

    def _at_drivers(self, voltages: Array) -> Array:
        """Return the currents that drivers (m, K) inject, on the word lines."""
        injected = np.zeros((*self.cells.shape, voltages.shape[1]))
        injected[:, 0] = self._driver * voltages
        return injected

    def _to_bits(self, words: Array) -> Array:
        """Return D w, on the bit lines."""
        return transposed(words * self.cells[:, :, None])

    def _from_bits(self, bits: Array) -> Array:
        """Return D b, on the word lines."""
        words = transposed(bits)
        words *= self.cells[:, :, None]
        return words

    def _bits(self, words: Array) -> Array:
        """Return the bit-line voltages that belong to word-line voltages."""
        return solve_lines(self._bit_factor, self._to_bits(words))

    @cached_property
    def _word_factor(self) -> tuple[Array, Array]:
        return factorise(self.cells, self._row, first=self._driver, last=0.0)

    @cached_property
    def _bit_factor(self) -> tuple[Array, Array]:
        return factorise(self.cells.T, self._column, first=0.0, last=self._sense)

    @cached_property
    def _word_diagonal(self) -> Array:
        return diagonal(self.cells, self._row, first=self._driver, last=0.0)

    @cached_property
    def _modes(self) -> tuple[Array, Array, Array]:
        """Slow modes of a bit line and of a word line, and their conductance together."""
        # Faster ones the wires hold more than the cells, word and bit lines part, and P does well.
        limit = 2 * float(self.cells.mean())
        m, n = self.cells.shape
        along_bit = slow_modes(m, self._column, limit, first=0.0, last=self._sense)
        along_word = slow_modes(n, self._row, limit, first=self._driver, last=0.0)
        return along_bit[1], along_word[1], along_bit[0][:, None] + along_word[0]

    def _precondition(self, residual: Array) -> Array:
        solved = solve_lines(self._word_factor, residual)
        down, across, conductance = self._modes
        if conductance.size:
            amplitudes = np.tensordot(across, np.tensordot(down, residual, (0, 0)), (0, 1))
            amplitudes /= conductance.T[:, :, None]
            solved += np.tensordot(down, np.tensordot(across, amplitudes, (1, 0)), (1, 1))
        return solved

    def _apply(self, words: Array) -> Array:
        """Return (P - D Q^-1 D) w."""
        image = words * self._word_diagonal[:, :, None]
        image[:, 1:] -= self._row * words[:, :-1]
        image[:, :-1] -= self._row * words[:, 1:]
        image -= self._from_bits(self._bits(words))
        return image

    def _words(self, injected: Array) -> Array:
        """Return the word-line voltages for injected currents, by conjugate gradients."""
        words = np.zeros_like(injected)
        residual = injected.copy()
        goal = self.tolerance**2 * _dot(injected, injected)
        direction = np.zeros_like(injected)
        before = np.ones(injected.shape[2])
        for _ in range(MAX_ITERATIONS):
            if np.all(_dot(residual, residual) <= goal):
                return words
            solved = self._precondition(residual)
            now = _dot(residual, solved)
            direction *= np.where(before > 0, now / np.where(before > 0, before, 1.0), 0.0)
            direction += solved
            image = self._apply(direction)
            before = now
            along = _dot(direction, image)
            step = np.where(along > 0, now / np.where(along > 0, along, 1.0), 0.0)
            words += step * direction
            residual -= step * image
        raise SimulationError(
            f"the crossbar currents did not converge in {MAX_ITERATIONS} iterations: "
            "a larger tolerance may do"
        )


def _dot(a: Array, b: Array) -> Array:
    product: Array = np.einsum("ijk,ijk->k", a, b)
    return product
