"""Passive linear networks: numbered nodes joined by conductances.

Node 0 is ground.  A network is built once by a circuit (or by a reduction) and then only read;
its Laplacian is all that reduction and state-space models need.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from amcspice.device import Wire
from amcspice.errors import InputError

__all__ = ["GROUND", "Network", "attach_lines"]

GROUND = 0
Nodes = NDArray[np.intp]


class Network:
    """Conductances between numbered nodes."""

    def __init__(self) -> None:
        self.names: list[str] = ["0"]
        self._parts: list[tuple[Nodes, Nodes, NDArray[np.float64]]] = []

    def __len__(self) -> int:
        """Return the number of nodes, ground included."""
        return len(self.names)

    def nodes(self, prefix: str, *shape: int) -> Nodes:
        """Create nodes named ``prefix`` and their indices, such as ``w0_3``.

        Returns
        -------
        ndarray of int, shape ``shape``
        """
        first = len(self.names)
        self.names += [prefix + "_".join(map(str, index)) for index in np.ndindex(*shape)]
        return np.arange(first, len(self.names)).reshape(shape)

    def connect(self, a: ArrayLike, b: ArrayLike, conductance: ArrayLike) -> None:
        """Join nodes by conductances [S]; the arguments are broadcast, zeros are left out.

        Raises
        ------
        InputError
            If a conductance is negative or not finite.
        """
        at, to, value = np.broadcast_arrays(
            np.asarray(a, dtype=np.intp),
            np.asarray(b, dtype=np.intp),
            np.asarray(conductance, dtype=float),
        )
        if not np.all(np.isfinite(value) & (value >= 0)):
            raise InputError(
                "a conductance is negative or not finite; resistances must be positive"
            )
        keep = (value > 0) & (at != to)
        self._parts.append((at[keep], to[keep], value[keep]))

    @property
    def elements(self) -> tuple[Nodes, Nodes, NDArray[np.float64]]:
        """First nodes, second nodes and conductances [S] of all elements."""
        if not self._parts:
            return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
        a, b, value = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        return a, b, value

    def laplacian(self) -> sp.csc_array:
        """Return the node conductance matrix without ground; row ``k`` is node ``k + 1``."""
        a, b, value = self.elements
        size = len(self)
        rows = np.concatenate([a, b, a, b])
        columns = np.concatenate([a, b, b, a])
        entries = np.concatenate([value, value, -value, -value])
        full = sp.coo_array((entries, (rows, columns)), shape=(size, size)).tocsc()
        return full[1:, 1:]


def attach_lines(
    network: Network,
    terminals: Nodes,
    length: int,
    *,
    segment: float | None,
    lead: float | None,
    prefix: str,
) -> Nodes:
    """Attach a line of ``length`` crossing points to every terminal.

    Parameters
    ----------
    network : Network
        Extended in place.
    terminals : ndarray of int, shape (k,)
        One node a line.
    length : int
        Crossing points on a line.
    segment : float, optional
        Resistance of one wire segment [ohm]; None is an ideal wire.
    lead : float, optional
        Resistance in series at the terminal [ohm].
    prefix : str
        Of the names of the new nodes.

    Returns
    -------
    ndarray of int, shape (k, length)
        The node at each crossing point, nearest to the terminal first.
    """
    count = len(terminals)
    first_resistance = (segment or 0.0) + (lead or 0.0)
    if first_resistance == 0:
        return np.repeat(terminals[:, None], length, axis=1)
    if segment is None:
        ends = network.nodes(prefix, count)
        network.connect(terminals, ends, 1 / first_resistance)
        return np.repeat(ends[:, None], length, axis=1)
    points = network.nodes(prefix, count, length)
    network.connect(terminals, points[:, 0], 1 / first_resistance)
    network.connect(points[:, :-1], points[:, 1:], 1 / segment)
    return points


def attach_array(
    network: Network,
    cells: NDArray[np.float64],
    rows: Nodes,
    columns: Nodes,
    wire: Wire,
    *,
    name: str,
    columns_driven: bool,
) -> None:
    """Place the cells of one array between word lines and new bit lines.

    Parameters
    ----------
    network : Network
        Extended in place.
    cells : ndarray, shape (m, n)
        Conductances [S].
    rows : ndarray of int, shape (m, n)
        Node of each crossing point on its word line.
    columns : ndarray of int, shape (n,)
        Terminals of the bit lines; the terminal is at the first row.
    wire : Wire
        Resistances of the bit lines.
    name : str
        Prefix of the new nodes.
    columns_driven : bool
        Whether the bit lines end at a driver or at a sensing input.
    """
    lead = wire.driver if columns_driven else wire.termination
    bit = attach_lines(
        network, columns, len(rows), segment=wire.column, lead=lead, prefix=f"{name}b"
    )
    network.connect(rows, bit.T, cells)
