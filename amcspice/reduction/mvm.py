"""Matrix-vector products of one wired crossbar: rows driven, columns at virtual ground."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array
from amcspice.device import Wire
from amcspice.errors import InputError
from amcspice.native import compiled
from amcspice.reduction.conjugate_gradients import ConjugateGradients, Step, parts

__all__ = ["CrossbarState", "WiredCrossbar"]


@dataclass(frozen=True, eq=False)
class CrossbarState:
    """Voltages of a crossbar for K input vectors, and the currents that follow from them.

    Currents are computed when they are first asked for.

    Parameters
    ----------
    crossbar : WiredCrossbar
    driven : ndarray, shape (K, m)
        Voltages of the drivers [V].
    word_voltages, bit_voltages : ndarray, shape (K, m, n)
        Voltages at the crossing points [V].
    iterations : int
        Steps of conjugate gradients that they took, the most of any input vector.
    """

    crossbar: WiredCrossbar
    driven: Array
    word_voltages: Array
    bit_voltages: Array
    iterations: int

    @cached_property
    def word_currents(self) -> Array:
        """Currents in each word-line segment, away from the driver, shape (K, m, n) [A]."""
        currents = np.empty_like(self.word_voltages)
        currents[:, :, 0] = self.driven
        currents[:, :, 1:] = self.word_voltages[:, :, :-1]
        currents -= self.word_voltages
        currents[:, :, 0] *= self.crossbar.driver
        currents[:, :, 1:] *= self.crossbar.row
        return currents

    @cached_property
    def bit_currents(self) -> Array:
        """Currents in each bit-line segment, towards the output, shape (K, m, n) [A]."""
        currents = self.bit_voltages.copy()
        currents[:, :-1] -= self.bit_voltages[:, 1:]
        currents[:, :-1] *= self.crossbar.column
        currents[:, -1] *= self.crossbar.sense
        return currents

    @cached_property
    def cell_currents(self) -> Array:
        """Currents from word line to bit line, shape (K, m, n) [A]."""
        currents = self.word_voltages - self.bit_voltages
        currents *= self.crossbar.cells
        return currents

    @cached_property
    def outputs(self) -> Array:
        """Currents out of the bit lines, shape (K, n) [A]."""
        currents: Array = self.crossbar.sense * self.bit_voltages[:, -1]
        return currents


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
        self.row, self.column = 1 / wire.row, 1 / wire.column
        self.driver = 1 / (wire.row + (wire.driver or 0.0))
        self.sense = 1 / (wire.column + (wire.termination or 0.0))

    def _matmat(self, X: Array) -> Array:
        voltages = as_vectors(X, len(self.cells), "voltages").T
        ends = np.zeros((self.shape[0], voltages.shape[1]))
        for part in self._parts(voltages):
            steps = self._gradients.from_drivers(voltages[:, part])
            _add_up(steps, lambda step: step.ends, ends[:, part])
        return self.sense * ends

    def _matvec(self, x: Array) -> Array:
        return self._matmat(x.reshape(-1, 1)).ravel()

    def _rmatmat(self, X: Array) -> Array:
        """Drive the columns and sense the rows: by reciprocity the transposed operator."""
        voltages = as_vectors(X, len(self.cells.T), "voltages").T
        starts = np.zeros((self.shape[1], voltages.shape[1]))
        for part in self._parts(voltages):
            steps = self._gradients.from_ends(voltages[:, part])
            _add_up(steps, lambda step: step.direction[:, 0], starts[:, part])
        return self.driver * starts

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
        driven = as_vectors(voltages, len(self.cells), "voltages")
        words, bits = np.empty((2, len(driven), *self.cells.shape))
        iterations = 0
        for part in self._parts(driven.T):
            words_of, steps = self._word_voltages(driven[part].T)
            words[part] = words_of.transpose(2, 0, 1)
            bits[part] = self._gradients.bit_voltages(words_of).transpose(2, 0, 1)
            iterations = max(iterations, steps)
        return CrossbarState(self, driven, words, bits, iterations)

    @cached_property
    def _gradients(self) -> ConjugateGradients:
        return ConjugateGradients(
            self.cells,
            row=self.row,
            column=self.column,
            driver=self.driver,
            sense=self.sense,
            tolerance=self.tolerance,
        )

    def _parts(self, voltages: Array) -> Iterator[slice]:
        return parts(voltages.shape[1], self.cells.size)

    def _word_voltages(self, voltages: Array) -> tuple[Array, int]:
        """Return the voltages of word lines driven like this, and the iterations it took."""
        words, iterations = np.zeros((*self.cells.shape, voltages.shape[1])), 0
        for step in self._gradients.from_drivers(voltages):
            compiled.add(step.direction, step.length, words)
            iterations += 1
        return words, iterations


def _add_up(steps: Iterable[Step], part_of: Callable[[Step], Array], total: Array) -> None:
    """Add what is linear in the directions, each times its step."""
    for step in steps:
        total += step.length * part_of(step)
