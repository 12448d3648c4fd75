"""`make_testbench`: what a deck holds of a circuit, its network whole or reduced to its ports.

Every writer (deck text, PySpice export) takes a `Testbench`, so that none of them has to know
whether the network was reduced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Schematic
from amcspice.circuit.capacitance import Capacitors
from amcspice.circuit.network import Network, Nodes
from amcspice.netlist.deck import Stimulus

__all__ = ["PortNetwork", "Testbench", "make_testbench"]


class PortNetwork(Protocol):
    """A network reduced to its ports, such as `amcspice.reduction.PortModel`."""

    @property
    def nodes(self) -> Nodes:
        """Nodes of the ports in the network that was reduced."""
        ...

    @property
    def network(self) -> Network:
        """Conductances between the ports; port k is node k + 1."""
        ...

    def port_currents(self, currents: Array) -> Array:
        """Return what injected currents (K, q) amount to at the ports, shape (K, P) [A]."""
        ...


@dataclass(frozen=True, eq=False)
class Testbench:
    """A network, the amplifiers at it and the currents into it.

    Parameters
    ----------
    network : Network
    amplifiers : tuple of Amplifiers
        Pins are nodes of ``network``.
    stimulus : Stimulus
        Nodes are nodes of ``network``.
    ports : ndarray of int
        Nodes that amplifiers or capacitors of the reduced network touch, in the order of the
        schematic's ports.
    capacitors : tuple of (ndarray, ndarray)
        Nodes of ``network`` with a capacitance to ground, and the capacitances [F].
    """

    network: Network
    amplifiers: tuple[Amplifiers, ...]
    stimulus: Stimulus
    ports: Nodes
    capacitors: Capacitors


def make_testbench(
    schematic: Schematic,
    currents: Array,
    model: PortNetwork | None = None,
    windows: Array | None = None,
) -> Testbench:
    """Return a testbench of a schematic.

    Parameters
    ----------
    schematic : Schematic
    currents : ndarray, shape (K, q)
        Injected, see `Schematic.currents` [A].
    model : PortNetwork, optional
        Takes the place of the network; None draws every cell.
    windows : ndarray, shape (K,), optional
        See `Stimulus`.
    """
    if model is None:
        return Testbench(
            network=schematic.network,
            amplifiers=schematic.amplifiers,
            stimulus=Stimulus(schematic.injected, currents, windows, schematic.is_driven),
            ports=schematic.ports,
            capacitors=schematic.flat_capacitors or schematic.capacitors,
        )
    ports = np.arange(1, len(model.network))
    place = np.zeros(model.nodes.max() + 1, dtype=np.intp)
    place[model.nodes] = ports
    nodes, farads = schematic.capacitors
    return Testbench(
        network=model.network,
        amplifiers=tuple(_at_ports(schematic, place)),
        stimulus=Stimulus(ports, model.port_currents(currents), windows),
        ports=ports,
        capacitors=(place[nodes], farads),
    )


def _at_ports(schematic: Schematic, place: Nodes) -> Iterator[Amplifiers]:
    for bank in schematic.amplifiers:
        yield replace(bank, plus=place[bank.plus], minus=place[bank.minus], out=place[bank.out])
