"""Where amplifiers touch a reduced network, and the network with what they load it by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit import GROUND, Circuit
from amcspice.circuit.base import Array
from amcspice.circuit.network import Nodes
from amcspice.device import OpAmp
from amcspice.engine.batch import Batch
from amcspice.reduction import PortModel

__all__ = ["Pins", "output_ranges"]


@dataclass(frozen=True, eq=False)
class Pins:
    """Pins of k amplifiers at P ports.

    Parameters
    ----------
    plus, minus, out : ndarray, shape (k, P)
        A one for every pin at its port; none for a pin at ground.
    loaded : ndarray, shape (P, P), or (C, P, P) of many networks
        Conductance matrix of the ports with output and input resistances [S].
    """

    plus: Array
    minus: Array
    out: Array
    loaded: Array

    @classmethod
    def of(cls, circuit: Circuit, model: PortModel | Batch, opamp: OpAmp | None = None) -> Pins:
        """Return the pins of a circuit whose network has been reduced.

        Parameters
        ----------
        circuit : Circuit
        model : PortModel or Batch
        opamp : OpAmp, optional
            Another amplifier in the place of the circuit's own.
        """
        opamp, banks = opamp or circuit.opamp, circuit.schematic.amplifiers
        plus, minus, out = (
            _incidence(np.concatenate([getattr(bank, pin) for bank in banks]), model.nodes)
            for pin in ("plus", "minus", "out")
        )
        loaded = model.conductance + out.T @ out / opamp.output_resistance
        if opamp.input_resistance is not None:
            difference = plus - minus
            loaded = loaded + difference.T @ difference / opamp.input_resistance
        return cls(plus, minus, out, loaded)

    @property
    def difference(self) -> Array:
        """Input voltages for the port voltages, shape (k, P)."""
        return self.plus - self.minus

    @property
    def inputs(self) -> Array:
        """Number of amplifier inputs at each port, shape (P,)."""
        number: Array = (self.plus + self.minus).sum(axis=0)
        return number


def output_ranges(circuit: Circuit, opamp: OpAmp) -> tuple[Array, Array]:
    """Return the lowest and the highest output of every amplifier, shape (k,) [V].

    Parameters
    ----------
    circuit : Circuit
    opamp : OpAmp
        Its own, or another one in the place of that.
    """
    banks = circuit.schematic.amplifiers
    ranges = np.array([bank.output_range(opamp) for bank in banks])
    lowest, highest = np.repeat(ranges, [len(bank.out) for bank in banks], axis=0).T.copy()
    return lowest, highest


def _incidence(pins: Nodes, nodes: Nodes) -> Array:
    matrix = np.zeros((len(pins), len(nodes)))
    at = np.flatnonzero(pins != GROUND)
    matrix[at, np.searchsorted(nodes, pins[at])] = 1.0
    return matrix
