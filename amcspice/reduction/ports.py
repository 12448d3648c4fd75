"""Exact reduction of a schematic's network to the pins of its amplifiers.

Eliminating the interior nodes e of ``[Gpp Gpe; Gep Gee] [vp; ve] = [ip; ie]`` leaves
``(Gpp - Gpe Gee^-1 Gep) vp = ip - Gpe Gee^-1 ie``: a smaller network of conductances, and
interior injections that ride along to the ports.  Nothing is approximated.

Crossbars are eliminated by their structure (`amcspice.crossbar.reduction`), a network with interior
nodes elsewhere by a general sparse LU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.circuit.base import Array, Schematic
from amcspice.circuit.network import Network, Nodes
from amcspice.crossbar import CrossbarReduction
from amcspice.errors import InputError, UnconnectedError
from amcspice.reduction.layout import Layout

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

    def at_ports(self) -> PortModel:
        """Return it with a current source at every port in the place of its own sources."""
        ports = len(self.nodes)
        return PortModel(
            original=self.original,
            nodes=self.nodes,
            conductance=self.conductance,
            transfer=np.eye(ports),
            local_power=lambda currents: np.zeros(len(currents)),
            is_driven=np.zeros(ports, bool),
        )

    @cached_property
    def network(self) -> Network:
        """The same as a network of conductances between the ports and to ground."""
        return Network.between(self.names, self.conductance)


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
    layout = Layout.of(schematic, terminals)
    if method == "rows" and layout is None:
        raise InputError(
            "reduction along the rows needs crossbars without other nodes between the amplifiers"
        )
    by_rows = layout is not None and method != "lu"
    if method == "auto" and layout is not None and layout.places[0].row_ends is not None:
        by_rows = sum(crossbar.cells.size for crossbar in schematic.crossbars) > FEW_CROSSINGS
    if by_rows and layout is not None:
        model = _reduce_by_rows(schematic, terminals, layout)
    else:
        model = _reduce_by_lu(schematic, terminals)
    # What a source drives does not float, whatever hangs on it.
    alone = (model.conductance.diagonal() <= 0) & ~np.isin(model.nodes, driven)
    floating = np.flatnonzero(alone)
    if floating.size:
        raise UnconnectedError(
            f"node {model.names[floating[0]]} is connected to nothing: after programming all "
            "cells of a line are off; use more levels, column scaling or a larger g_max"
        )
    return _with_driven(model, schematic.ports, driven) if len(driven) else model


def _with_driven(model: PortModel, ports: Nodes, driven: Nodes) -> PortModel:
    """Take voltage sources off the ports of a model, where every source is one."""
    keep, sources = np.searchsorted(model.nodes, ports), np.searchsorted(model.nodes, driven)
    between_sources = model.conductance[np.ix_(sources, sources)]

    def local_power(voltages: Array) -> Array:
        power: Array = np.einsum("kd,kd->k", voltages, voltages @ between_sources)
        return power

    return PortModel(
        original=model.original,
        nodes=ports,
        conductance=model.conductance[np.ix_(keep, keep)],
        transfer=-model.conductance[np.ix_(sources, keep)],
        local_power=local_power,
        is_driven=np.ones(len(driven), bool),
    )


def _reduce_by_rows(schematic: Schematic, ports: Nodes, layout: Layout) -> PortModel:
    _, _, value = schematic.outside.elements
    side = len(ports) + 1
    entries = np.concatenate([value, value, -value, -value])
    flat = np.bincount(layout.entries, entries, minlength=side * side)
    # Of nothing it makes integers, whatever the weights.
    conductance = flat.astype(float).reshape(side, side)[:-1, :-1]
    transfer = layout.transfer.copy()
    # With the sources of each crossbar, and what takes them to its rows; None: they are these.
    members: list[tuple[CrossbarReduction, Any, Array | None]] = []
    for crossbar, place in zip(schematic.crossbars, layout.places, strict=True):
        reduction = CrossbarReduction(crossbar)
        if place.row_ends is not None:
            _add(conductance, place.row_ends, reduction.all_terminals, place.distinct)
            continue
        _add(conductance, place.columns, reduction.conductance, place.distinct)
        transfer[place.into] = reduction.transfer[place.rows]
        in_order = len(place.sources) == len(transfer) == len(crossbar.rows)
        in_order &= np.array_equal(place.sources, place.rows)
        in_order &= np.array_equal(place.rows, np.arange(len(crossbar.rows)))
        at_rows = None
        if not in_order:
            at_rows = np.zeros((len(place.sources), len(crossbar.rows)))
            at_rows[np.arange(len(place.sources)), place.rows] = 1
        members.append((reduction, place.sources, at_rows))

    def local_power(currents: Array) -> Array:
        power = np.zeros(len(currents))
        for reduction, sources, at_rows in members:
            at = currents if at_rows is None else currents[:, sources] @ at_rows
            power += reduction.local_power(at)
        return power

    return _model(schematic, ports, conductance, transfer, local_power)


def _add(conductance: Array, place: Any, part: Array, distinct: bool) -> None:
    """Add a part at its place, where some ports may stand twice."""
    if distinct:
        conductance[place] += part
    else:
        np.add.at(conductance, place, part)


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
    outside = ports.max() < len(schematic.outside)  # spares writing out large crossbars
    return PortModel(
        original=schematic.outside if outside else schematic.network,
        nodes=ports,
        conductance=(conductance + conductance.T) / 2,
        transfer=transfer,
        local_power=local_power,
        is_driven=np.zeros(len(transfer), bool),
    )


def _factorise(matrix: scipy.sparse.csc_array, network: Network, interior: Nodes) -> Any:
    floating = np.flatnonzero(matrix.diagonal() == 0)
    if floating.size:
        raise UnconnectedError(
            f"node {network.names[interior[floating[0]]]} is connected to nothing: a word line "
            "has no conductance (all its cells are off); leave the row out or use compensation"
        )
    return scipy.sparse.linalg.splu(
        matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
