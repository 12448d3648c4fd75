"""`Batch`: circuits of equal wiring, and `Drive`: what their sources give.

Everything that is simulated is a batch; a single circuit is a batch of one.  Circuits of one
batch have the same amplifiers at the same ports and differ in their networks and sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Amplifiers, Array
from amcspice.circuit.network import Nodes
from amcspice.reduction import PortModel, reduce_to_ports

__all__ = ["Batch", "Beyond", "Drive", "have_equal_wiring"]


@dataclass(frozen=True, eq=False)
class Batch:
    """C circuits of equal wiring, their networks reduced to P ports.

    Parameters
    ----------
    circuits : tuple of Circuit
    models : tuple of PortModel
        Their networks, reduced.
    between : ndarray, shape (C, P, P), optional
        Conductance matrices of the ports, where circuits differ in these alone and models stand
        for all else; None takes those of the models [S].

    Attributes
    ----------
    circuit : Circuit
        One of them, for what all have in common: amplifiers, wiring, constraint.
    nodes : ndarray of int, shape (P,)
        Nodes of the ports.
    outputs : ndarray of int, shape (n,)
        Ports that hold the solution.
    conductance : ndarray, shape (C, P, P)
        Conductance matrices of the ports [S].
    """

    circuits: tuple[Circuit, ...]
    models: tuple[PortModel, ...]
    between: Array | None = None
    circuit: Circuit = field(init=False)
    nodes: Nodes = field(init=False)
    outputs: NDArray[np.intp] = field(init=False)
    conductance: Array = field(init=False)

    def __post_init__(self) -> None:
        """Work out what all have in common, and the stack of what they have not."""
        circuit, nodes = self.circuits[0], self.models[0].nodes
        object.__setattr__(self, "circuit", circuit)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "outputs", np.searchsorted(nodes, circuit.schematic.outputs))
        between = self.between
        if between is None:
            between = np.stack([model.conductance for model in self.models])
        elif len(between) == 1:  # a single circuit is known by its model
            model = replace(self.models[0], conductance=between[0])
            object.__setattr__(self, "models", (model,))
        object.__setattr__(self, "conductance", between)

    @classmethod
    def of(cls, circuits: Sequence[Circuit]) -> Batch:
        """Reduce the networks of circuits; see `have_equal_wiring`.

        Raises
        ------
        InputError
            If a node is connected to nothing.
        """
        return cls(
            tuple(circuits), tuple(reduce_to_ports(circuit.schematic) for circuit in circuits)
        )

    def __len__(self) -> int:
        return len(self.circuits)

    def model(self, number: int) -> PortModel:
        """Return the reduced network of one of the circuits."""
        if self.between is None or len(self) == 1:
            return self.models[number]
        return replace(self.models[number], conductance=self.conductance[number])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the ports."""
        return self.models[0].names

    def into_network(self, voltages: Array) -> Array:
        """Return what flows into the networks at the ports [A].

        Parameters
        ----------
        voltages : ndarray, shape (C K, P)
            Of the ports, K rows for each circuit [V].
        """
        count, ports = len(self), voltages.shape[-1]
        flow: Array = voltages.reshape(count, -1, ports) @ self.conductance
        return flow.reshape(-1, ports)

    def delivered(self, voltages: Array, into: Array) -> Array:
        """Return what the amplifiers deliver into the networks at the ports, (C K, P) [A].

        Parameters
        ----------
        voltages : ndarray, shape (C K, P)
            Of the ports, K rows for each circuit [V].
        into : ndarray, shape (C K, P)
            What the sources amount to there [A].
        """
        flow = self.into_network(voltages)
        flow -= into
        return flow

    def take(self, numbers: Sequence[int]) -> Batch:
        """Return some of the circuits."""
        return Batch(
            tuple(self.circuits[k] for k in numbers),
            tuple(self.models[k] for k in numbers),
            self.conductance[list(numbers)],
        )


