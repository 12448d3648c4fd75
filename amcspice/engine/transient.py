"""Streaming right-hand sides through transients.

All right-hand sides step through one simulation, each starting from where the last one left the
circuit, as hardware works.  Window and time step come from the circuit's own time constants; a
forecast shortens the windows to what each right-hand side needs.  One that has not come to rest
all the same is run again with its predecessor and a doubled window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.chunks import check_chunk, chunks
from amcspice.engine.linear import LinearModel, Modes
from amcspice.engine.simulator import Simulator, Vectors
from amcspice.engine.supply import supply_currents
from amcspice.engine.waveforms import Segment, Stream
from amcspice.netlist import Deck, Transient, make_testbench, write_deck
from amcspice.netlist.deck import SUPPLIES
from amcspice.netlist.elements import held_stages
from amcspice.reduction import PortModel

__all__ = ["Streamer", "choose_transient", "longest_window"]

WINDOW_TIME_CONSTANTS = 16.0
STEPS_PER_WINDOW = 48
STEP_OF_OSCILLATION = 0.7
"""Radians: nine samples a period show when a ringing output stays inside the settling band."""

SHORTEST_RISE = 1e-6
"""Of an input step, over the slowest time constant: a capacitor right at an output is far faster
than anything that can be seen, and steps that resolve it drown in rounding errors."""

LINE_CHARGE = 1e-14
"""``chgtol`` of decks with line capacitance [C], the simulator's own default: the charge of lines
that start at 0 V drowns in rounding errors, and steps chosen by a smaller one shrink to nothing."""

GROWTH_STEPS = 3
"""Finer by this where outputs grow to a rail: Gear's method, which that needs, is less accurate."""

SHORTEST_WINDOW = 0.5
"""Of a forecast window, as a fraction of the window without forecast."""

SOLVER_CROSSOVER = 16
"""Columns above which KLU is the faster solver of a reduced deck; flat decks always gain."""


def choose_transient(
    circuit: Circuit,
    linear: LinearModel,
    *,
    klu: bool,
    fidelity: Literal["flat", "reduced"],
    relative_tolerance: float = 1e-4,
    swing: float = 1.0,
    allow_unstable: bool = False,
) -> Transient:
    """Choose window, time step and matrix solver from the circuit.

    Parameters
    ----------
    circuit : Circuit
        Gives slew rate and size.
    linear : LinearModel
        Gives the time constants.
    klu : bool
        Whether the simulator has KLU.
    fidelity : {"flat", "reduced"}
        Of the deck.
    relative_tolerance : float
        Of the simulator.
    swing : float
        Largest change of an output [V]; it takes swing / slew rate at the least.
    allow_unstable : bool
        Take one that nothing holds, too: it ends at the rails, or never rests.

    Raises
    ------
    UnstableError
        If the circuit is unstable, no constraint can hold it, and that was not asked for.
    """
    held = circuit.bounded
    may_grow = held or (allow_unstable and not linear.stable)
    slowest = float(_slowest(circuit, linear.modes)) if may_grow else linear.slowest
    window = _window(circuit, slowest, swing)
    large = fidelity == "flat" or len(circuit.schematic.outputs) > SOLVER_CROSSOVER
    step = window / STEPS_PER_WINDOW
    if linear.oscillation > 0:
        step = min(step, STEP_OF_OSCILLATION / linear.oscillation)
    if circuit.rail_limited:
        step /= GROWTH_STEPS
    return Transient(
        window=window,
        max_step=step,
        rise=min(slowest / 1000, max(linear.fastest / 10, SHORTEST_RISE * slowest)),
        relative_tolerance=relative_tolerance,
        solver="klu" if klu and large else "sparse",
        charge_tolerance=LINE_CHARGE if len(circuit.schematic.capacitors[0]) else 1e-16,
        damped=circuit.rail_limited,
    )


def longest_window(circuit: Circuit, modes: Modes, swing: float) -> Array:
    """Return the window of `choose_transient` for many circuits, inf for one that is unstable.

    Parameters
    ----------
    circuit : Circuit
        One of them.
    modes : Modes
        Of all, shape (C, s).
    swing : float
        See `choose_transient`.
    """
    held = circuit.bounded
    slowest = _slowest(circuit, modes) if held else np.where(modes.stable, modes.slowest, np.inf)
    return np.asarray(_window(circuit, slowest, swing))


