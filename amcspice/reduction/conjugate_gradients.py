"""Conjugate gradients for the word-line voltages of a wired crossbar, several inputs at once.

With w the word-line and b the bit-line voltages, D the cells, P and Q the word-line and bit-line
wires with their cells (both tridiagonal, line by line):

    P w - D b = injected,    Q b - D w = 0,    so    S w = (P - D Q^-1 D) w = injected.

P alone is a poor preconditioner for voltages so smooth that word and bit lines float together:
there w = b, no current flows in the cells, and the wires decide.  Two such grids of wires have
known modes, products of those of one word line and one bit line; solving for the slow ones apart
and adding makes the number of steps independent of the size.

An iteration is three sweeps over the rows (``crossbar_sweeps.cpp``), each of which reads and writes
every array once, since memory is what it waits for:

==============  ==============================================================================
`precondition`  R -= step S P, P^-1 R in place of S P, and R in the modes of the word lines
`eliminate`     direction P from it, and the elimination of the bit lines, downwards
`apply`         substitution of the bit lines, upwards, and with it S P
==============  ==============================================================================

The voltages are the sum of the directions, each times its step.  What is linear in them is summed
up along the way, so that a product keeps no voltages: currents of outputs follow from the last row
of the elimination.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.errors import SimulationError
from amcspice.native import compiled
from amcspice.reduction.lines import slow_modes

__all__ = ["ConjugateGradients", "Step", "parts"]

MAX_ITERATIONS = 10_000

ROOM = 1 << 25
"""Numbers in an array of several inputs: no more than 256 MB, but for a single input."""

CACHE = 10_000_000 // 8
"""Numbers that stay in caches, other programs beside."""


class Step(NamedTuple):
    """A step of the iteration for K inputs.

    Parameters
    ----------
    length : ndarray, shape (K,)
        What to take the direction times.
    direction : ndarray, shape (m, n, K)
        Word-line voltages [V]; changed by the next step.
    ends : ndarray, shape (n, K)
        Bit-line voltages at the last row that belong to the direction [V].
    """

    length: Array
    direction: Array
    ends: Array


class ConjugateGradients:
    """The word lines of a crossbar with its bit lines eliminated.

    Parameters
    ----------
    cells : ndarray, shape (m, n)
        Zero or positive [S].
    row, column : float
        Segments of word and bit lines [S].
    driver, sense : float
        First segment of a word line with its driver, last one of a bit line with its
        termination [S].
    tolerance : float
        Bound of the residual current, as a fraction of the injected one.
    """

    def __init__(
        self,
        cells: Array,
        *,
        row: float,
        column: float,
        driver: float,
        sense: float,
        tolerance: float,
    ) -> None:
        m, n = cells.shape
        # Faster ones the wires hold more than the cells, word and bit lines part, and P does well.
        limit = 2 * float(cells.mean())
        along_bit, self._down = slow_modes(m, column, limit, first=0.0, last=sense)
        along_word, across = slow_modes(n, row, limit, first=driver, last=0.0)
        if not along_bit.size:
            along_word, across = along_word[:0], across[:, :0]
        self._conductance = along_bit[:, None] + along_word
        self._shape, self._driver, self._sense = cells.shape, driver, sense
        self._tolerance = tolerance
        self._rooms: list[Array] = []
        self._sweeps = compiled.CrossbarSweeps(
            cells, np.ascontiguousarray(across.T), row, column, driver, sense
        )

    def from_drivers(self, voltages: Array) -> Iterator[Step]:
        """Yield steps towards the word-line voltages of drivers (m, K) [V].

        K is as `parts` gives them.

        Raises
        ------
        SimulationError
            If the iteration does not converge.
        """
        room = self._take_room(voltages.shape[1])
        residual = room[0]
        residual[:, 0] = self._driver * voltages
        return self._steps(room)

    def from_ends(self, voltages: Array) -> Iterator[Step]:
        """Yield steps towards the word-line voltages of bit lines driven at their ends (n, K)."""
        room = self._take_room(voltages.shape[1])
        residual, bits, nothing = room
        bits[-1] = self._sense * voltages * self._sweeps.end_resistance()[:, None]
        self._sweeps.apply(nothing, bits, np.empty(voltages.shape[1]))
        np.negative(bits, out=residual)
        return self._steps(room)

    def _steps(self, room: Array) -> Iterator[Step]:
        residual, image, direction = room
        m, _, count = residual.shape
        amplitudes = np.empty((m, self._conductance.shape[1], count))
        length, before, goal = np.zeros(count), np.ones(count), None
        squares, now, along = np.empty((3, count))
        for _ in range(MAX_ITERATIONS):
            self._sweeps.precondition(length, residual, image, squares, now, amplitudes)
            if goal is None:
                goal = self._tolerance**2 * squares
            # What has arrived stays, whatever is beside it.
            moving = squares > goal
            if not moving.any():
                self._give_back(room)
                return
            now += self._solve_modes(amplitudes)
            self._sweeps.eliminate(_ratio(now, before, moving), amplitudes, direction, image)
            ends = image[-1].copy()
            self._sweeps.apply(direction, image, along)
            length, before = _ratio(now, along, moving), now.copy()
            yield Step(length, direction, ends)
        raise SimulationError(
            f"the crossbar currents did not converge in {MAX_ITERATIONS} iterations: "
            "a larger tolerance may do"
        )

    def _take_room(self, count: int) -> Array:
        """Return zeros for residual, image and direction, shape (3, m, n, K)."""
        shape = (3, *self._shape, count)
        # Kept of small arrays: to get memory anew takes up to a third of a product.
        room = self._rooms.pop() if self._rooms else np.empty(0)
        if room.size < math.prod(shape):
            return np.zeros(shape)
        room = room[: math.prod(shape)].reshape(shape)
        room[...] = 0
        return room

    def _give_back(self, room: Array) -> None:
        if 4 * math.prod(self._shape) <= CACHE:
            self._rooms.append((room if room.base is None else room.base).ravel())

    def _solve_modes(self, amplitudes: Array) -> Array:
        """Put voltages in place of currents; return the product of both, shape (K,)."""
        m, _, count = amplitudes.shape
        flat = amplitudes.reshape(m, -1)
        currents = self._down.T @ flat
        voltages = currents / np.repeat(self._conductance, count, axis=1)
        np.matmul(self._down, voltages, out=flat)
        product: Array = (currents * voltages).reshape(-1, count).sum(axis=0)
        return product

    def bit_voltages(self, words: Array) -> Array:
        """Return the bit-line voltages that belong to word-line voltages, both (m, n, K)."""
        m, _, count = words.shape
        bits, direction = words.copy(), np.zeros_like(words)
        nothing = np.zeros((m, self._conductance.shape[1], count))
        self._sweeps.eliminate(np.zeros(count), nothing, direction, bits)
        self._sweeps.substitute(bits)
        return bits


def parts(count: int, crossings: int) -> Iterator[slice]:
    """Yield which of some inputs to take at once: powers of two, for which there is room.

    Three arrays of K inputs are swept, and three that all inputs share; a sweep reads four of them.
    Where those of one input stay in caches, more of them help only as far as they all stay there.
    """
    most = min(compiled.CROSSBAR_LANES, ROOM // crossings)
    if 4 * crossings <= CACHE:
        most = min(most, max(1, CACHE // (3 * crossings) - 1))
    start = 0
    while start < count:
        size = 1 << (max(1, min(most, count - start)).bit_length() - 1)
        yield slice(start, start + size)
        start += size


def _ratio(above: Array, below: Array, where: NDArray[np.bool_]) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=where & (below > 0))