@dataclass(frozen=True, eq=False)
class Beyond:
    """What cells that are no straight lines carry at rest beyond their conductances at 0 V.

    It is not a number where that is not known.

    Parameters
    ----------
    into : ndarray, shape (C, K, P)
        What it amounts to at the ports [A].
    local : ndarray, shape (C, K)
        What sources deliver into it with all ports at 0 V [W].
    voltage : ndarray, shape (C, K)
        Largest voltage across a cell [V].
    cell : ndarray of int, shape (C, K)
        Which cell that is, in the order of the network.
    """

    into: Array
    local: Array
    voltage: Array
    cell: NDArray[np.intp]

    def take(self, rows: slice) -> Beyond:
        """Return that of some of the right-hand sides of every circuit."""
        return Beyond(
            self.into[:, rows], self.local[:, rows], self.voltage[:, rows], self.cell[:, rows]
        )


@dataclass(frozen=True, eq=False)
class Drive:
    """What the sources of C circuits give, K right-hand sides each.

    Parameters
    ----------
    currents : tuple of ndarray, each shape (K, q)
        Of each circuit [A], or [V] where a source drives a node; circuits may have different
        numbers of sources.
    into : ndarray, shape (C, K, P)
        What they amount to at the ports [A].
    driven : ndarray, shape (C, K, P)
        The part of it that voltage sources send [A].
    local : ndarray, shape (C, K)
        What they deliver with all ports at 0 V [W].
    beyond : Beyond, optional
        What cells with a curve add to ``into`` and ``local``; None where there are none.
    """

    currents: tuple[Array, ...]
    into: Array
    driven: Array
    local: Array
    beyond: Beyond | None = None

    @classmethod
    def of(cls, batch: Batch, currents: Sequence[Array]) -> Drive:
        """Return what sources amount to at the ports of a batch."""
        pairs = list(zip(batch.models, currents, strict=True))
        return cls(
            currents=tuple(currents),
            into=np.stack([model.port_currents(source) for model, source in pairs]),
            driven=np.stack([model.driven_currents(source) for model, source in pairs]),
            local=np.stack([model.local_power(source) for model, source in pairs]),
        )

    def __len__(self) -> int:
        """Return the number of right-hand sides of each circuit."""
        return int(self.into.shape[1])

    @property
    def signed(self) -> Array:
        """Port currents of the sources alone, negative where a voltage sends them, (C, K, P) [A].

        Port voltages times that is what the sources deliver beside their local power: a current
        source works against the port, a voltage source is relieved by it.
        """
        signed = self.into - 2 * self.driven
        return signed if self.beyond is None else signed - self.beyond.into

    @property
    def known(self) -> bool:
        """Whether all is known that cells carry."""
        return self.beyond is None or bool(np.isfinite(self.beyond.into).all())

    def take(self, rows: slice) -> Drive:
        """Return some of the right-hand sides of every circuit."""
        return Drive(
            tuple(source[rows] for source in self.currents),
            self.into[:, rows],
            self.driven[:, rows],
            self.local[:, rows],
            None if self.beyond is None else self.beyond.take(rows),
        )


def have_equal_wiring(first: Circuit, second: Circuit) -> bool:
    """Tell whether two circuits can stand in one batch: they differ in their networks only."""
    one, other = first.schematic, second.schematic
    if type(first) is not type(second) or len(one.amplifiers) != len(other.amplifiers):
        return False
    banks = zip(one.amplifiers, other.amplifiers, strict=True)
    return (
        (first.opamp is second.opamp or first.opamp == second.opamp)
        and first.non_negative == second.non_negative
        and first.device.linear == second.device.linear
        and first.device.thermal_noise == second.device.thermal_noise
        and np.array_equal(one.outputs, other.outputs)
        and all(_equal_banks(*pair) for pair in banks)
    )


def _equal_banks(first: Amplifiers, second: Amplifiers) -> bool:
    pins = ("plus", "minus", "out")
    return (
        first.hold == second.hold
        and first.floor_at_ground == second.floor_at_ground
        and first.clamp == second.clamp
        and all(np.array_equal(getattr(first, pin), getattr(second, pin)) for pin in pins)
    )
