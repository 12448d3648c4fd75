"""Where things stand in a reduction along the rows: it follows from the wiring alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.circuit.base import Array, Schematic
from amcspice.circuit.network import Nodes

__all__ = ["Layout", "Place"]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a crossbar stands among the ports.

    Parameters
    ----------
    columns : tuple of ndarray
        Index of the bit lines' part of the conductance matrix.
    distinct : bool
        Whether no two bit lines, and none of the word lines with them, end at one port.
    row_ends : tuple of ndarray, optional
        The same of word lines and bit lines, where the word lines end at ports.
    rows : ndarray of int
        Word lines with a source, else.
    sources : ndarray of int
        Those sources.
    into : tuple of ndarray
        Index of their part of the transfer matrix.
    """

    columns: Any
    distinct: bool
    row_ends: Any
    rows: Nodes
    sources: Nodes
    into: Any


@dataclass(frozen=True, eq=False)
class Layout:
    """Where everything stands that a reduction along the rows adds up.

    It follows from the wiring alone, so thousands of circuits may share it.

    Parameters
    ----------
    entries : ndarray of int, shape (4 E,)
        Flat places of the E elements beside the crossbars in the conductance matrix, which has one
        more row and column here, for what is no port.
    transfer : ndarray, shape (q, P)
        Transfer of the sources that stand at ports.
    places : tuple of Place
    """

    entries: Nodes
    transfer: Array
    places: tuple[Place, ...]

    @staticmethod
    def of(schematic: Schematic, ports: Nodes) -> Layout | None:
        """Return the layout of a schematic; None if it cannot be reduced along the rows.

        Every interior node must belong to one crossbar.  The word lines of a crossbar must all end
        at ports, or at nodes that nothing else touches.
        """
        size = len(schematic.outside)
        if not schematic.crossbars or ports.max() >= size:  # or a port inside a crossbar
            return None
        a, b, _ = schematic.outside.elements
        crossbars = schematic.crossbars
        nodes = [ports, schematic.injected, a, b]
        nodes += [part for crossbar in crossbars for part in (crossbar.rows, crossbar.columns)]
        return _layout(size, *(part.tobytes() for part in nodes))


@functools.lru_cache(maxsize=256)
def _layout(size: int, *nodes: bytes) -> Layout | None:
    """See `Layout`; nodes are its ports, sources, ends of elements, then those of crossbars."""
    ports, injected, a, b, *ends = (np.frombuffer(part, np.intp) for part in nodes)
    count = len(ports)
    position = np.full(size, count)
    position[ports] = np.arange(count)
    # How often a node ends a word line: interior nodes exactly once, ports never.
    often = np.zeros(size, int)
    for rows in ends[::2]:
        if (position[rows] == count).any():
            np.add.at(often, rows, 1)
    if often[a].any() or often[b].any() or (often != (position == count))[1:].any():
        return None
    first, second = position[a], position[b]
    lines = np.concatenate([first, second, first, second])
    columns = np.concatenate([first, second, second, first])
    transfer = np.zeros((len(injected), count))
    at_port = np.flatnonzero(position[injected] < count)
    transfer[at_port, position[injected[at_port]]] = 1.0
    places = [
        _place(position, injected, rows, bits, count)
        for rows, bits in zip(ends[::2], ends[1::2], strict=True)
    ]
    return Layout(lines * (count + 1) + columns, transfer, tuple(places))


def _place(position: Nodes, injected: Nodes, rows: Nodes, columns: Nodes, count: int) -> Place:
    at, word_ends = position[columns], position[rows]
    row_ends, terminals = None, np.concatenate([word_ends, at])
    if (word_ends < count).all():
        row_ends = np.ix_(terminals, terminals)
    # Which source stands at which word line.
    row_of = np.full(len(position), -1)
    row_of[rows] = np.arange(len(rows))
    here = np.flatnonzero(row_of[injected] >= 0)
    ends = at if row_ends is None else terminals
    distinct = len(np.unique(ends)) == len(ends)
    return Place(np.ix_(at, at), distinct, row_ends, row_of[injected[here]], here, np.ix_(here, at))
