"""`Decks`: the decks of one circuit, and what they say of its ports and supplies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from amcspice.circuit import GROUND, Circuit
from amcspice.circuit.base import Array
from amcspice.engine.ngspice.simulator import Vectors
from amcspice.engine.supply import supply_currents
from amcspice.netlist import Deck, Transient, make_testbench, write_deck
from amcspice.netlist.core import Core
from amcspice.netlist.deck import SUPPLIES
from amcspice.netlist.elements import held_stages
from amcspice.reduction import PortModel

__all__ = ["Decks"]


@dataclass(eq=False)
class Decks:
    """Writes the decks of one circuit and reads their results.

    Parameters
    ----------
    circuit : Circuit
    model : PortModel
        Its network, reduced.
    flat : bool
        Whether decks hold every cell, or the network reduced to its ports.
    amplifiers : {"elements", "subcircuits"}
        What they are in the deck.
    """

    circuit: Circuit
    model: PortModel
    flat: bool = False
    amplifiers: Literal["elements", "subcircuits"] = "elements"

    @cached_property
    def core(self) -> Core | None:
        """What decks hold in place of the network and all of the amplifiers, if that is enough."""
        circuit = self.circuit
        if self.flat or self.with_supplies or circuit.rail_limited:
            return None
        return Core.of(circuit.schematic, circuit.opamp, self.model)

    @property
    def nodes(self) -> int:
        """Number of nodes of the reduced network in a deck."""
        return len((self.core or self.model).nodes)

    @cached_property
    def with_supplies(self) -> bool:
        """Whether decks hold supplies: asked for, or needed.

        What supplies deliver follows from the outputs only where the network is the linear one
        that was reduced, no capacitor stands at an output, and the amplifiers are the macro-model.
        """
        opamp, device = self.circuit.opamp, self.circuit.device
        linear = device.linear and not device.thermal_noise
        special = opamp.subcircuit is not None or not linear or self._charges_capacitors
        return self.amplifiers == "subcircuits" or special

    @property
    def _charges_capacitors(self) -> bool:
        """Whether outputs drive capacitors directly, or others than the reduced network has."""
        schematic = self.circuit.schematic
        charged, _ = schematic.capacitors
        if self.flat and schematic.flat_capacitors is not None:
            return True
        return any(
            np.isin(charged, bank.out).any() for bank in schematic.amplifiers if len(charged)
        )

    def write(
        self, currents: Array, windows: Array, transient: Transient, *, whole: bool = False
    ) -> Deck:
        """Return the deck that streams right-hand sides.

        Parameters
        ----------
        currents : ndarray, shape (K, q)
            Currents [A] or voltages [V] of the sources.
        windows : ndarray, shape (K,)
            Time for each [s].
        transient : Transient
        whole : bool
            With all outputs and limits, also where the core would do.
        """
        m, n = self.circuit.matrix.shape
        core = None if whole else self.core
        content = "flat" if self.flat else "reduced" if core is None else "core"
        model = core or (None if self.flat else self.model)
        return write_deck(
            f"amcspice {self.circuit.name} {m}x{n}, {content}, {len(currents)} inputs",
            make_testbench(self.circuit.schematic, currents, model, windows),
            self.circuit.opamp,
            transient,
            self.circuit.device,
            with_supplies=self.with_supplies,
            core=core,
        )

    def read(
        self, vectors: Vectors, currents: Array, edges: Array, rise: float, *, whole: bool = False
    ) -> tuple[Array, Array]:
        """Return port voltages, shape (T, P) [V], and supply currents, shape (T, 2) [A].

        Parameters
        ----------
        vectors : dict of str to ndarray, each shape (T,)
            Result of a deck.
        currents : ndarray, shape (K, q)
            As in `write`.
        edges : ndarray, shape (K + 1,)
            Input steps and end [s].
        rise : float
            Duration of each input step [s].
        whole : bool
            As in `write`.
        """
        injected = self._injected(vectors["time"], currents, edges, rise)
        if whole or self.core is None:
            voltages = np.stack([vectors[name] for name in self.model.names], axis=1)
        else:
            voltages = self.core.voltages(vectors, injected)
        return voltages, self._supply(vectors, voltages, injected)

    def _injected(self, time: Array, currents: Array, edges: Array, rise: float) -> Array:
        """Return what the inputs amount to at the ports, shape (T, P) [A]."""
        into = self.model.port_currents(currents)
        steps = np.vstack([np.zeros_like(into[:1]), into])
        number = np.clip(np.searchsorted(edges, time, "right") - 1, 0, len(into) - 1)
        risen = np.clip((time - edges[number]) / rise, 0.0, 1.0)[:, None]
        injected: Array = steps[number] + risen * (steps[number + 1] - steps[number])
        return injected

    def _supply(self, vectors: Vectors, voltages: Array, injected: Array) -> Array:
        """Return the supply currents, shape (T, 2) [A]: measured, or worked out of the outputs.

        To those of a sub-circuit whose output stage stands on ground, as in most macro-models of
        vendors, is added what its output would draw.
        """
        subcircuit = self.circuit.opamp.subcircuit
        share = 1.0 if subcircuit is None else subcircuit.supply_share
        if not self.with_supplies:
            taken = self.model.into_network(voltages) - injected
            return supply_currents(
                self.circuit, self._at(taken, "out"), self._held(vectors, voltages)
            )
        supply: Array = -np.stack([vectors[name] for name in SUPPLIES], axis=1)
        if share == 1:
            return supply
        if self.flat and not self.circuit.device.linear:
            return np.full_like(supply, np.nan)
        taken = self.model.into_network(voltages) - injected
        banks = self.circuit.schematic.amplifiers
        # Where there is a hold device it stands between, and draws from the supplies itself.
        followed = np.repeat([bank.hold is not None for bank in banks], [len(b.out) for b in banks])
        delivered = np.where(followed, 0.0, self._at(taken, "out"))
        held = np.where(followed, np.maximum(-self._at(taken, "minus"), 0.0), 0.0)
        none = np.zeros_like(delivered)
        drawn = supply_currents(self.circuit, delivered, held)
        return supply + (1 - share) * (drawn - supply_currents(self.circuit, none, none))

    def _at(self, ports: Array, pin: str) -> Array:
        """Return the columns of a pin of every amplifier that is not at ground, else zeros."""
        banks = self.circuit.schematic.amplifiers
        nodes = np.concatenate([getattr(bank, pin) for bank in banks])
        number = np.minimum(np.searchsorted(self.model.nodes, nodes), len(self.model.nodes) - 1)
        return np.where(nodes == GROUND, 0.0, ports[:, number])

    def _held(self, vectors: Vectors, voltages: Array) -> Array:
        """Return the currents through the hold devices of a deck without supplies [A]."""
        hold_banks = [bank for bank in self.circuit.schematic.amplifiers if bank.hold is not None]
        if not hold_banks:
            return np.empty((len(voltages), 0))
        minus = np.searchsorted(self.model.nodes, np.concatenate([b.minus for b in hold_banks]))
        hold = np.repeat([b.hold for b in hold_banks], [len(b.minus) for b in hold_banks])
        names = held_stages(self.circuit.schematic.amplifiers)
        stage = np.stack([vectors[name] for name in names], axis=1)
        current: Array = hold * np.maximum(voltages[:, minus] - stage, 0.0)
        return current
