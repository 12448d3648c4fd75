"""The core of a circuit: a deck without the outputs of its amplifiers, and how to find those again.

Of a linear network with amplifiers a simulator needs to step through what has a state or a kink:
inner nodes of amplifiers, the summing nodes that they look at, output stages that are held.  The
outputs themselves hang on the network and on output resistances, so they follow from these at
every instant; with Y the conductances of the ports and of output resistances r, J what sources
inject, a the voltages of output stages, c the ports that are kept and o the others

    v_o = Yoo^-1 (J_o + a / r - Yoc v_c)
    (Ycc - Yco Yoo^-1 Yoc) v_c = J_c - Yco Yoo^-1 (J_o + a / r).

Nothing is approximated.  Kinks at which a circuit works by design are ideal switches that turn
where their voltage changes sign: holds, rectifiers, floors.  Input stages that slew are those of
whole decks.  Limits at which a circuit does not work are left out, and inner nodes are kept to see
that none was met; where one was, or where outputs have a limit of their current, decks are written
by `amcspice.netlist.elements`.

Nodes of amplifier k are ``i_k``, ``z_k`` and ``y_k`` as there, and ``a_k`` the voltage behind the
output resistance where it is not one of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, islice
from typing import NamedTuple

import numpy as np

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
"""Of the largest current that an output stage sends into a node; less is rounding."""


@dataclass(frozen=True, eq=False)
class Core:
    """What is left of a network of P ports and its A amplifiers: K ports that are no mere outputs.

    It takes the place of the network in a testbench, see `PortNetwork`.

    Parameters
    ----------
    ports : PortNetwork
        The network.
    amplifiers : tuple of Amplifiers
    opamp : OpAmp
        Amplifier with its mismatch.
    kept : ndarray of int, shape (K,)
        Ports that are nodes of the core, in order.
    conductance : ndarray, shape (K, K)
        Between these [S].
    transfer : ndarray, shape (P, K)
        Voltages of the ports for one volt of each of them; as well the share of a current into a
        port that arrives there.
    resistance : ndarray, shape (P, P)
        Voltages of the ports for one ampere into each, with those of the core at 0 V [ohm].
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
        """Return the core of a circuit; None if outputs have limits that no switch makes.

        Parameters
        ----------
        schematic : Schematic
        opamp : OpAmp
            Amplifier with its mismatch.
        ports : PortNetwork
            The network, reduced to the ports of the schematic.
        """
        banks = schematic.amplifiers
        limited = opamp.output_current_limit is not None
        if limited or any(bank.clamp is not None for bank in banks):
            return None
        pins = [pin for bank in banks for pin in (bank.plus, bank.minus)]
        is_seen = np.zeros(ports.nodes[-1] + 1, bool)
        is_seen[np.concatenate([schematic.capacitors[0], *pins])] = True
        is_kept = is_seen[ports.nodes]
        place = np.searchsorted(ports.nodes, np.concatenate([bank.out for bank in banks]))
        delivered = np.zeros((len(is_kept), len(place)))
        delivered[place, np.arange(len(place))] = 1 / opamp.output_resistance
        kept, left = np.flatnonzero(is_kept), np.flatnonzero(~is_kept)
        loaded = ports.conductance[left[:, None], left] + np.diag(delivered[left].sum(axis=1))
        transfer, resistance = np.zeros((len(is_kept), len(kept))), np.zeros((len(is_kept),) * 2)
        resistance[left[:, None], left] = np.linalg.inv(loaded)
        transfer[kept, np.arange(len(kept))] = 1.0
        transfer -= resistance @ ports.conductance[:, kept]
        conductance = ports.conductance[kept] @ transfer
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
        """See `PortNetwork`; with the output resistances at outputs that are kept."""
        network = Network.between(self.names, self.conductance)
        load = self.delivered[self.kept].sum(axis=1)
        network.connect(np.arange(1, len(network)), GROUND, load)
        return network

    def port_currents(self, currents: Array) -> Array:
        """See `PortNetwork`."""
        return self.ports.port_currents(currents) @ self.transfer

    @property
    def saved(self) -> tuple[str, ...]:
        """Nodes beside those of the network that a result must hold."""
        return tuple(dict.fromkeys([*chain(*self._inner), *self._sources]))

    def lines(self, amplifiers: tuple[Amplifiers, ...]) -> Iterator[str]:
        """Yield the lines of all amplifiers and of what they send into the core.

        Parameters
        ----------
        amplifiers : tuple of Amplifiers
            Inputs are nodes of the core; outputs do not matter.
        """
        names, opamp, count = self.network.names, self.opamp, self.delivered.shape[1]
        mismatch = zip(opamp.offsets(count).tolist(), opamp.gains(count).tolist(), strict=True)
        for bank in amplifiers:
            inputs = tuple(
                (names[plus], names[minus])
                for plus, minus in zip(bank.plus.tolist(), bank.minus.tolist(), strict=True)
            )
            own, lowest = tuple(islice(mismatch, len(inputs))), _lowest(bank, opamp)
            yield from _lines(_Bank(bank.name, inputs, own, opamp, bank.hold, lowest))
        sent = self.transfer.T @ self.delivered
        sent[np.abs(sent) < NEGLIGIBLE * np.abs(sent).max(axis=0)] = 0.0
        for name, row in zip(self.names, sent.tolist(), strict=True):
            for stage, siemens in zip(self._stages, row, strict=True):
                if siemens:
                    yield f"G_{name}_{stage} 0 {name} {stage} 0 {siemens!r}"

    def met_no_limit(self, vectors: Mapping[str, Array]) -> bool:
        """Tell whether amplifiers stayed within the limits that are left out."""
        inner = np.array([[vectors[name] for name in nodes] for nodes in self._inner])
        lowest, highest = self._each([bank.output_range(self.opamp) for bank in self.amplifiers]).T
        lowest = np.where(
            self._each([_is_floored(bank) for bank in self.amplifiers]), -np.inf, lowest
        )
        inside = (inner.min(axis=(0, 2)) >= lowest) & (inner.max(axis=(0, 2)) <= highest)
        return bool(inside.all())

    def voltages(self, vectors: Mapping[str, Array], injected: Array) -> Array:
        """Return the voltages of all ports, those of outputs worked out, shape (T, P) [V].

        Parameters
        ----------
        vectors : mapping of str to ndarray, each shape (T,)
            Result of a deck.
        injected : ndarray, shape (T, P)
            What sources inject into the ports [A].
        """
        nodes = np.array([vectors[name] for name in self.names])
        sources = np.array([vectors[name] for name in self._sources])
        lowest = self._each([_lowest(bank, self.opamp) for bank in self.amplifiers])
        stages = np.maximum(sources, lowest[:, None])
        sent = injected + (self.delivered @ stages).T
        voltages: Array = (self.transfer @ nodes).T + sent @ self.resistance
        return voltages

    def _each(self, of_banks: Sequence[object]) -> Array:
        """Return something of its bank for every amplifier."""
        return np.repeat(np.array(of_banks), [len(bank.out) for bank in self.amplifiers], axis=0)

    @cached_property
    def _labels(self) -> list[tuple[Amplifiers, str]]:
        """Bank and label of every amplifier."""
        banks = self.amplifiers
        return [(bank, f"{bank.name}{index}") for bank in banks for index in range(len(bank.out))]

    @cached_property
    def _inner(self) -> tuple[tuple[str, ...], ...]:
        """Inner nodes of all amplifiers, pole by pole."""
        poles = "i" if self.opamp.second_pole is None else "iz"
        return tuple(tuple(f"{pole}_{label}" for _, label in self._labels) for pole in poles)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        """Nodes whose voltages output stages have, but for rectifiers and floors."""
        return tuple(
            last_node(label, self.opamp) if bank.hold is None else f"y_{label}"
            for bank, label in self._labels
        )

    @cached_property
    def _stages(self) -> tuple[str, ...]:
        """Nodes whose voltages stand behind the output resistances."""
        return tuple(
            last_node(label, self.opamp) if _lowest(bank, self.opamp) == -np.inf else f"a_{label}"
            for bank, label in self._labels
        )


