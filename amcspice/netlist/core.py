"""The core of a circuit: a deck without the outputs of its amplifiers, and how to find those again.

Of a linear network with amplifiers a simulator needs to step through what has a state or a kink:
inner nodes of amplifiers, the summing nodes that they look at, output stages that are held.  The
outputs themselves hang on the network and on output resistances, so they follow from these at
every instant; with Y the conductances of the ports and of output resistances r, J what sources
inject, a the voltages of output stages, c the ports that are kept and o the others

    v_o = Yoo^-1 (J_o + a / r - Yoc v_c)
    (Ycc - Yco Yoo^-1 Yoc) v_c = J_c - Yco Yoo^-1 (J_o + a / r).

Nothing is approximated.  Kinks at which a circuit works by design are ideal switches that turn
where their voltage changes sign: holds, rectifiers, floors.  Limits at which it does not are left
out, and inner nodes are kept to see that none was met; where one was, or where an amplifier has
other kinks, decks are written by `amcspice.netlist.elements`.

Nodes of amplifier k are ``i_k``, ``z_k`` and ``y_k`` as there, and ``a_k`` the voltage behind the
output resistance where it is not one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Amplifiers, Array, Schematic
from amcspice.circuit.network import GROUND, Network, Nodes
from amcspice.device import OpAmp
from amcspice.netlist.elements import (
    CLAMP,
    gain_stage,
    input_stage,
    last_node,
    second_pole,
)
from amcspice.netlist.testbench import PortNetwork

__all__ = ["Core"]

OPEN = 1e15
"""Resistance of a switch that is off [ohm]."""

CLOSED = 1e-12
"""Resistance of a switch that ties a voltage to another [ohm]."""

NEGLIGIBLE = 1e-12
"""Of the largest conductance; what is smaller is rounding."""


@dataclass(frozen=True, eq=False)
class Core:
    """What is left of a network of P ports and its A amplifiers without K' = P - K outputs.

    It takes the place of the network in a testbench, see `PortNetwork`.

    Parameters
    ----------
    ports : PortNetwork
        What it was made of.
    amplifiers : tuple of Amplifiers
        Pins are nodes of the network that was reduced.
    opamp : OpAmp
    kept : ndarray of int, shape (K,)
        Ports that are nodes of the core, in order.
    conductance : ndarray, shape (K, K)
        Between these [S].
    transfer : ndarray, shape (P, K)
        Share of a current into a port that arrives at each of them; as well the voltage of each
        port for one volt of theirs.
    resistance : ndarray, shape (P, P)
        Voltages of the ports for one ampere into each, with the nodes of the core at 0 V [ohm].
    delivered : ndarray, shape (P, A)
        Current into each port for one volt of each output stage [S].
    """

    ports: PortNetwork
    amplifiers: tuple[Amplifiers, ...]
    opamp: OpAmp
    kept: Nodes
    conductance: Array
    transfer: Array
    resistance: Array
    delivered: Array

    @classmethod
    def of(cls, schematic: Schematic, opamp: OpAmp, ports: PortNetwork) -> Core | None:
        """Eliminate the outputs that nothing but the network looks at; None if limits forbid it.

        Parameters
        ----------
        schematic : Schematic
        opamp : OpAmp
            Amplifier with its mismatch.
        ports : PortNetwork
            The network reduced to the ports of the schematic.
        """
        banks = schematic.amplifiers
        curved = opamp.slew_rate is not None or opamp.output_current_limit is not None
        if curved or any(bank.clamp is not None for bank in banks):
            return None
        seen = [schematic.capacitors[0], *(pin for bank in banks for pin in (bank.plus, bank.minus))]
        is_kept = np.isin(ports.nodes, np.concatenate(seen))
        place = np.searchsorted(ports.nodes, np.concatenate([bank.out for bank in banks]))
        delivered = np.zeros((len(is_kept), len(place)))
        delivered[place, np.arange(len(place))] = 1 / opamp.output_resistance
        loaded = ports.conductance + np.diag(np.where(is_kept, 0.0, delivered.sum(axis=1)))
        kept, left = np.flatnonzero(is_kept), np.flatnonzero(~is_kept)
        transfer, resistance = np.eye(len(is_kept))[:, kept], np.zeros_like(loaded)
        resistance[np.ix_(left, left)] = np.linalg.inv(loaded[np.ix_(left, left)])
        transfer -= resistance @ loaded[:, kept]
        conductance = loaded[kept] @ transfer
        return cls(
            ports, banks, opamp, kept, (conductance + conductance.T) / 2, transfer, resistance,
            delivered,
        )  # fmt: skip

    @property
    def nodes(self) -> Nodes:
        """See `PortNetwork`."""
        return self.ports.nodes[self.kept]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """See `PortNetwork`."""
        names = self.ports.names
        return tuple(names[port] for port in self.kept)

    @cached_property
    def network(self) -> Network:
        """See `PortNetwork`; outputs that are kept have their output resistance in it."""
        network = Network.between(self.names, self.conductance)
        load = self.delivered[self.kept].sum(axis=1)
        network.connect(np.arange(1, len(network)), GROUND, load)
        return network

    def port_currents(self, currents: Array) -> Array:
        """See `PortNetwork`."""
        return self.ports.port_currents(currents) @ self.transfer

    @cached_property
    def saved(self) -> tuple[str, ...]:
        """Nodes that a result must hold, beside those of the network."""
        inner = [f"i_{label}" for _, label in self._each]
        last = [last_node(label, self.opamp) for _, label in self._each]
        return tuple(dict.fromkeys([*inner, *last, *self._stages]))

    def lines(self, amplifiers: tuple[Amplifiers, ...]) -> Iterator[str]:
        """Yield the lines of all amplifiers and of what they send into the core.

        Parameters
        ----------
        amplifiers : tuple of Amplifiers
            Inputs are nodes of the core; outputs do not matter.
        """
        names, opamp, count = self.network.names, self.opamp, self.delivered.shape[1]
        mismatch = zip(opamp.offsets(count).tolist(), opamp.gains(count).tolist(), strict=True)
        sources = []
        for bank in amplifiers:
            yield from _switches(bank, opamp)
            for index, pins in enumerate(zip(bank.plus, bank.minus, strict=True)):
                label = f"{bank.name}{index}"
                plus, minus = (names[pin] for pin in pins)
                yield from input_stage(label, plus, minus, opamp)
                yield from gain_stage(label, plus, minus, opamp, *next(mismatch))
                yield from second_pole(label, opamp)
                yield from _output_stage(bank, label, minus, opamp)
                limited = bank.hold is not None or bank.floor_at_ground
                sources.append(f"a_{label}" if limited else last_node(label, opamp))
        sent = self.transfer.T @ self.delivered
        sent[np.abs(sent) < NEGLIGIBLE * np.abs(sent).max(axis=0)] = 0.0
        for node, stage in np.argwhere(sent).tolist():
            value = _text(sent[node, stage])
            yield f"Gs{node}_{stage} 0 {self.names[node]} {sources[stage]} 0 {value}"

    def met_no_limit(self, vectors: Mapping[str, Array]) -> bool:
        """Tell whether amplifiers stayed within the limits that are left out."""
        inner = np.stack([vectors[f"i_{label}"] for _, label in self._each])
        spans = np.array([bank.output_range(self.opamp) for bank, _ in self._each])
        floored = np.array([_is_floored(bank) for bank, _ in self._each])
        lowest = np.where(floored, -np.inf, spans[:, 0])
        return bool(
            (inner.min(axis=1) >= lowest).all() and (inner.max(axis=1) <= spans[:, 1]).all()
        )

    def voltages(self, vectors: Mapping[str, Array], injected: Array) -> Array:
        """Return the voltages of all ports, those of outputs worked out, shape (T, P) [V].

        Parameters
        ----------
        vectors : mapping of str to ndarray, each shape (T,)
        injected : ndarray, shape (T, P)
            What sources inject into the ports [A].
        """
        nodes = np.stack([vectors[name] for name in self.names], axis=1)
        stages = np.stack([vectors[name] for name in self._stages], axis=1)
        behind = np.maximum(stages, [self._lowest(bank) for bank, _ in self._each])
        return nodes @ self.transfer.T + (injected + behind @ self.delivered.T) @ self.resistance

    @cached_property
    def _each(self) -> list[tuple[Amplifiers, str]]:
        """Bank and label of every amplifier."""
        banks = self.amplifiers
        return [(bank, f"{bank.name}{index}") for bank in banks for index in range(len(bank.out))]

    @cached_property
    def _stages(self) -> list[str]:
        """Nodes of the output stages, as they are without rectifiers and floors."""
        return [
            last_node(label, self.opamp) if bank.hold is None else f"y_{label}"
            for bank, label in self._each
        ]

    def _lowest(self, bank: Amplifiers) -> float:
        """Return where output stages stop by design [V]."""
        if bank.hold is not None:
            return 0.0
        return bank.output_range(self.opamp)[0] if bank.floor_at_ground else -np.inf


def _is_floored(bank: Amplifiers) -> bool:
    """Tell whether outputs of a bank come to rest at the lower end of their range by design."""
    return bank.floor_at_ground and bank.hold is None


def _switches(bank: Amplifiers, opamp: OpAmp) -> Iterator[str]:
    """Write what output stages of a bank share: ideal switches, and the floor if it is no ground."""
    ohms = {}
    if bank.hold is not None:
        ohms = {"hold": 1 / bank.hold, "tie": CLOSED}
    elif bank.floor_at_ground:
        ohms = {"stop": 1 / CLAMP, "tie": CLOSED}
        if _floor(bank, opamp) != "0":
            yield f"V{bank.name} {_floor(bank, opamp)} 0 {_text(bank.output_range(opamp)[0])}"
    for use, closed in ohms.items():
        yield f".model {use}_{bank.name} sw(vt=0 vh=0 ron={_text(closed)} roff={_text(OPEN)})"


def _floor(bank: Amplifiers, opamp: OpAmp) -> str:
    return "0" if bank.output_range(opamp)[0] == 0 else f"floor_{bank.name}"


def _output_stage(bank: Amplifiers, label: str, minus: str, opamp: OpAmp) -> Iterator[str]:
    """Write what is between the last inner node and the output resistance, if anything is."""
    last, stage = last_node(label, opamp), f"a_{label}"
    if bank.hold is not None:
        ohms = opamp.output_resistance
        held, floor = f"y_{label}", "0"
        yield f"Go_{label} 0 {held} {last} 0 {_text(1 / ohms)}"
        yield f"Ro_{label} {held} 0 {_text(ohms)}"
        yield f"Sh_{label} {minus} {held} {minus} {held} hold_{bank.name}"
    elif bank.floor_at_ground:
        held, floor = last, _floor(bank, opamp)
        yield f"Sc_{label} i_{label} {floor} {floor} i_{label} stop_{bank.name}"
    else:
        return
    yield f"Ga_{label} 0 {stage} {held} 0 1"
    yield f"Ra_{label} {stage} 0 1"
    yield f"Sa_{label} {stage} {floor} {floor} {held} tie_{bank.name}"


def _text(value: float) -> str:
    return repr(float(value))
