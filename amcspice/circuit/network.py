"""Passive linear networks: numbered nodes joined by conductances.

Node 0 is ground.  A network is built once by a circuit (or by a reduction) and then only read;
its Laplacian is all that reduction and state-space models need.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from amcspice.errors import InputError

__all__ = ["GROUND", "Network", "Nodes"]

GROUND = 0
Nodes = NDArray[np.intp]


class Network:
    """Conductances between numbered nodes."""

    def __init__(self) -> None:
        self._groups: list[tuple[str, tuple[int, ...]]] = []
        self._size = 1
        self._names: list[str] = []
        self._parts: list[tuple[Nodes, Nodes, NDArray[np.float64]]] = []
        self._cells: list[bool] = []

    @classmethod
    def between(cls, names: Sequence[str], conductance: NDArray[np.float64]) -> Network:
        """Return the network that has a conductance matrix; its nodes are 1, 2, ... in order.

        Parameters
        ----------
        names : sequence of str, length P
        conductance : ndarray, shape (P, P)
            Symmetric [S].

        Raises
        ------
        InputError
            If it would take a negative conductance.
        """
        network = cls()
        ports = np.array([network.nodes(name) for name in names], dtype=np.intp).ravel()
        first, second = np.triu_indices(len(ports), 1)
        # Where nothing should be, rounding leaves 1e-14 to 1e-12 of the diagonal, of either sign.
        scale = conductance.diagonal().max()
        coupling = -conductance[first, second]
        to_ground = conductance.sum(axis=1)
        for values in (coupling, to_ground):
            values[(values < 1e-12 * scale) & (values > -1e-9 * scale)] = 0.0
        network.connect(ports[first], ports[second], coupling)
        network.connect(ports, GROUND, to_ground)
        return network

    def copy(self) -> Network:
        """Return a network that can be extended on its own."""
        network = Network()
        network._groups = list(self._groups)
        network._size = self._size
        network._parts = list(self._parts)
        network._cells = list(self._cells)
        return network

    def __len__(self) -> int:
        """Return the number of nodes, ground included."""
        return self._size

    @property
    def names(self) -> list[str]:
        """Names of all nodes; they are written out when they are asked for."""
        if len(self._names) != self._size:
            self._names = ["0"] + [
                prefix + "_".join(map(str, index))
                for prefix, shape in self._groups
                for index in itertools.product(*map(range, shape))
            ]
        return self._names

    def nodes(self, prefix: str, *shape: int) -> Nodes:
        """Create nodes named ``prefix`` and their indices, such as ``w0_3``.

        Returns
        -------
        ndarray of int, shape ``shape``
        """
        first = self._size
        self._groups.append((prefix, shape))
        self._size += math.prod(shape)
        return np.arange(first, self._size).reshape(shape)

    def include(self, other: Network, prefix: str, shared: Mapping[int, int]) -> Nodes:
        """Take over another network.

        Parameters
        ----------
        other : Network
        prefix : str
            Goes before the names of its nodes.
        shared : mapping of int to int
            Nodes of the other network that are nodes of this one already.

        Returns
        -------
        ndarray of int, shape (nodes of the other network,)
            The node of this network that each of them has become.
        """
        place = np.zeros(len(other), np.intp)
        for node, name in enumerate(other.names[1:], 1):
            place[node] = shared[node] if node in shared else self.nodes(f"{prefix}{name}")
        self._parts += [(place[a], place[b], value) for a, b, value in other._parts]
        self._cells += other._cells
        return place

    def connect(
        self, a: ArrayLike, b: ArrayLike, conductance: ArrayLike, *, cells: bool = False
    ) -> None:
        """Join nodes by conductances [S]; the arguments are broadcast, zeros are left out.

        Parameters
        ----------
        a, b, conductance : array_like
        cells : bool
            Whether they are memristors, and not wires or fixed resistors.

        Raises
        ------
        InputError
            If a conductance is negative or not finite.
        """
        at, to = np.asarray(a, dtype=np.intp), np.asarray(b, dtype=np.intp)
        value = np.asarray(conductance, dtype=float)
        if not at.shape == to.shape == value.shape:
            at, to, value = np.broadcast_arrays(at, to, value)
        if not ((value >= 0) & (value < np.inf)).all():
            raise InputError(
                "a conductance is negative or not finite; resistances must be positive"
            )
        keep = (value > 0) & (at != to)
        self._parts.append((at[keep], to[keep], value[keep]))
        self._cells.append(cells)

    @property
    def elements(self) -> tuple[Nodes, Nodes, NDArray[np.float64]]:
        """First nodes, second nodes and conductances [S] of all elements."""
        if not self._parts:
            return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
        a, b, value = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        return a, b, value

    @property
    def are_cells(self) -> NDArray[np.bool_]:
        """Which of the elements are memristors."""
        counts = [len(value) for _, _, value in self._parts]
        return np.repeat(np.array(self._cells, dtype=bool), counts)

    def with_cells(self, conductance: NDArray[np.float64]) -> Network:
        """Return the network with other conductances of its memristors, in their order [S]."""
        network, first = self.copy(), 0
        for number, (a, b, value) in enumerate(self._parts):
            if self._cells[number]:
                network._parts[number] = (a, b, conductance[first : first + len(value)])
                first += len(value)
        return network

    def laplacian(self) -> scipy.sparse.csc_array:
        """Return the node conductance matrix without ground; row ``k`` is node ``k + 1``."""
        a, b, value = self.elements
        size = len(self)
        rows = np.concatenate([a, b, a, b])
        columns = np.concatenate([a, b, b, a])
        entries = np.concatenate([value, value, -value, -value])
        full = scipy.sparse.coo_array((entries, (rows, columns)), shape=(size, size)).tocsc()
        return full[1:, 1:]
