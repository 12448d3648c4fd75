"""Several circuits in one: the outputs of some drive the inputs of others.

A circuit that takes voltages (`MVM`) is wired to the outputs of one before it.  One that takes
currents (`INV`) gets them through conductances, so what it solves for is a sum: of outputs of
others, and of sources.  These conductances are its ``input_conductance`` shared out, so that what
compensation counts, and the loops of its amplifiers, are those of the circuit alone.  The first
circuit may be given its right-hand side as currents, as it would be alone.

Every circuit inverts.  A `Signal` has a sign, therefore: that of the volts for one of its units.
Where a sum needs both signs of one voltage it is refused, since an inverter would be needed;
otherwise signs need no care.

How large the outputs of a circuit are follows from its conductances.  With V_s volts for a unit of
signal s, one that takes currents has ``g_in / (s_G sum_s 1/|V_s|)`` volts for a unit of its
solution, one that takes voltages ``V_s s_G / g_f``: `input_conductance` and `feedback` (multiples
of g_max) choose them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.circuit.base import Amplifiers, Array, Circuit, Swing
from amcspice.circuit.crossbar import Crossbar
from amcspice.circuit.network import Network, Nodes
from amcspice.circuit.schematic import Schematic
from amcspice.device import Cell
from amcspice.errors import InputError, UnsupportedError

__all__ = ["Cascade", "Signal", "Stage", "own_cells"]

Question = tuple[Array, Array]
"""Right-hand sides (K, m) of a circuit, and its solutions (K, n)."""

UNIFORM = 1e-9
"""Relative difference between the volts of two outputs from which on they are not equal."""


@dataclass(frozen=True, eq=False)
class Signal:
    """A vector that stands as voltages at nodes.

    Parameters
    ----------
    nodes : ndarray of int, shape (k,)
    volts : ndarray, shape (k,)
        Volts for one unit of each entry, in units of the volts per unit of the whole; negative
        where the voltage has the opposite sign.
    """

    nodes: Nodes
    volts: Array

    def __neg__(self) -> Signal:
        """Return what has the opposite sign: the same voltages, read differently."""
        return Signal(self.nodes, -self.volts)


@dataclass(frozen=True, eq=False)
class Stage:
    """A circuit in its place.

    Parameters
    ----------
    circuit : Circuit
    volts : float
        Volts for one unit of its solution, in units of those of the whole, with its sign.
    """

    circuit: Circuit
    volts: float


class Cascade:
    """A network that takes one circuit after another.

    Examples
    --------
    The inverse of a product, x = B^-1 (A b):

    >>> import numpy as np, amcspice as amc
    >>> from amcspice.circuit.parts.cascade import Cascade
    >>> A, B = np.array([[1.0, 0.5], [0.2, 0.8]]), np.array([[1.0, 0.3], [0.3, 1.0]])
    >>> cascade = Cascade()
    >>> b = cascade.source("b", 2)
    >>> y = cascade.stage("y", amc.MVM(A), b)
    >>> x = cascade.stage("x", amc.INV(B, input_conductance=1.0), y)
    >>> cascade.schematic(x).amplifiers[1].name
    'x_x'
    """

    def __init__(self) -> None:
        self._network = Network()
        self._sources: list[Signal] = []
        self._injected: dict[str, Any] = {}
        self._crossbars: list[Crossbar] = []
        self._amplifiers: list[Amplifiers] = []
        self.stages: dict[str, Stage] = {}

    def source(self, name: str, size: int, volts: float = 1.0) -> Signal:
        """Add sources of voltage: some entries of the right-hand side, after those before.

        Parameters
        ----------
        name : str
            Prefix of their nodes.
        size : int
        volts : float
            For one unit, in units of the volts per unit of the whole; negative ones invert.
        """
        self._refuse_injected(name)
        signal = Signal(self._network.nodes(name, size), np.full(size, float(volts)))
        self._sources.append(signal)
        return signal

    def stage(self, name: str, circuit: Circuit, *inputs: Signal) -> Signal:
        """Add a circuit, whose right-hand side is the sum of signals; return its solution.

        Parameters
        ----------
        name : str
            Prefix of its nodes and amplifiers.
        circuit : Circuit
            With an ``input_conductance`` if it takes currents.
        *inputs : Signal
            One if it takes voltages.

        Raises
        ------
        InputError
            If sizes or signs do not fit, or the name was taken.
        UnsupportedError
            If the circuit has no inputs that voltages can drive.
        """
        wired = circuit.schematic
        _refuse(name, circuit, inputs, taken=name in self.stages)
        signed = np.array([signal.volts for signal in inputs]) / wired.input_gain
        if not ((signed > 0).all() or (signed < 0).all()):
            raise InputError(
                f"{name}: its inputs have different signs, which would take an inverter: drive a "
                "source with the opposite sign, or put another circuit in between"
            )
        shared: dict[int, int] = {}
        if wired.driven:
            volts = signed[0]
            shared = dict(zip(wired.inputs.tolist(), inputs[0].nodes.tolist(), strict=True))
        else:  # such that the conductances of all inputs add up to that of the source
            volts = wired.source_conductance / (1 / signed).sum(axis=0)
        if np.ptp(volts) > UNIFORM * np.abs(volts).max():
            raise InputError(f"{name}: entries of its inputs stand for different volts")
        stage = Stage(circuit, float(volts[0]))
        place = self._network.include(wired.peripheral, f"{name}_", shared)
        if not wired.driven:
            for signal in inputs:
                conductance = wired.input_gain * stage.volts / signal.volts
                self._network.connect(signal.nodes, place[wired.inputs], conductance)
        self._take(name, wired, place)
        self.stages[name] = stage
        return Signal(place[wired.outputs], stage.volts / circuit.output_scale)

    def inject(self, name: str, circuit: Circuit) -> Signal:
        """Add a circuit that takes the right-hand side as currents; return its solution.

        Parameters
        ----------
        name : str
            Prefix of its nodes and amplifiers.
        circuit : Circuit
            One that takes currents; a unit of its solution stands as one volt per unit.

        Raises
        ------
        InputError
            If it takes voltages, or the right-hand side is taken already.
        """
        wired = circuit.schematic
        self._refuse_injected(name)
        if wired.driven or self._sources:
            raise InputError(
                f"{name}: currents into {circuit.name} must be the whole right-hand side"
            )
        place = self._network.include(wired.peripheral, f"{name}_", {})
        self._injected = {
            "inputs": place[wired.inputs],
            "input_gain": wired.input_gain,
            "source_conductance": wired.source_conductance,
        }
        self._take(name, wired, place)
        self.stages[name] = Stage(circuit, 1.0)
        return Signal(place[wired.outputs], 1.0 / circuit.output_scale)

    def _refuse_injected(self, name: str) -> None:
        if self._injected:
            raise InputError(
                f"{name}: the right-hand side is currents into another circuit already"
            )

    def _take(self, name: str, wired: Schematic, place: Nodes) -> None:
        """Take over the arrays and the amplifiers of a circuit."""
        self._crossbars += [
            dataclasses.replace(
                crossbar,
                name=f"{name}_{crossbar.name}",
                rows=place[crossbar.rows],
                columns=place[crossbar.columns],
            )
            for crossbar in wired.crossbars
        ]
        self._amplifiers += [
            dataclasses.replace(
                bank,
                name=f"{name}_{bank.name}",
                plus=place[bank.plus],
                minus=place[bank.minus],
                out=place[bank.out],
            )
            for bank in wired.amplifiers
        ]

    def schematic(self, *outputs: Signal) -> Schematic:
        """Return the whole, whose solution is made of signals."""
        inputs = self._injected or {
            "inputs": np.concatenate([source.nodes for source in self._sources]),
            "input_gain": np.concatenate([source.volts for source in self._sources]),
        }
        return Schematic(
            peripheral=self._network,
            crossbars=tuple(self._crossbars),
            amplifiers=tuple(self._amplifiers),
            outputs=np.concatenate([signal.nodes for signal in outputs]),
            cells=sum(stage.circuit.schematic.cells for stage in self.stages.values()),
            driven=not self._injected,
            **inputs,
        )

    def swing(self, questions: Mapping[str, Question]) -> Swing:
        """Return the largest voltages at one volt per unit of the whole, see `Circuit.swing`.

        Parameters
        ----------
        questions : mapping of str to (ndarray, ndarray)
            What each circuit is expected to be asked, and to answer.
        """
        of_stages = [
            np.array(stage.circuit.swing(*questions[name])) * abs(stage.volts)
            for name, stage in self.stages.items()
        ]
        cells, outputs = np.max(of_stages, axis=0)
        return Swing(float(cells), float(outputs))


def _refuse(name: str, circuit: Circuit, inputs: tuple[Signal, ...], *, taken: bool) -> None:
    wired = circuit.schematic
    if taken:
        raise InputError(f"{name}: a cascade has a circuit of that name already")
    if not inputs or (wired.driven and len(inputs) > 1):
        raise InputError(f"{name}: {circuit.name} takes one input here, not {len(inputs)}")
    for signal in inputs:
        if len(signal.nodes) != circuit.input_size:
            raise InputError(
                f"{name}: {circuit.name} takes {circuit.input_size} entries, but an input has "
                f"{len(signal.nodes)}"
            )
    if wired.bias.size or circuit.bounded:
        raise UnsupportedError(
            f"{name}: {circuit.name} cannot stand in a cascade where its outputs end at a limit or "
            "constants are injected"
        )
    if not wired.driven and not (wired.source_conductance.size and wired.source_conductance.all()):
        raise UnsupportedError(
            f"{name}: {circuit.name} takes currents: give it an input_conductance, through which "
            "voltages can drive it"
        )


def own_cells(device: Cell, number: int) -> Cell:
    """Return the cells of one of several circuits: of the same kind, with draws of their own.

    Parameters
    ----------
    device : Cell
    number : int
        Of the circuit.

    Raises
    ------
    UnsupportedError
        If single cells are given by maps, which number the arrays of one circuit.
    """
    if device.of_single_cells:
        raise UnsupportedError(
            f"{type(device).__name__}.{device.of_single_cells}: maps are of the arrays of one "
            "circuit, and here are several"
        )
    seed = np.random.SeedSequence([device.seed, number]).generate_state(1)[0]
    return dataclasses.replace(device, seed=int(seed))
