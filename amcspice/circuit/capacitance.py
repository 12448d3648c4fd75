"""Line capacitance: where the capacitors of word lines and bit lines stand.

*Lumped*: all of a line at its terminal.  The network between the terminals stays resistive, so
with the terminals kept as ports its reduction is exact.

*Distributed*: at every crossing in a flat deck.  For reduced decks and equations each line is cut
into a number of sections of equal length, the order of the reduction.  The crossing in the middle
of each is kept as a port; the capacitance of every crossing goes to the two kept ones beside it, by
the lever rule, so that the total of a line and its first moment, and with them the delay along it
(W. C. Elmore, J. Appl. Phys. 19 (1948) 55), are kept from two sections on.  All resistances stay
where they are and are reduced exactly.  What is left is a network of positive conductances and
capacitors, so the reduction is passive at any order, the answer at rest is exact, and with as many
sections as crossings it is the flat network.

Nodes that a voltage source holds get no capacitor: it would change no voltage.  What the source
spends on charging it is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.crossbar import Crossbar, Crossings
from amcspice.circuit.network import GROUND, Nodes
from amcspice.device import Wire

__all__ = ["Capacitors", "distributed", "lumped", "without"]

Array = NDArray[np.float64]
Capacitors = tuple[Nodes, Array]
"""Nodes, each once, and the capacitances there to ground [F]."""


def lumped(crossbars: Sequence[Crossbar], wire: Wire) -> Capacitors:
    """Return the capacitors of all lines at their terminals."""
    nodes, farads = [], []
    for crossbar in crossbars:
        m, n = crossbar.cells.shape
        nodes += [crossbar.rows, crossbar.columns]
        farads += [
            np.full(m, n * (wire.row_capacitance or 0.0)),
            np.full(n, m * (wire.column_capacitance or 0.0)),
        ]
    return _collected(nodes, farads)


def distributed(
    crossings: Sequence[Crossings], wire: Wire, sections: int | None = None
) -> Capacitors:
    """Return capacitors along the lines.

    Parameters
    ----------
    crossings : sequence of Crossings
        Nodes of the crossing points of every crossbar.
    wire : Wire
    sections : int, optional
        Number of sections of a line; None is one at every crossing.
    """
    nodes, farads = [], []
    for points in crossings:
        for lines, capacitance in (
            (points.word, wire.row_capacitance),
            (points.bit, wire.column_capacitance),
        ):
            at, share = _sections(lines.shape[1], sections)
            nodes.append(lines[:, at].ravel())
            farads.append(np.tile(share * (capacitance or 0.0), len(lines)))
    return _collected(nodes, farads)


def _sections(length: int, wanted: int | None) -> tuple[Nodes, Array]:
    """Return the middle crossing of each section, and how many crossings it stands for."""
    count = length if wanted is None else min(wanted, length)
    at = np.floor((np.arange(count) + 0.5) * length / count).astype(np.intp)
    if count == 1:
        return at, np.full(1, float(length))
    crossing = np.arange(length)
    left = np.clip(np.searchsorted(at, crossing, "right") - 1, 0, count - 2)
    share = (crossing - at[left]) / (at[left + 1] - at[left])
    weight = np.bincount(left, 1 - share, count) + np.bincount(left + 1, share, count)
    return at, np.asarray(weight, dtype=float)


def without(capacitors: Capacitors, driven: Nodes) -> Capacitors:
    """Return capacitors that do not stand at some nodes."""
    nodes, farads = capacitors
    free = ~np.isin(nodes, driven)
    return nodes[free], farads[free]


def _collected(nodes: Sequence[Nodes], farads: Sequence[Array]) -> Capacitors:
    every, value = np.concatenate(nodes), np.concatenate(farads)
    keep = (every != GROUND) & (value > 0)
    distinct, where = np.unique(every[keep], return_inverse=True)
    return distinct.astype(np.intp), np.bincount(where, value[keep], len(distinct)).astype(float)
