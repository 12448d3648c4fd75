"""Streaming right-hand sides through transients.

All right-hand sides step through one simulation, each starting from where the last one left the
circuit, as hardware works.  Window and time step come from the circuit's own time constants; a
forecast shortens the windows to what each right-hand side needs.  One that has not come to rest
all the same is run again with its predecessor and a doubled window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import GROUND, Circuit
from amcspice.circuit.base import Array
from amcspice.engine.cell_record import SWITCHED, CellRecord
from amcspice.engine.chunks import check_chunk, chunks
from amcspice.engine.headway import translated, windows_done
from amcspice.engine.ngspice.simulator import Simulator, Vectors
from amcspice.engine.supply import supply_currents
from amcspice.engine.waveforms import Stream, flat_tails
from amcspice.errors import SimulationError
from amcspice.netlist import Deck, Transient, make_testbench, write_deck
from amcspice.netlist.core import Core
from amcspice.netlist.deck import SUPPLIES
from amcspice.netlist.elements import held_stages
from amcspice.reduction import PortModel

__all__ = ["Streamer"]

SHORTEST_WINDOW = 0.5
"""Shortest forecast window, as a fraction of the window without forecast: its last tenth still
holds enough samples to be judged."""


NOT_CONVERGED = "no convergence"
"""What failures are called that are those of Newton's method."""

TOLERANCE_OF_SWITCHING = 1e-3
"""Relative tolerance at which cells that switch are followed where a finer one fails."""


