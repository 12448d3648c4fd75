"""A wired crossbar in a network, cell by cell.

Its structure, beside which it stands here, is what reduction uses (`amcspice.crossbar`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.crossbar import Array, Crossbar

__all__ = ["Array", "Crossbar", "Crossings", "emit"]


@dataclass(frozen=True, eq=False)
class Crossings:
    """Nodes of the crossing points of a crossbar in a network.

    Parameters
    ----------
    word : ndarray of int, shape (M, N)
        Crossing points of each word line.
    bit : ndarray of int, shape (N, M)
        Crossing points of each bit line.
    """

    word: Nodes
    bit: Nodes


def emit(crossbar: Crossbar, network: Network) -> Crossings:
    """Add nodes and conductances of a crossbar to a network; return where its crossings are."""
    m, n = crossbar.cells.shape
    first = np.full(m, crossbar.row_first)
    word = _lines(network, crossbar.rows, n, crossbar.row_segment, first, f"{crossbar.name}w")
    bit = _lines(
        network,
        crossbar.columns,
        m,
        crossbar.column_segment,
        crossbar.column_first,
        f"{crossbar.name}b",
    )
    network.connect(word, bit.T, crossbar.cells, cells=True)
    network.connect(crossbar.rows, GROUND, crossbar.row_ground, cells=True)
    return Crossings(word, bit)


def _lines(
    network: Network,
    terminals: Nodes,
    length: int,
    segment: float | None,
    first: Array,
    prefix: str,
) -> Nodes:
    """Attach a line to every terminal; return its crossing points, shape (k, length)."""
    if segment is not None:
        points = network.nodes(prefix, len(terminals), length)
        network.connect(terminals, points[:, 0], 1 / first)
        network.connect(points[:, :-1], points[:, 1:], 1 / segment)
        return points
    ends = terminals.copy()
    leading = first > 0
    if leading.any():
        ends[leading] = network.nodes(prefix, int(leading.sum()))
        network.connect(terminals[leading], ends[leading], 1 / first[leading])
    return np.repeat(ends[:, None], length, axis=1)