def _slowest(circuit: Circuit, modes: Modes) -> Array:
    """Return the largest time constant where modes may grow [s].

    The slowest mode may grow with every output active and still end at the constraint; its time
    is at most that of the amplifiers by themselves.
    """
    alone = circuit.opamp.gain / (2 * np.pi * circuit.opamp.gbw)
    return np.asarray(np.minimum(modes.slowest, alone))


def _window(circuit: Circuit, slowest: Any, swing: float) -> Any:
    window = WINDOW_TIME_CONSTANTS * slowest
    if circuit.opamp.slew_rate is not None:
        window += 2 * swing / circuit.opamp.slew_rate
    return window


@dataclass(eq=False)
class Streamer:
    """Runs the right-hand sides of one circuit through ngspice.

    Parameters
    ----------
    circuit : Circuit
    model : PortModel
        Its network, reduced.
    simulator : Simulator
    fidelity : {"flat", "reduced"}
        Which network the deck holds.
    transient : Transient
    at_rest : callable
        Takes a `Stream`; tells which of its segments end at rest, shape (K,).
    forecast : callable, optional
        Takes injected currents; returns when each right-hand side will be at rest, inf where it
        is not known, shape (K,) [s].
    timeout : float, optional
        Of one simulation [s].
    amplifiers : {"elements", "subcircuits"}
        What they are in the deck.
    chunk : int
        Right-hand sides in one simulation.
    doublings : int
        How often the window may be doubled.

    Raises
    ------
    UnsupportedError
        If cells that are no constant conductances are to be reduced.
    """

    circuit: Circuit
    model: PortModel
    simulator: Simulator
    fidelity: Literal["flat", "reduced"]
    transient: Transient
    at_rest: Callable[[Stream], NDArray[np.bool_]]
    forecast: Callable[[Array], Array] | None = None
    timeout: float | None = None
    amplifiers: Literal["elements", "subcircuits"] = "elements"
    chunk: int = 64
    doublings: int = 4

    def __post_init__(self) -> None:
        """Validate."""
        check_chunk(self.chunk)
        if self.fidelity == "reduced":
            self.circuit.device.refuse_unless_linear("reduced")
        self.deck_sha256: str | None = None

    def deck(
        self, currents: Array, transient: Transient | None = None, windows: Array | None = None
    ) -> Deck:
        """Return the deck that streams injected currents (K, q)."""
        schematic = self.circuit.schematic
        m, n = self.circuit.matrix.shape
        title = f"amcspice {self.circuit.name} {m}x{n}, {self.fidelity}, {len(currents)} inputs"
        model = None if self.fidelity == "flat" else self.model
        testbench = make_testbench(schematic, currents, model, windows)
        return write_deck(
            title,
            testbench.network,
            testbench.amplifiers,
            self.circuit.opamp,
            testbench.stimulus,
            transient or self.transient,
            testbench.ports,
            self.circuit.device,
            capacitors=testbench.capacitors,
            with_supplies=self.with_supplies,
        )

    @property
    def with_supplies(self) -> bool:
        """Whether decks hold supplies: asked for, or needed.

        What supplies deliver follows from the outputs only where the network is the linear one
        that was reduced, no capacitor stands at an output, and the amplifiers are the macro-model.
        """
        opamp, device = self.circuit.opamp, self.circuit.device
        linear = device.linear and not device.thermal_noise
        special = opamp.subcircuit is not None or not linear or self._charges_capacitors
        return self.amplifiers == "subcircuits" or special

    @cached_property
    def _charges_capacitors(self) -> bool:
        """Whether outputs drive capacitors directly, or others than the reduced network has."""
        schematic = self.circuit.schematic
        out = np.concatenate([bank.out for bank in schematic.amplifiers])
        others = self.fidelity == "flat" and schematic.flat_capacitors is not None
        return others or bool(np.isin(schematic.capacitors[0], out).any())

    @property
    def options(self) -> str:
        """What chose steps and windows, for the provenance."""
        transient = self.transient
        window = f"window={transient.window:.4g}"
        if self.forecast is not None:
            window = f"window={SHORTEST_WINDOW * transient.window:.4g}..{transient.window:.4g}"
        return f"{transient.options} {window} max_step={transient.max_step:.4g}"

    def windows(self, currents: Array) -> Array:
        """Return the time for each right-hand side, shape (K,) [s].

        Between half of the transient's window, whose last tenth still holds enough samples to
        be judged, and all of it.
        """
        window = self.transient.window
        if self.forecast is None:
            return np.full(len(currents), window)
        wanted = self.forecast(currents)
        return np.clip(wanted, SHORTEST_WINDOW * window, window)

    def run(self, currents: Array, lead: int = 0) -> Iterator[Stream]:
        """Yield streams of segments, one a right-hand side; `chunks` explains the arguments.

        Raises
        ------
        SimulationError
            If a simulation fails.
        """
        for first, block, before in chunks(currents, self.chunk, lead):
            stream = self._simulate(block, self.transient, self.windows(block), before)
            moving = np.flatnonzero(~self.at_rest(stream))
            if moving.size:
                segments = list(stream)
                for index in moving:
                    segments[index] = self._longer(currents, first + int(index))
                stream = Stream.join(segments)
            yield stream

    def _longer(self, currents: Array, index: int) -> Segment:
        transient, lead = self.transient, min(index, 1)
        block = currents[index - lead : index + 1]
        for _ in range(self.doublings):
            transient = replace(transient, window=2 * transient.window)
            windows = np.full(len(block), transient.window)
            stream = self._simulate(block, transient, windows, lead)
            if self.at_rest(stream)[0]:
                break
        return stream[0]

    def _simulate(self, currents: Array, transient: Transient, windows: Array, lead: int) -> Stream:
        deck = self.deck(currents, transient, windows)
        self.deck_sha256 = self.deck_sha256 or deck.sha256
        vectors = self.simulator.run(deck, self.timeout)
        edges = np.concatenate([[0.0], np.cumsum(windows)])
        voltages = np.stack([vectors[name] for name in self.model.names], axis=1)
        if self.with_supplies:
            supply = -np.stack([vectors[name] for name in SUPPLIES], axis=1)
        else:
            supply = self._supply(vectors, voltages, currents, edges, transient.rise)
        return _split(vectors["time"], voltages, supply, edges, transient.rise, lead)

    def _supply(
        self, vectors: Vectors, voltages: Array, currents: Array, edges: Array, rise: float
    ) -> Array:
        """Return the supply currents of a deck without supplies, shape (T, 2) [A]."""
        banks = self.circuit.schematic.amplifiers
        time, into = vectors["time"], self.model.port_currents(currents)
        steps = np.vstack([np.zeros_like(into[:1]), into])
        number = np.clip(np.searchsorted(edges, time, "right") - 1, 0, len(into) - 1)
        risen = np.clip((time - edges[number]) / rise, 0.0, 1.0)[:, None]
        arriving = steps[number] + risen * (steps[number + 1] - steps[number])
        delivered = voltages @ self.model.conductance - arriving
        out = np.searchsorted(self.model.nodes, np.concatenate([bank.out for bank in banks]))
        held = [bank for bank in banks if bank.hold is not None]
        current = np.empty((len(voltages), 0))
        if held:
            minus = np.searchsorted(self.model.nodes, np.concatenate([b.minus for b in held]))
            hold = np.repeat([b.hold for b in held], [len(b.minus) for b in held])
            stage = np.stack([vectors[name] for name in held_stages(banks)], axis=1)
            current = hold * np.maximum(voltages[:, minus] - stage, 0.0)
        return supply_currents(self.circuit, delivered[:, out], current)