def _is_floored(bank: Amplifiers) -> bool:
    """Tell whether the lower end of the output range is where outputs may rest by design."""
    return bank.floor_at_ground and bank.hold is None


def _lowest(bank: Amplifiers, opamp: OpAmp) -> float:
    """Return below which voltage output stages do not follow [V]; minus infinity: they do."""
    if bank.hold is not None:
        return 0.0
    return bank.output_range(opamp)[0] if _is_floored(bank) else -np.inf


class _Bank(NamedTuple):
    """What the lines of a bank of amplifiers are made of.

    Parameters
    ----------
    name : str
    inputs : tuple of (str, str)
        Nodes at the inputs of every amplifier.
    mismatch : tuple of (float, float)
        Offset [V] and gain of every amplifier.
    opamp : OpAmp
    hold : float, optional
        See `Amplifiers`.
    lowest : float
        See `_lowest`.
    """

    name: str
    inputs: tuple[tuple[str, str], ...]
    mismatch: tuple[tuple[float, float], ...]
    opamp: OpAmp
    hold: float | None
    lowest: float

    @property
    def floor(self) -> str:
        """Node at the voltage below which output stages do not follow."""
        return "0" if self.lowest in (0.0, -np.inf) else f"floor_{self.name}"


@lru_cache(maxsize=64)
def _lines(bank: _Bank) -> tuple[str, ...]:
    """Return the lines of a bank, which thousands of circuits may have in common."""
    name, opamp, lines = bank.name, bank.opamp, []
    if bank.floor != "0":
        lines.append(f"V_{name} {bank.floor} 0 {bank.lowest!r}")
    if bank.lowest > -np.inf:
        pull = 1 / CLAMP if bank.hold is None else 1 / bank.hold
        for use, ohms in (("pull", pull), ("tie", CLOSED)):
            lines.append(f".model {use}_{name} sw(vt=0 vh=0 ron={ohms!r} roff={OPEN!r})")
    pairs = zip(bank.inputs, bank.mismatch, strict=True)
    for index, ((plus, minus), (offset, gain)) in enumerate(pairs):
        label = f"{name}{index}"
        lines += input_stage(label, plus, minus, opamp)
        lines += gain_stage(label, plus, minus, opamp, offset, gain)
        lines += second_pole(label, opamp)
        lines += _output_stage(bank, label, minus)
    return tuple(lines)


def _output_stage(bank: _Bank, label: str, minus: str) -> Iterator[str]:
    """Write what is between the last inner node and the output resistance, if anything is."""
    last, ohms, floor = last_node(label, bank.opamp), bank.opamp.output_resistance, bank.floor
    if bank.hold is not None:
        source = f"y_{label}"
        yield f"Go_{label} 0 {source} {last} 0 {1 / ohms!r}"
        yield f"Ro_{label} {source} 0 {ohms!r}"
        yield f"Sh_{label} {minus} {source} {minus} {source} pull_{bank.name}"
    elif bank.lowest > -np.inf:
        source = last
        yield f"Sc_{label} i_{label} {floor} {floor} i_{label} pull_{bank.name}"
    else:
        return
    yield f"Ga_{label} 0 a_{label} {source} 0 1"
    yield f"Ra_{label} a_{label} 0 1"
    yield f"Sa_{label} a_{label} {floor} {floor} {source} tie_{bank.name}"
