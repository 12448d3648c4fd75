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
    plus, minus, out : ndarray of int, shape (k,)
        Port of every pin; -1 for a pin at ground.  Outputs are never there.
    loaded : ndarray, shape (P, P), or (C, P, P) of many networks
        Conductance matrix of the ports with output and input resistances [S].
    """

    plus: Nodes
    minus: Nodes
    out: Nodes
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
            _ports(np.concatenate([getattr(bank, pin) for bank in banks]), model.nodes)
            for pin in ("plus", "minus", "out")
        )
        loaded = model.conductance.copy()
        diagonal = np.einsum("...pp->...p", loaded)
        diagonal += np.bincount(out, minlength=len(model.nodes)) / opamp.output_resistance
        made = cls(plus, minus, out, loaded)
        if opamp.input_resistance is not None:
            difference = made.difference
            loaded += difference.T @ difference / opamp.input_resistance
        return made

    @property
    def difference(self) -> Array:
        """Input voltages for the port voltages, shape (k, P)."""
        return self._incidence(self.plus) - self._incidence(self.minus)

    @property
    def outputs(self) -> Array:
        """Which port each amplifier drives, shape (k, P)."""
        return self._incidence(self.out)

    @property
    def inputs(self) -> Array:
        """Number of amplifier inputs at each port, shape (P,)."""
        pins = np.concatenate([self.plus, self.minus])
        return np.bincount(pins[pins >= 0], minlength=self.loaded.shape[-1]).astype(float)

    def across(self, voltages: Array) -> Array:
        """Return the input voltages (..., k, n) for port voltages (..., P, n)."""
        return self.at(self.plus, voltages) - self.at(self.minus, voltages)

    @staticmethod
    def at(pins: Nodes, voltages: Array) -> Array:
        """Return the voltages (..., k, n) at pins for port voltages (..., P, n)."""
        taken: Array = voltages[..., pins, :]
        if (pins < 0).any():
            taken[..., pins < 0, :] = 0.0
        return taken

    @staticmethod
    def into(pins: Nodes, matrix: Array) -> Array:
        """Return a matrix (..., n, P) for what enters at pins, shape (..., n, k)."""
        taken: Array = matrix[..., pins]
        if (pins < 0).any():
            taken[..., pins < 0] = 0.0
        return taken

    @property
    def resistance(self) -> Array:
        """Port voltages for one ampere into each port, shape (..., P, P) [ohm]."""
        return _inverse(self.loaded, self.out)

    def _incidence(self, pins: Nodes) -> Array:
        matrix = np.zeros((len(pins), self.loaded.shape[-1]))
        at = np.flatnonzero(pins >= 0)
        matrix[at, pins[at]] = 1.0
        return matrix


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


def _ports(pins: Nodes, nodes: Nodes) -> Nodes:
    return np.where(pins == GROUND, -1, np.searchsorted(nodes, pins))


def _inverse(loaded: Array, out: Nodes) -> Array:
    """Invert conductance matrices (..., P, P) of ports.

    Between lines with ideal wires there are only the outputs x of amplifiers, so that all others
    are eliminated one by one: with D their diagonal and C between them and x

        R_x = (D_x - C' D^-1 C)^-1,  R_lx = -D^-1 C R_x,  R_l = D^-1 + D^-1 C R_x C' D^-1.
    """
    x = np.unique(out)
    lines = np.setdiff1d(np.arange(loaded.shape[-1]), x)
    between = loaded[..., lines[:, None], lines]
    own = np.einsum("...pp->...p", between)
    if not len(lines) or np.count_nonzero(between) > own.size or (own == 0).any():
        return np.asarray(np.linalg.inv(loaded))
    share = loaded[..., lines[:, None], x] / -own[..., None]  # voltages of lines for those of x
    inner = loaded[..., x[:, None], x] + loaded[..., x[:, None], lines] @ share
    made = np.empty_like(loaded)
    by_outputs = np.linalg.inv(inner)
    follow = share @ by_outputs
    made[..., x[:, None], x] = by_outputs
    made[..., lines[:, None], x] = follow
    made[..., x[:, None], lines] = follow.swapaxes(-1, -2)
    alone = follow @ share.swapaxes(-1, -2)
    np.einsum("...pp->...p", alone)[...] += 1 / own
    made[..., lines[:, None], lines] = alone
    return made
