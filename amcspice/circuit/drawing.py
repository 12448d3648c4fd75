"""`draw`: what a deck needs of a circuit, with its network as it is or reduced to its ports.

Every writer (deck text, PySpice export) takes a `Drawing`, so that none of them has to know
whether the network was reduced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Schematic
from amcspice.circuit.deck import Stimulus
from amcspice.circuit.network import Network, Nodes

__all__ = ["Drawing", "PortNetwork", "draw"]


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
class Drawing:
    """A network, the amplifiers at it and the currents into it.

    Parameters
    ----------
    network : Network
    amplifiers : tuple of Amplifiers
        Pins are nodes of ``network``.
    stimulus : Stimulus
        Nodes are nodes of ``network``.
    ports : ndarray of int
        Nodes that amplifiers touch, in the order of the schematic's ports.
    """

    network: Network
    amplifiers: tuple[Amplifiers, ...]
    stimulus: Stimulus
    ports: Nodes


def draw(
    schematic: Schematic,
    currents: Array,
    model: PortNetwork | None = None,
    windows: Array | None = None,
) -> Drawing:
    """Return a drawing of a schematic.

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
        return Drawing(
            network=schematic.network,
            amplifiers=schematic.amplifiers,
            stimulus=Stimulus(schematic.injected, currents, windows, schematic.is_driven),
            ports=schematic.ports,
        )
    ports = np.arange(1, len(model.network))
    return Drawing(
        network=model.network,
        amplifiers=tuple(_at_ports(schematic, model)),
        stimulus=Stimulus(ports, model.port_currents(currents), windows),
        ports=ports,
    )


def _at_ports(schematic: Schematic, model: PortNetwork) -> Iterator[Amplifiers]:
    place = np.zeros(len(schematic.network), dtype=np.intp)
    place[model.nodes] = np.arange(1, len(model.nodes) + 1)
    for bank in schematic.amplifiers:
        yield replace(bank, plus=place[bank.plus], minus=place[bank.minus], out=place[bank.out])
