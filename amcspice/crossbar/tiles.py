"""Tiles of a wired crossbar, reduced to the nodes on their rim.

A crossing has two nodes, one on its word line and one on its bit line.  A tile of b rows and c
columns is seen from the nodes where wires leave it: its own uppermost bit-line and leftmost
word-line nodes, and those of its neighbours below and to the right.  Two tiles that touch share b
or c of these nodes; eliminating them makes one tile twice the size.  Starting from single
crossings this is nested dissection: large dense blocks, and far fewer operations than row by row.

The ports of a tile are numbered clockwise, so that what two tiles share and what remains are runs
of a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from amcspice.crossbar.structure import Array, Crossbar

__all__ = ["panels"]

CROSSINGS_AT_ONCE = 32768
"""More would not fit into the caches, fewer would cost more calls."""

FEW = 4
"""Up to so many shared nodes, calling LAPACK for every tile costs more than it computes."""

Run = list[tuple[slice, slice]]
"""Ports in a row: slices of a tile, and where they go in what is taken out of it."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Equal parts of a crossbar, one below another in the batch.

    Parameters
    ----------
    conductance : ndarray, shape (K, P, P)
        Conductance matrix of the P = 2 (rows + columns) ports [S].
    rows, columns : int
    top : int
        First of the ports; clockwise from here are the upper, right, lower and left ones.
    """

    conductance: Array
    rows: int
    columns: int
    top: int

    def __getitem__(self, which: slice) -> Tile:
        return Tile(self.conductance[which], self.rows, self.columns, self.top)

    def run(self, start: int, length: int) -> Run:
        """Return the ports from ``start`` after the first upper one on."""
        size = self.conductance.shape[1]
        begin = (self.top + start) % size
        cut = min(length, size - begin)
        parts = [(slice(begin, begin + cut), slice(0, cut))]
        return parts if cut == length else [*parts, (slice(0, length - cut), slice(cut, length))]


def panels(crossbar: Crossbar, height: int) -> Iterator[tuple[int, Array]]:
    """Yield a crossbar with bit-line wires in panels of full width, the last ones first.

    Parameters
    ----------
    crossbar : Crossbar
    height : int
        Rows of a panel, a power of two.  The lowest one is filled up with word lines that lead
        nowhere.

    Yields
    ------
    start : int
        Row.
    conductance : ndarray, shape (K, 2 N + height, 2 N + height)
        Conductance matrices of some panels, in order, from this row on [S].  The ports are the
        first bit-line nodes of the panel, those of the next panel, and the first node of every
        word line.
    """
    assert crossbar.column_segment is not None
    m, n = crossbar.cells.shape
    full = -(-m // height) * height
    crossings = np.zeros((3, full, n))
    cells, rightward, downward = crossings
    cells[:m] = crossbar.cells
    downward[: m - 1] = 1 / crossbar.column_segment
    if crossbar.row_segment is not None:
        rightward[:m, :-1] = 1 / crossbar.row_segment
    # Of the filling only the first node of a word line remains.
    cells[m:] = rightward[m:, :-1] = 1.0
    rows = max(1, CROSSINGS_AT_ONCE // (n * height)) * height
    for start in reversed(range(0, full, rows)):
        part = crossings[:, start : start + rows]
        if crossbar.row_segment is None:
            stack = _without_row_wire(part, height)
        else:
            stack = _taken(_tile(part, height))
        # Nothing in a panel is grounded.  The diagonal has lost digits by subtraction, the rest
        # is a sum of equal signs.
        ports = np.arange(stack.shape[1])
        stack[:, ports, ports] -= stack.sum(axis=2)
        yield start, stack


def _taken(tile: Tile) -> Array:
    """Put the ports of a tile into the order of a panel: left to right and top to bottom."""
    rows, columns = tile.rows, tile.columns
    order = np.arange(2 * (rows + columns))
    upper, lower = order[:columns], order[columns + rows : 2 * columns + rows][::-1]
    ports = (tile.top + np.concatenate([upper, lower, order[: -rows - 1 : -1]])) % len(order)
    taken: Array = tile.conductance[:, ports[:, None], ports]
    return taken


def _without_row_wire(crossings: Array, height: int) -> Array:
    """Return panels whose word lines are one node each: columns add up."""
    n = crossings.shape[2]
    lines = crossings.transpose(0, 2, 1).reshape(3, -1, 1).copy()
    lines[1] = 0.0
    strips = _taken(_tile(lines, height))
    strips = strips.reshape(n, -1, *strips.shape[1:])
    taken = np.zeros((strips.shape[1], 2 * n + height, 2 * n + height))
    ends = np.arange(n) + np.array([[0], [n]])
    taken[:, 2 * n :, 2 * n :] = strips[:, :, 2:, 2:].sum(axis=0)
    for a in (0, 1):
        for b in (0, 1):
            taken[:, ends[a], ends[b]] = strips[:, :, a, b].T
        taken[:, ends[a], 2 * n :] = strips[:, :, a, 2:].transpose(1, 0, 2)
        taken[:, 2 * n :, ends[a]] = strips[:, :, 2:, a].transpose(1, 2, 0)
    return taken


def _tile(crossings: Array, rows: int) -> Tile:
    """Make tiles of a number of rows from halves, cut across the longer side.

    Parameters
    ----------
    crossings : ndarray, shape (3, K rows, columns)
        Conductance of each cell, and of the wires to the next crossings on the right and
        below [S].
    """
    columns = crossings.shape[2]
    if rows == columns == 1:
        return _crossing(*crossings[:, :, 0])
    if rows >= columns:
        halves = _tile(crossings, rows // 2)
        return _above(halves[::2], halves[1::2])
    left, right = crossings[:, :, : columns // 2], crossings[:, :, columns // 2 :]
    if columns % 2:
        return _beside(_tile(left, rows), _tile(right, rows))
    # Halves of the same width are made together: fewer and longer operations.
    halves = _tile(np.concatenate([left, right], axis=1), rows)
    count = len(halves.conductance) // 2
    return _beside(halves[:count], halves[count:])


def _crossing(cells: Array, rightward: Array, downward: Array) -> Tile:
    conductance = np.zeros((len(cells), 4, 4), order="F")
    top, right, bottom, left = range(4)
    for a, b, g in ((top, left, cells), (left, right, rightward), (top, bottom, downward)):
        conductance[:, a, b] = conductance[:, b, a] = -g
        conductance[:, a, a] += g
        conductance[:, b, b] += g
    return Tile(conductance, 1, 1, top)


def _beside(left: Tile, right: Tile) -> Tile:
    rows, columns = left.rows, left.columns
    # What remains of the left one starts at its lower ports, of the right one at its upper ones.
    joined = _joined(left, right, rows, (rows + columns, 0))
    return Tile(joined, rows, columns + right.columns, rows + columns)


def _above(upper: Tile, lower: Tile) -> Tile:
    rows, columns = upper.rows, upper.columns
    # What remains of the upper one starts at its left ports, of the lower one at its right ones.
    joined = _joined(upper, lower, columns, (-rows, columns))
    return Tile(joined, rows + lower.rows, columns, rows)


def _joined(first: Tile, second: Tile, shared: int, start: tuple[int, int]) -> Array:
    """Eliminate the ports that two tiles share.

    What remains of each runs clockwise from ``start``; what they share follows, clockwise in one
    and counter-clockwise in the other.
    """
    count, small = len(first.conductance), shared <= FEW
    kept = first.conductance.shape[1] - shared
    size = kept + second.conductance.shape[1] - shared
    # A batch of small matrices is worked on entry by entry, with the entries of all together.
    order: Literal["F", "C"] = "F" if small else "C"
    pivots = np.zeros((count, shared, shared), order=order)
    coupling = np.zeros((count, shared, size), order=order)
    rest, between = first.run(start[0], kept), first.run(start[0] + kept, shared)
    _add(first, between, between, pivots)
    _add(first, between, rest, coupling[:, :, :kept])
    others, opposite = second.run(start[1], size - kept), second.run(start[1] + size - kept, shared)
    _add(second, opposite, opposite, pivots[:, ::-1, ::-1])
    _add(second, opposite, others, coupling[:, ::-1, kept:])
    joined: Array
    if small:
        joined = np.empty((count, size, size), order="F")
        np.einsum("kei,kej->kij", coupling, _solved(-pivots, coupling), out=joined)
    else:
        joined = coupling.transpose(0, 2, 1) @ (np.linalg.inv(-pivots) @ coupling)
    _add(first, rest, rest, joined[:, :kept, :kept])
    _add(second, others, others, joined[:, kept:, kept:])
    return joined


def _add(tile: Tile, rows: Run, columns: Run, target: Array) -> None:
    for source, to in rows:
        for across, beyond in columns:
            target[:, to, beyond] += tile.conductance[:, source, across]


def _solved(pivots: Array, right: Array) -> Array:
    """Solve by Gauss-Jordan elimination, one entry of all matrices at a time."""
    solved = right.copy(order="K")
    for k in range(pivots.shape[1]):
        solved[:, k] /= pivots[:, k, k, None]
        pivots[:, k, k + 1 :] /= pivots[:, k, k, None]
        for other in range(pivots.shape[1]):
            if other != k:
                factor = pivots[:, other, k, None]
                solved[:, other] -= factor * solved[:, k]
                pivots[:, other, k + 1 :] -= factor * pivots[:, k, k + 1 :]
    return solved
