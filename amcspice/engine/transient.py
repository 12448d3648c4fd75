"""Streaming right-hand sides through transients.

All right-hand sides step through one simulation, each starting from where the last one left the
circuit, as hardware works.  Window and time step come from the circuit's own time constants;
a right-hand side that has not come to rest is run again with its predecessor and a doubled
window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from amcspice.circuit import Circuit, Deck, Transient, draw, write_deck
from amcspice.circuit.base import Array
from amcspice.circuit.deck import SUPPLIES
from amcspice.engine.linear import LinearModel
from amcspice.engine.simulator import Simulator, Vectors
from amcspice.engine.waveforms import Segment
from amcspice.errors import InputError
from amcspice.reduction import PortModel

__all__ = ["Streamer", "choose_transient"]

WINDOW_TIME_CONSTANTS = 16.0
STEPS_PER_WINDOW = 48
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

    Raises
    ------
    UnsupportedError
        If the circuit is unstable and no constraint can hold it.
    """
    # The slowest mode may grow with every output active and still end at the constraint; its
    # time is at most that of the amplifiers by themselves.
    alone = circuit.opamp.gain / (2 * np.pi * circuit.opamp.gbw)
    slowest = min(linear.slowest_mode, alone) if circuit.non_negative else linear.slowest
    window = WINDOW_TIME_CONSTANTS * slowest
    if circuit.opamp.slew_rate is not None:
        window += 2 * swing / circuit.opamp.slew_rate
    large = fidelity == "flat" or len(circuit.schematic.outputs) > SOLVER_CROSSOVER
    return Transient(
        window=window,
        max_step=window / STEPS_PER_WINDOW,
        rise=min(slowest / 1000, linear.fastest / 10),
        relative_tolerance=relative_tolerance,
        solver="klu" if klu and large else "sparse",
    )


@dataclass(frozen=True, eq=False)
class Streamer:
    """Runs the right-hand sides of one circuit.

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
        Takes a `Segment`; tells whether it ends at rest.
    timeout : float, optional
        Of one simulation [s].
    chunk : int
        Right-hand sides in one simulation.
    doublings : int
        How often the window may be doubled.
    """

    circuit: Circuit
    model: PortModel
    simulator: Simulator
    fidelity: Literal["flat", "reduced"]
    transient: Transient
    at_rest: Callable[[Segment], bool]
    timeout: float | None = None
    chunk: int = 64
    doublings: int = 4

    def deck(self, currents: Array, transient: Transient | None = None) -> Deck:
        """Return the deck that streams injected currents (K, q)."""
        transient = transient or self.transient
        schematic = self.circuit.schematic
        m, n = self.circuit.matrix.shape
        title = f"amcspice {self.circuit.name} {m}x{n}, {self.fidelity}, {len(currents)} inputs"
        drawing = draw(schematic, currents, None if self.fidelity == "flat" else self.model)
        return write_deck(
            title,
            drawing.network,
            drawing.amplifiers,
            self.circuit.opamp,
            drawing.stimulus,
            transient,
            drawing.ports,
        )

    def run(self, currents: Array) -> Iterator[Segment]:
        """Yield a segment for each row of the injected currents (K, q), in order.

        Raises
        ------
        SimulationError
            If a simulation fails.
        """
        if self.chunk < 1:
            raise InputError(f"chunk = {self.chunk} must be at least 1")
        for first in range(0, len(currents), self.chunk):
            # The predecessor leads in, so that chunks do not change where a segment starts.
            lead = min(first, 1)
            block = currents[first - lead : first + self.chunk]
            segments = self._simulate(block, self.transient)[lead:]
            for offset, segment in enumerate(segments):
                yield self._until_rest(currents, first + offset, segment)

    def _until_rest(self, currents: Array, index: int, segment: Segment) -> Segment:
        transient = self.transient
        for _ in range(self.doublings):
            if self.at_rest(segment):
                break
            transient = replace(transient, window=2 * transient.window)
            block = currents[max(index - 1, 0) : index + 1]
            segment = self._simulate(block, transient)[-1]
        return segment

    def _simulate(self, currents: Array, transient: Transient) -> list[Segment]:
        deck = self.deck(currents, transient)
        vectors = self.simulator.run(deck, self.timeout)
        return _split(vectors, self.model.names, transient, len(currents))


def _split(
    vectors: Vectors, names: tuple[str, ...], transient: Transient, count: int
) -> list[Segment]:
    """Cut a transient at the input steps; both ends of a window belong to its segment."""
    time = vectors["time"]
    voltages = np.stack([vectors[name] for name in names], axis=1)
    supply = -np.stack([vectors[name] for name in SUPPLIES], axis=1)
    edges = np.arange(count + 1) * transient.window
    cuts = np.searchsorted(time, edges * (1 - 1e-12) - transient.rise / 4)
    cuts[-1] = len(time) - 1
    return [
        Segment(
            time=np.maximum(time[start : stop + 1] - edge, 0.0),
            voltages=voltages[start : stop + 1],
            supply=supply[start : stop + 1],
        )
        for start, stop, edge in zip(cuts[:-1], cuts[1:], edges[:-1], strict=True)
    ]
