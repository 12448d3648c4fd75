"""Streaming right-hand sides through transients.

All right-hand sides step through one simulation, each starting from where the last one left the
circuit, as hardware works.  Window and time step come from the circuit's own time constants; a
forecast shortens the windows to what each right-hand side needs.  One that has not come to rest
all the same is run again with its predecessor and a doubled window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine.cell_record import SWITCHED, CellRecord
from amcspice.engine.chunks import check_chunk, chunks
from amcspice.engine.headway import translated, windows_done
from amcspice.engine.ngspice.decks import Decks
from amcspice.engine.ngspice.simulator import Simulator, Vectors
from amcspice.engine.waveforms import Stream, flat_tails
from amcspice.errors import SimulationError
from amcspice.netlist import Deck, Transient

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
    decks : Decks
    simulator : Simulator
    transient : Transient
    settle_tolerance : float
        What is flat to a tenth of this in the last tenth of its window is at rest.
    timeout : float, optional
        Longest duration of one simulation [s].
    chunk : int
        Right-hand sides in one simulation.
    doublings : int
        How often the window may be doubled.

    Attributes
    ----------
    deck_sha256 : str or None
        Hash of the first deck that ran.
    """

    decks: Decks
    simulator: Simulator
    transient: Transient
    settle_tolerance: float = 0.01
    timeout: float | None = None
    chunk: int = 64
    doublings: int = 4
    rate_error: float = 0.01

    def __post_init__(self) -> None:
        """Validate."""
        check_chunk(self.chunk)
        self.deck_sha256: str | None = None
        decks = self.decks
        self._outputs = np.searchsorted(decks.model.nodes, decks.circuit.schematic.outputs)

    def deck(self, currents: Array, windows: Array | None = None) -> Deck:
        """Return the deck that streams right-hand sides in the streamer's own transient.

        Parameters
        ----------
        currents : ndarray, shape (K, q)
            Currents [A] or voltages [V] of the sources.
        windows : ndarray, shape (K,), optional
            Time for each [s]; None is that of the transient.
        """
        if windows is None:
            windows = np.full(len(currents), self.transient.window)
        return self.decks.write(currents, windows, self.transient)

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
        deck = self.decks.write(currents, windows, transient)
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
        deck = self.decks.write(currents, windows, coarse)
        stream = self._run(deck, currents, coarse, edges, lead)
        if stream.cells is None or not (stream.cells.drift > SWITCHED).any():
            raise failed
        return stream

    def _run(
        self, deck: Deck, currents: Array, transient: Transient, edges: Array, lead: int
    ) -> Stream:
        with translated(lambda fraction: windows_done(fraction * edges[-1], edges)):
            vectors = self._run_core(deck)
            whole = vectors is None
            if vectors is None:
                if self.decks.core is not None:
                    deck = self.decks.write(currents, np.diff(edges), transient, whole=True)
                vectors = self.simulator.run(deck, self.timeout)
        voltages, supply = self.decks.read(vectors, currents, edges, transient.rise, whole=whole)
        cuts = _cuts(vectors["time"], edges, transient.rise)[lead:]
        stream = _split(vectors["time"], voltages, supply, cuts, edges[lead:])
        if deck.cells is not None:
            stream = replace(stream, cells=CellRecord.of(deck.cells, vectors, cuts))
        flat = flat_tails(
            stream.time, stream.voltages[:, self._outputs], stream.starts, self.settle_tolerance
        )
        return replace(stream, at_rest=flat, rate_error=self.rate_error)

    def _run_core(self, deck: Deck) -> Vectors | None:
        """Return the result of a deck that holds just a core; None if that is not enough."""
        core = self.decks.core
        if core is None:
            return None
        try:
            vectors = self.simulator.run(deck, self.timeout)
        except SimulationError as error:
            if NOT_CONVERGED not in error.cause:
                raise
            return None
        return vectors if core.met_no_limit(vectors) else None


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
