"""Many circuits that differ in their networks only, seen from equal ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.circuit.network import Nodes
from amcspice.reduction.ports import PortModel

__all__ = ["PortStack"]


@dataclass(frozen=True, eq=False)
class PortStack:
    """C reduced networks with P equal ports, each with K sets of sources, in order.

    It answers what a `PortModel` answers, for these sources: C K of everything.

    Parameters
    ----------
    nodes : ndarray of int, shape (P,)
        Nodes of the ports.
    conductance : ndarray, shape (C, P, P)
        See `PortModel` [S].
    into : ndarray, shape (C, K, P)
        What the sources amount to at the ports [A].
    driven : ndarray, shape (C, K, P)
        The part of it that voltage sources send [A].
    """

    nodes: Nodes
    conductance: Array
    into: Array
    driven: Array

    @classmethod
    def of(cls, models: Sequence[PortModel], currents: Sequence[Array]) -> PortStack:
        """Stack networks, each with what its sources give, shape (K, q)."""
        given = list(zip(models, currents, strict=True))
        return cls(
            nodes=models[0].nodes,
            conductance=np.stack([model.conductance for model in models]),
            into=np.stack([model.port_currents(one) for model, one in given]),
            driven=np.stack([model.driven_currents(one) for model, one in given]),
        )

    def port_currents(self, _currents: Array) -> Array:
        """See `PortModel`; of the sources that it was made with, shape (C K, P) [A]."""
        return self.into.reshape(-1, len(self.nodes))

    def driven_currents(self, _currents: Array) -> Array:
        """See `PortModel`; of the sources that it was made with, shape (C K, P) [A]."""
        return self.driven.reshape(-1, len(self.nodes))

    def into_network(self, voltages: Array) -> Array:
        """See `PortModel`; K rows for every network, shape (C K, P) [A]."""
        flow: Array = voltages.reshape(self.into.shape) @ self.conductance
        return flow.reshape(-1, len(self.nodes))
