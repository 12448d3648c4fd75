"""Exact reduction of a network to its ports by a general sparse LU (Schur complement).

Eliminating the interior nodes e of ``[Gpp Gpe; Gep Gee] [vp; ve] = [ip; ie]`` leaves
``(Gpp - Gpe Gee^-1 Gep) vp = ip - Gpe Gee^-1 ie``: a smaller network of conductances, and
interior injections that ride along to the ports.  Nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from amcspice.circuit.base import Array, Schematic
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.errors import InputError

__all__ = ["PortModel", "reduce_to_ports"]


@dataclass(frozen=True, eq=False)
class PortModel:
    """A network seen from its ports.

    Parameters
    ----------
    names : tuple of str
        Of the ports.
    nodes : ndarray of int, shape (P,)
        Nodes of the ports in the network that was reduced.
    conductance : ndarray, shape (P, P)
        Port conductance matrix Y, symmetric [S].
    transfer : ndarray, shape (q, P)
        Share of each injected current that arrives at each port.
    """

    names: tuple[str, ...]
    nodes: Nodes
    conductance: Array
    transfer: Array
    _injected_interior: Nodes
    _injected_port: Nodes
    _factor: Any

    def port_currents(self, currents: Array) -> Array:
        """Return what injected currents (K, q) amount to at the ports, shape (K, P) [A]."""
        return currents @ self.transfer

    def injected_voltages(self, ports: Array, currents: Array) -> Array:
        """Recover the voltages of the nodes into which current is injected.

        Parameters
        ----------
        ports : ndarray, shape (T, P)
            Port voltages [V].
        currents : ndarray, shape (q,)
            The injected currents at all T instants [A].

        Returns
        -------
        ndarray, shape (T, q)
            [V].
        """
        local = np.zeros(len(currents))
        interior = self._injected_interior >= 0
        if interior.any():
            load = np.zeros(self._factor.shape[0])
            np.add.at(load, self._injected_interior[interior], currents[interior])
            local[interior] = self._factor.solve(load)[self._injected_interior[interior]]
        return ports @ self.transfer.T + local

    @cached_property
    def network(self) -> Network:
        """The same as a network of conductances between the ports and to ground."""
        network = Network()
        ports = np.array([network.nodes(name) for name in self.names], dtype=np.intp).ravel()
        first, second = np.triu_indices(len(ports), 1)
        # Where nothing should be, rounding leaves about 1e-14 of the diagonal, of either sign.
        scale = self.conductance.diagonal().max()
        coupling = -self.conductance[first, second]
        to_ground = self.conductance.sum(axis=1)
        for values in (coupling, to_ground):
            values[np.abs(values) < 1e-12 * scale] = 0.0
        network.connect(ports[first], ports[second], coupling)
        network.connect(ports, GROUND, to_ground)
        return network


def reduce_to_ports(schematic: Schematic) -> PortModel:
    """Reduce the network of a schematic to the pins of its amplifiers.

    Raises
    ------
    InputError
        If a node is connected to nothing, so that its voltage is undetermined.
    """
    network, ports = schematic.network, schematic.ports
    laplacian = network.laplacian()
    interior = np.setdiff1d(np.arange(1, len(network)), ports)
    place = np.full(len(network), -1)
    place[interior] = np.arange(len(interior))
    position = np.full(len(network), -1)
    position[ports] = np.arange(len(ports))
    pp = laplacian[ports - 1][:, ports - 1].toarray()
    injected_port = position[schematic.injected]
    injected_interior = place[schematic.injected]
    transfer = np.zeros((len(schematic.injected), len(ports)))
    at_port = injected_port >= 0
    transfer[np.flatnonzero(at_port), injected_port[at_port]] = 1.0
    factor = None
    if len(interior):
        ee = laplacian[interior - 1][:, interior - 1].tocsc()
        ep = laplacian[interior - 1][:, ports - 1].toarray()
        factor = _factorise(ee, network, interior)
        inner = factor.solve(ep)
        pp = pp - ep.T @ inner
        transfer[~at_port] = -inner[injected_interior[~at_port]]
    _refuse_floating(pp, ports, network)
    return PortModel(
        names=tuple(network.names[port] for port in ports),
        nodes=ports,
        conductance=(pp + pp.T) / 2,
        transfer=transfer,
        _injected_interior=injected_interior,
        _injected_port=injected_port,
        _factor=factor,
    )


def _factorise(matrix: sp.csc_array, network: Network, interior: Nodes) -> Any:
    floating = np.flatnonzero(matrix.diagonal() == 0)
    if floating.size:
        raise InputError(
            f"node {network.names[interior[floating[0]]]} is connected to nothing: a word line "
            "has no conductance (all its cells are off); leave the row out or use compensation"
        )
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})


def _refuse_floating(conductance: Array, ports: Nodes, network: Network) -> None:
    floating = np.flatnonzero(conductance.diagonal() <= 0)
    if floating.size:
        raise InputError(
            f"node {network.names[ports[floating[0]]]} is connected to nothing: after programming "
            "all cells of a line are off; use more levels, column scaling or a larger g_max"
        )
