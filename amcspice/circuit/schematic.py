"""What a circuit is wired up to: a network with amplifiers, inputs and outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.capacitance import Capacitors, distributed, lumped, without
from amcspice.circuit.crossbar import Crossbar, Crossings, emit
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.device import OpAmp, Wire
from amcspice.errors import InputError

__all__ = ["Amplifiers", "Array", "Schematic"]

Array = NDArray[np.float64]


def _no_nodes() -> Nodes:
    return np.empty(0, np.intp)


def _no_values() -> Array:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class Amplifiers:
    """A bank of equal amplifiers.

    Parameters
    ----------
    name : str
        Prefix of the instance names.
    plus, minus, out : ndarray of int, shape (k,)
        Nodes of the inputs and the output.
    floor_at_ground : bool
        Output range starts at 0 V: the negative supply pin is grounded.
    hold : float, optional
        The output passes a rectifier whose one-way device of this conductance [S] holds the
        inverting node at virtual ground.
    clamp : float, optional
        Outputs stop at plus and minus this voltage, within the supplies: clamp amplifiers, whose
        reference pins draw no current [V].
    """

    name: str
    plus: Nodes
    minus: Nodes
    out: Nodes
    floor_at_ground: bool = False
    hold: float | None = None
    clamp: float | None = None

    def output_range(self, opamp: OpAmp) -> tuple[float, float]:
        """Return between which voltages outputs stop [V]."""
        lowest = opamp.headroom_negative if self.floor_at_ground else opamp.lowest_output
        highest = opamp.highest_output
        if self.clamp is None:
            return lowest, highest
        return max(lowest, -self.clamp), min(highest, self.clamp)


@dataclass(frozen=True, eq=False)
class Schematic:
    """A network with amplifiers, inputs and outputs.

    Parameters
    ----------
    peripheral : Network
        Every node that is not inside a crossbar, and the conductances beside the crossbars and the
        sources.
    crossbars : tuple of Crossbar
        Wired crossbars.
    amplifiers : tuple of Amplifiers
        Banks whose pins are the ports of the network.
    inputs : ndarray of int, shape (m,)
        Nodes into which the right-hand side is injected, or which it drives.
    input_gain : ndarray, shape (m,)
        Injected siemens: current = input_gain * volts_per_unit * b [A].  Or a voltage, see
        ``driven``.
    outputs : ndarray of int, shape (n,)
        Nodes that hold the solution.
    cells : int
        Number of programmed cells.
    bias : ndarray of int, shape (p,)
        Nodes into which a constant is injected (L1 term).
    bias_gain : ndarray, shape (p,)
        current = bias_gain * volts_per_unit [A].
    driven : bool
        Inputs are voltages, not currents: input_gain is in volts then, and nothing else holds
        the input nodes.
    source_conductance : ndarray, shape (m,) or (0,)
        Conductance from each current source to ground, through which a voltage may drive its node
        instead, see `amcspice.circuit.parts.cascade`; empty: there is none [S].
    capacitors : tuple of (ndarray, ndarray)
        Nodes with a capacitance to ground, and the capacitances [F].
    flat_capacitors : tuple of (ndarray, ndarray), optional
        Those of a deck that holds every cell; None is the same ones.
    """

    peripheral: Network
    crossbars: tuple[Crossbar, ...]
    amplifiers: tuple[Amplifiers, ...]
    inputs: Nodes
    input_gain: Array
    outputs: Nodes
    cells: int
    bias: Nodes = field(default_factory=_no_nodes)
    bias_gain: Array = field(default_factory=_no_values)
    driven: bool = False
    source_conductance: Array = field(default_factory=_no_values)
    capacitors: Capacitors = field(default_factory=lambda: (_no_nodes(), _no_values()))
    flat_capacitors: Capacitors | None = None

    @cached_property
    def outside(self) -> Network:
        """Everything outside the crossbars: the peripheral network with those of the sources."""
        if not self.source_conductance.any():
            return self.peripheral
        network = self.peripheral.copy()
        network.connect(self.inputs, GROUND, self.source_conductance)
        return network

    @cached_property
    def _emitted(self) -> tuple[Network, list[Crossings]]:
        network = self.outside.copy()
        return network, [emit(crossbar, network) for crossbar in self.crossbars]

    @property
    def network(self) -> Network:
        """Everything as one network: what is outside, with the crossbars emitted into it."""
        return self._emitted[0]

    def with_cells(self, change: Callable[[Array], Array]) -> Schematic:
        """Return it with other conductances of its cells.

        Parameters
        ----------
        change : callable
            Takes those of all cells that are on, in the order of the network, and returns others.
        """
        beside = self.peripheral
        grids = [part for bar in self.crossbars for part in (bar.cells, bar.row_ground)]
        values = [beside.elements[2][beside.are_cells], *(grid[grid > 0] for grid in grids)]
        written = np.concatenate(values)
        changed = change(written)
        if changed is written:
            return self
        if changed.shape != written.shape:
            raise InputError(
                f"zero_bias: {len(changed)} conductances, but the circuit has {len(written)} cells "
                "that are on"
            )
        parts = np.split(changed, np.cumsum([len(part) for part in values])[:-1])
        made = []
        for grid, part in zip(grids, parts[1:], strict=True):
            made.append(grid.copy())
            made[-1][grid > 0] = part
        crossbars = tuple(
            dataclasses.replace(bar, cells=cells, row_ground=grounded)
            for bar, cells, grounded in zip(self.crossbars, made[::2], made[1::2], strict=True)
        )
        peripheral = beside.with_cells(parts[0]) if len(parts[0]) else beside
        return dataclasses.replace(self, peripheral=peripheral, crossbars=crossbars)

    def with_line_capacitance(self, wire: Wire) -> Schematic:
        """Return it with the capacitance of its lines, see `amcspice.circuit.capacitance`."""
        if wire.row_capacitance is None and wire.column_capacitance is None:
            return self
        driven = self.inputs if self.driven else self.inputs[:0]
        if wire.capacitance == "lumped":
            return dataclasses.replace(
                self, capacitors=without(lumped(self.crossbars, wire), driven)
            )
        crossings = self._emitted[1]
        return dataclasses.replace(
            self,
            capacitors=without(distributed(crossings, wire, wire.sections), driven),
            flat_capacitors=without(distributed(crossings, wire), driven),
        )

    @cached_property
    def ports(self) -> Nodes:
        """Nodes that amplifiers or capacitors touch, without ground, in order of node number."""
        pins = [pin for bank in self.amplifiers for pin in (bank.plus, bank.minus, bank.out)]
        touched = np.concatenate([*pins, self.capacitors[0]])
        is_port = np.zeros(touched.max() + 1, bool)
        is_port[touched] = True
        is_port[GROUND] = False
        return np.flatnonzero(is_port)

    @cached_property
    def injected(self) -> Nodes:
        """Nodes of the sources: inputs, then bias."""
        return np.concatenate([self.inputs, self.bias])

    @cached_property
    def is_driven(self) -> NDArray[np.bool_]:
        """Which of the sources are voltages; the others are currents into their nodes."""
        return np.repeat([self.driven, False], [len(self.inputs), len(self.bias)])

    def currents(self, vectors: Array, volts_per_unit: float | Array) -> Array:
        """Return what the sources give for every right-hand side.

        Parameters
        ----------
        vectors : ndarray, shape (K, m)
            Right-hand sides.
        volts_per_unit : float or ndarray, shape (K,)
            Volts for one unit of the (scaled) solution, of all or of each.

        Returns
        -------
        ndarray, shape (K, m + p)
            Currents in the order of `injected` [A], or voltages [V] where `is_driven`.
        """
        volts = np.reshape(volts_per_unit, (-1, 1))
        inputs: Array = vectors * self.input_gain
        inputs *= volts
        if not len(self.bias):
            return inputs
        bias = np.broadcast_to(self.bias_gain * volts, (len(vectors), len(self.bias)))
        return np.hstack([inputs, bias])
