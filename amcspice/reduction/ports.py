"""Exact reduction of a schematic's network to the pins of its amplifiers.

Eliminating the interior nodes e of ``[Gpp Gpe; Gep Gee] [vp; ve] = [ip; ie]`` leaves
``(Gpp - Gpe Gee^-1 Gep) vp = ip - Gpe Gee^-1 ie``: a smaller network of conductances, and
interior injections that ride along to the ports.  Nothing is approximated.

Crossbars are eliminated by their structure (`amcspice.reduction.lattice`), a network with interior
nodes elsewhere by a general sparse LU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from amcspice.circuit.base import Array, Schematic
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.errors import InputError
from amcspice.reduction.lattice import LatticeReduction

__all__ = ["PortModel", "reduce_to_ports"]

FEW_CROSSINGS = 500
"""Up to so many, with word lines that end at ports, the sparse LU takes less time than its calls
alone would take along the rows."""


@dataclass(frozen=True, eq=False)
class PortModel:
    """A network seen from its ports.

    Parameters
    ----------
    original : Network
        The network that was reduced, or the part of it that holds the ports.
    nodes : ndarray of int, shape (P,)
        Nodes of the ports in it.
    conductance : ndarray, shape (P, P)
        Port conductance matrix Y, symmetric [S].
    transfer : ndarray, shape (q, P)
        Share of each injected current that arrives at each port; of a voltage source the current
        that one volt of it sends there [S].
    local_power : callable
        Takes what the sources give (K, q); returns what they deliver with all ports at 0 V,
        shape (K,) [W].
    is_driven : ndarray of bool, shape (q,)
        Which of the sources are voltages.
    """

    original: Network
    nodes: Nodes
    conductance: Array
    transfer: Array
    local_power: Callable[[Array], Array]
    is_driven: NDArray[np.bool_]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the ports."""
        names = self.original.names
        return tuple(names[node] for node in self.nodes)

    def port_currents(self, currents: Array) -> Array:
        """Return what sources (K, q) amount to at the ports, shape (K, P) [A]."""
        return currents @ self.transfer

    def into_network(self, voltages: Array) -> Array:
        """Return what flows into the network at the ports for voltages (K, P), (K, P) [A]."""
        return voltages @ self.conductance

    def driven_currents(self, currents: Array) -> Array:
        """Return the part of `port_currents` that voltage sources send, shape (K, P) [A]."""
        return currents[:, self.is_driven] @ self.transfer[self.is_driven]

    @cached_property
    def network(self) -> Network:
        """The same as a network of conductances between the ports and to ground."""
        network = Network()
        ports = np.array([network.nodes(name) for name in self.names], dtype=np.intp).ravel()
        first, second = np.triu_indices(len(ports), 1)
        # Where nothing should be, rounding leaves 1e-14 to 1e-12 of the diagonal, of either sign.
        scale = self.conductance.diagonal().max()
        coupling = -self.conductance[first, second]
        to_ground = self.conductance.sum(axis=1)
        for values in (coupling, to_ground):
            values[(values < 1e-12 * scale) & (values > -1e-9 * scale)] = 0.0
        network.connect(ports[first], ports[second], coupling)
        network.connect(ports, GROUND, to_ground)
        return network


def reduce_to_ports(
    schematic: Schematic, method: Literal["auto", "rows", "lu"] = "auto"
) -> PortModel:
    """Reduce the network of a schematic to the pins of its amplifiers.

    Parameters
    ----------
    schematic : Schematic
    method : {"auto", "rows", "lu"}
        Crossbar by crossbar along the rows, by sparse LU, or whichever fits.

    Raises
    ------
    InputError
        If a node is connected to nothing, so that its voltage is undetermined, or if ``rows``
        is asked for where there are interior nodes outside crossbars.
    """
    driven = schematic.injected[schematic.is_driven]
    terminals = np.union1d(schematic.ports, driven) if len(driven) else schematic.ports
    by_rows = _fits_rows(schematic, terminals)
    if method == "rows" and not by_rows:
        raise InputError(
            "reduction along the rows needs crossbars without other nodes between the amplifiers"
        )
    crossings = sum(lattice.cells.size for lattice in schematic.lattices)
    if method == "auto" and by_rows and crossings <= FEW_CROSSINGS:
        by_rows = not np.isin(schematic.lattices[0].rows, terminals).all()
    reduce = _reduce_by_rows if by_rows and method != "lu" else _reduce_by_lu
    model = reduce(schematic, terminals)
    floating = np.flatnonzero(model.conductance.diagonal() <= 0)
    if floating.size:
        raise InputError(
            f"node {model.names[floating[0]]} is connected to nothing: after programming all "
            "cells of a line are off; use more levels, column scaling or a larger g_max"
        )
    return _with_driven(model, schematic.ports, driven) if len(driven) else model


def _with_driven(model: PortModel, ports: Nodes, driven: Nodes) -> PortModel:
    """Take voltage sources off the ports of a model, where every source is one."""
    keep, sources = np.searchsorted(model.nodes, ports), np.searchsorted(model.nodes, driven)
    own = model.conductance[np.ix_(sources, sources)]

    def local_power(voltages: Array) -> Array:
        power: Array = np.einsum("kd,kd->k", voltages, voltages @ own)
        return power

    return PortModel(
        original=model.original,
        nodes=ports,
        conductance=model.conductance[np.ix_(keep, keep)],
        transfer=-model.conductance[np.ix_(sources, keep)],
        local_power=local_power,
        is_driven=np.ones(len(driven), bool),
    )