@dataclass(eq=False)
class Streamer:
    """Runs the right-hand sides of one circuit through ngspice.

    Parameters
    ----------
    circuit : Circuit
    model : PortModel
        Its network, reduced.
    simulator : Simulator
    flat : bool
        Whether decks hold every cell, or the network reduced to its ports.
    transient : Transient
    settle_tolerance : float
        What is flat to a tenth of this in the last tenth of its window is at rest.
    timeout : float, optional
        Longest duration of one simulation [s].
    amplifiers : {"elements", "subcircuits"}
        What they are in the deck.
    chunk : int
        Right-hand sides in one simulation.
    doublings : int
        How often the window may be doubled.

    Attributes
    ----------
    deck_sha256 : str or None
        Hash of the first deck that ran.
    """

    circuit: Circuit
    model: PortModel
    simulator: Simulator
    flat: bool
    transient: Transient
    settle_tolerance: float = 0.01
    timeout: float | None = None
    amplifiers: Literal["elements", "subcircuits"] = "elements"
    chunk: int = 64
    doublings: int = 4
    rate_error: float = 0.01

    def __post_init__(self) -> None:
        """Validate."""
        check_chunk(self.chunk)
        self.deck_sha256: str | None = None
        self._outputs = np.searchsorted(self.model.nodes, self.circuit.schematic.outputs)

    def deck(
        self,
        currents: Array,
        windows: Array | None = None,
        transient: Transient | None = None,
        *,
        whole: bool = False,
    ) -> Deck:
        """Return the deck that streams right-hand sides.

        Parameters
        ----------
        currents : ndarray, shape (K, q)
            Currents [A] or voltages [V] of the sources.
        windows : ndarray, shape (K,), optional
            Time for each [s]; None is that of the transient.
        transient : Transient, optional
            None is the streamer's own.
        whole : bool
            With the outputs of amplifiers and all of their limits, also where a `Core` would do.
        """
        transient = transient or self.transient
        if windows is None:
            windows = np.full(len(currents), transient.window)
        m, n = self.circuit.matrix.shape
        content = "flat" if self.flat else "reduced"
        core = None if whole else self._core
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

    @cached_property
    def _core(self) -> Core | None:
        """What decks hold without outputs and limits; None: it is of no use here."""
        circuit = self.circuit
        if self.flat or self.with_supplies or circuit.rail_limited:
            return None
        return Core.of(circuit.schematic, circuit.opamp, self.model)

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
        others = self.flat and schematic.flat_capacitors is not None
        return others or bool(np.isin(schematic.capacitors[0], out).any())

    def options(self, *, foretold: bool) -> str:
        """Return what chose steps and windows, for the provenance."""
        transient = self.transient
        window = f"window={transient.window:.4g}"
        if foretold:
            window = f"window={SHORTEST_WINDOW * transient.window:.4g}..{transient.window:.4g}"
        return f"{transient.options} {window} max_step={transient.max_step:.4g}"

    def windows(self, rest_times: Array) -> Array:
        """Return the time for right-hand sides that are foretold to rest at these times [s]."""
        window = self.transient.window
        return np.clip(rest_times, SHORTEST_WINDOW * window, window)

    def run(
        self, currents: Array, lead: int = 0, windows: Sequence[Array] | None = None
    ) -> Iterator[Stream]:
        """Yield streams of segments, one a right-hand side; `chunks` explains the arguments.

        Parameters
        ----------
        currents : ndarray, shape (lead + K, q)
            Currents [A] or voltages [V] of the sources.
        lead : {0, 1}
            Whether the first row only leads in.
        windows : sequence of ndarray, optional
            Times for the rows of every chunk [s]; None is that of the transient.

        Raises
        ------
        SimulationError
            If a simulation fails.
        """
        for number, (rows, before) in enumerate(chunks(len(currents), self.chunk, lead)):
            block = currents[rows]
            window = self.transient.window
            times = np.full(len(block), window) if windows is None else windows[number]
            stream = self._simulate(block, self.transient, times, before)
            moving = np.flatnonzero(~stream.at_rest) if self.doublings else ()
            if len(moving):
                segments, at_rest, cells = list(stream), stream.at_rest.copy(), stream.cells
                for index in moving:
                    longer = self._longer(currents, rows.start + before + int(index))
                    segments[index], at_rest[index] = longer[0], longer.at_rest[0]
                    if cells is not None and longer.cells is not None:
                        cells = cells.replaced(int(index), longer.cells)
                joined = Stream.join(segments, at_rest)
                stream = replace(joined, rate_error=self.rate_error, cells=cells)
            yield stream

    def _longer(self, currents: Array, index: int) -> Stream:
        transient, lead = self.transient, min(index, 1)
        block = currents[index - lead : index + 1]
        for _ in range(self.doublings):
            transient = replace(transient, window=2 * transient.window)
            windows = np.full(len(block), transient.window)
            stream = self._simulate(block, transient, windows, lead)
            if stream.at_rest[0]:
                break
        return stream

    def _simulate(self, currents: Array, transient: Transient, windows: Array, lead: int) -> Stream:
        deck = self.deck(currents, windows, transient)
        self.deck_sha256 = self.deck_sha256 or deck.sha256
        edges = np.concatenate([[0.0], np.cumsum(windows)])
        try:
            return self._run(deck, currents, transient, edges, lead)
        except SimulationError as error:
            if deck.cells is None or NOT_CONVERGED not in error.cause:
                raise
            failed = error
        # Cells that switch turn the circuit over, where ngspice may fail.  Coarse tolerances show
        # that they do, after which x is none in any case; they serve for nothing else.
        coarse = replace(transient, relative_tolerance=TOLERANCE_OF_SWITCHING)
        deck = self.deck(currents, windows, coarse)
        stream = self._run(deck, currents, coarse, edges, lead)
        if stream.cells is None or not (stream.cells.drift > SWITCHED).any():
            raise failed
        return stream

    def _run(
        self, deck: Deck, currents: Array, transient: Transient, edges: Array, lead: int
    ) -> Stream:
        with translated(lambda fraction: windows_done(fraction * edges[-1], edges)):
            vectors = self.simulator.run(deck, self.timeout)
            core = self._core
            if core is not None and not core.met_no_limit(vectors):
                core = None
                deck = self.deck(currents, np.diff(edges), transient, whole=True)
                vectors = self.simulator.run(deck, self.timeout)
        injected = self._injected(vectors["time"], currents, edges, transient.rise)
        if core is None:
            voltages = np.stack([vectors[name] for name in self.model.names], axis=1)
        else:
            voltages = core.voltages(vectors, injected)
        supply = self._supply(vectors, voltages, injected)
        cuts = _cuts(vectors["time"], edges, transient.rise)[lead:]
        stream = _split(vectors["time"], voltages, supply, cuts, edges[lead:])
        if deck.cells is not None:
            stream = replace(stream, cells=CellRecord.of(deck.cells, vectors, cuts))
        flat = flat_tails(
            stream.time, stream.voltages[:, self._outputs], stream.starts, self.settle_tolerance
        )
        return replace(stream, at_rest=flat, rate_error=self.rate_error)

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

    def _injected(self, time: Array, currents: Array, edges: Array, rise: float) -> Array:
        """Return what the inputs amount to at the ports, shape (T, P) [A]."""
        into = self.model.port_currents(currents)
        steps = np.vstack([np.zeros_like(into[:1]), into])
        number = np.clip(np.searchsorted(edges, time, "right") - 1, 0, len(into) - 1)
        risen = np.clip((time - edges[number]) / rise, 0.0, 1.0)[:, None]
        injected: Array = steps[number] + risen * (steps[number + 1] - steps[number])
        return injected

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


def _cuts(time: Array, edges: Array, rise: float) -> NDArray[np.intp]:
    """Return the samples at which right-hand sides begin, and the last one."""
    cuts = np.searchsorted(time, edges * (1 - 1e-12) - rise / 4)
    cuts[-1] = len(time) - 1
    return cuts


def _split(
    time: Array, voltages: Array, supply: Array, cuts: NDArray[np.intp], edges: Array
) -> Stream:
    """Cut a transient at the input steps; both ends of a window belong to its segment.

    Nothing is said of which segments end at rest.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the start [s].
    voltages : ndarray, shape (T, P)
        Voltages of the ports [V].
    supply : ndarray, shape (T, 2)
        Currents out of the supplies [A].
    cuts : ndarray of int, shape (K + 1,)
        Sample at each input step, and at the end.
    edges : ndarray, shape (K + 1,)
        Input steps and end [s].
    """
    counts = np.diff(cuts) + 1
    starts = np.concatenate([[0], np.cumsum(counts)])
    # A sample at an input step stands at the end of one segment and at the start of the next.
    taken = np.arange(starts[-1]) + np.repeat(cuts[:-1] - starts[:-1], counts)
    return Stream(
        time=np.maximum(time[taken] - np.repeat(edges[:-1], counts), 0.0),
        voltages=voltages[taken],
        supply=supply[taken],
        starts=starts,
        at_rest=np.zeros(len(counts), bool),
    )