def _split(
    time: Array, voltages: Array, supply: Array, edges: Array, rise: float, lead: int
) -> Stream:
    """Cut a transient at the input steps; both ends of a window belong to its segment.

    Parameters
    ----------
    time : ndarray, shape (T,)
        From the start [s].
    voltages : ndarray, shape (T, P)
        Of the ports [V].
    supply : ndarray, shape (T, 2)
        Currents out of the supplies [A].
    edges : ndarray, shape (K + 1,)
        Input steps and end [s].
    rise : float
        Duration of an input step [s].
    lead : int
        Number of segments at the beginning that are left out.
    """
    cuts = np.searchsorted(time, edges * (1 - 1e-12) - rise / 4)
    cuts[-1] = len(time) - 1
    cuts, edges = cuts[lead:], edges[lead:]
    counts = np.diff(cuts) + 1
    starts = np.concatenate([[0], np.cumsum(counts)])
    # A sample at an input step stands at the end of one segment and at the start of the next.
    taken = np.arange(starts[-1]) + np.repeat(cuts[:-1] - starts[:-1], counts)
    return Stream(
        time=np.maximum(time[taken] - np.repeat(edges[:-1], counts), 0.0),
        voltages=voltages[taken],
        supply=supply[taken],
        starts=starts,
    )