def _fits_rows(schematic: Schematic, ports: Nodes) -> bool:
    """Whether every interior node belongs to one lattice.

    The word lines of a lattice must all end at ports, or at nodes that nothing else touches.
    """
    if ports.max() >= len(schematic.peripheral):  # a port inside a lattice
        return False
    is_port = np.zeros(len(schematic.peripheral), bool)
    is_port[ports] = True
    free = [lattice for lattice in schematic.lattices if not is_port[lattice.rows].all()]
    if not schematic.lattices:
        return False
    # How often a node ends a word line: interior nodes exactly once, ports never.
    lines = np.concatenate([schematic.inputs[:0], *[lattice.rows for lattice in free]])
    ends = np.bincount(lines, minlength=len(is_port))
    a, b, _ = schematic.peripheral.elements
    touched = ends[a].any() or ends[b].any()
    return not touched and bool((ends != is_port)[1:].all())


def _reduce_by_rows(schematic: Schematic, ports: Nodes) -> PortModel:
    position = np.full(len(schematic.peripheral), -1)
    position[ports] = np.arange(len(ports))
    conductance = _between_ports(schematic.peripheral, position, len(ports))
    injected = schematic.injected
    transfer = np.zeros((len(injected), len(ports)))
    at_port = position[injected] >= 0
    transfer[np.flatnonzero(at_port), position[injected[at_port]]] = 1.0
    members: list[tuple[LatticeReduction, Nodes, Nodes]] = []
    for lattice in schematic.lattices:
        reduction = LatticeReduction(lattice)
        columns, word_ends = position[lattice.columns], position[lattice.rows]
        if (word_ends >= 0).all():
            terminals = np.concatenate([word_ends, columns])
            np.add.at(conductance, np.ix_(terminals, terminals), reduction.all_terminals)
            continue
        np.add.at(conductance, np.ix_(columns, columns), reduction.conductance)
        # Which injection stands at which word line.
        row_of = np.full(len(schematic.peripheral), -1)
        row_of[lattice.rows] = np.arange(len(lattice.rows))
        here = np.flatnonzero(row_of[injected] >= 0)
        rows = row_of[injected[here]]
        transfer[np.ix_(here, columns)] = reduction.transfer[rows]
        members.append((reduction, here, rows))

    def local_power(currents: Array) -> Array:
        power = np.zeros(len(currents))
        for reduction, here, rows in members:
            at_rows = np.zeros((len(currents), len(reduction.lattice.rows)))
            np.add.at(at_rows.T, rows, currents[:, here].T)
            power += reduction.local_power(at_rows)
        return power

    return _model(schematic, ports, conductance, transfer, local_power)


def _between_ports(network: Network, position: Nodes, count: int) -> Array:
    """Return the conductance matrix of elements that join ports, or ports and ground."""
    a, b, value = network.elements
    # Everything that is no port has a row of its own, which is left out.
    first, second = np.where(position < 0, count, position)[np.stack([a, b])]
    rows = np.concatenate([first, second, first, second])
    columns = np.concatenate([first, second, second, first])
    entries = np.concatenate([value, value, -value, -value])
    size = count + 1
    flat = np.bincount(rows * size + columns, entries, minlength=size * size)
    # Of nothing it makes integers, whatever the weights.
    return flat.astype(float).reshape(size, size)[:count, :count]


def _reduce_by_lu(schematic: Schematic, ports: Nodes) -> PortModel:
    network = schematic.network
    laplacian = network.laplacian()
    interior = np.setdiff1d(np.arange(1, len(network)), ports)
    place, position = np.full((2, len(network)), -1)
    place[interior] = np.arange(len(interior))
    position[ports] = np.arange(len(ports))
    conductance = laplacian[ports - 1][:, ports - 1].toarray()
    injected = schematic.injected
    at_port = position[injected] >= 0
    inside = place[injected[~at_port]]
    transfer = np.zeros((len(injected), len(ports)))
    transfer[np.flatnonzero(at_port), position[injected[at_port]]] = 1.0
    factor: Any = None
    if len(interior):
        ee = laplacian[interior - 1][:, interior - 1].tocsc()
        ep = laplacian[interior - 1][:, ports - 1].toarray()
        factor = _factorise(ee, network, interior)
        inner = factor.solve(ep)
        conductance = conductance - ep.T @ inner
        transfer[~at_port] = -inner[inside]

    def local_power(currents: Array) -> Array:
        load = np.zeros((len(interior), len(currents)))
        if not inside.size:
            return np.zeros(len(currents))
        np.add.at(load, inside, currents[:, ~at_port].T)
        power: Array = np.einsum("ek,ek->k", load, factor.solve(load))
        return power

    return _model(schematic, ports, conductance, transfer, local_power)


def _model(
    schematic: Schematic,
    ports: Nodes,
    conductance: Array,
    transfer: Array,
    local_power: Callable[[Array], Array],
) -> PortModel:
    outside = ports.max() < len(schematic.peripheral)  # spares writing out large lattices
    return PortModel(
        original=schematic.peripheral if outside else schematic.network,
        nodes=ports,
        conductance=(conductance + conductance.T) / 2,
        transfer=transfer,
        local_power=local_power,
        is_driven=np.zeros(len(transfer), bool),
    )


def _factorise(matrix: sp.csc_array, network: Network, interior: Nodes) -> Any:
    floating = np.flatnonzero(matrix.diagonal() == 0)
    if floating.size:
        raise InputError(
            f"node {network.names[interior[floating[0]]]} is connected to nothing: a word line "
            "has no conductance (all its cells are off); leave the row out or use compensation"
        )
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
