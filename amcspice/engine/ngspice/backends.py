"""The backends that run decks in ngspice: every cell, or the network reduced to its ports."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.analysis import Analysis
from amcspice.engine.backend import Backend, Forecast, Origin, Tolerance, refuse_most_steps
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.behavioural.backend import Integrator
from amcspice.engine.chunks import chunks
from amcspice.engine.equations.linear import LinearModel
from amcspice.engine.equations.piecewise import PiecewiseLinear, refuse_unknown_physics
from amcspice.engine.headway import translated
from amcspice.engine.integration import RATE_ERROR, Integration, allowed_error
from amcspice.engine.ngspice.choice import get_simulator
from amcspice.engine.ngspice.decks import Decks
from amcspice.engine.ngspice.installation import find_installation
from amcspice.engine.ngspice.simulator import Simulator
from amcspice.engine.ngspice.streamer import Streamer
from amcspice.engine.timing import (
    DOUBLINGS,
    RUNAWAY_DOUBLINGS,
    choose_transient,
    damped_for_its_step,
    longest_windows,
    runs_away,
)
from amcspice.engine.waveforms import Stream
from amcspice.errors import UnsupportedError
from amcspice.netlist.subcircuit import check_banks

__all__ = ["Flat", "PreparedDecks", "Reduced"]

SMALLEST_VOLTS = 1e-6
"""What decks give as ``vntol`` [V]."""

CURVED_REST = 1e-4
"""Settling tolerance by which rest is judged at most where cells have a curve: the window is chosen
by time constants without drive, and with longer ones an output that moves by a tenth of 1 % in the
last tenth is still on its way."""

LARGEST_FORECAST = 128
"""Amplifiers up to which a forecast costs less than what it saves."""


class Reduced(Backend):
    """Decks that hold the network reduced exactly to its ports."""

    name: ClassVar[str] = "reduced"
    title: ClassVar[str] = "deck with the network reduced exactly to its ports"
    verified_by: ClassVar[str | None] = "flat"
    uses_ngspice: ClassVar[bool] = True
    flat: ClassVar[bool] = False
    largest_batch: ClassVar[int] = 32
    largest_count: ClassVar[int | None] = 8  # longer streams are measured as they come
    chunk: ClassVar[int] = 32  # ngspice seeks the place in a source from its first input, each time

    @property
    def tolerance(self) -> Tolerance:
        """See `Backend.tolerance`; ngspice ends its iterations at reltol and vntol.

        Steps are chosen so that modes decay as in the circuit to an allowed error; rise times and
        samples add as much at most.
        """
        relative = self.analysis.relative_tolerance
        settling = max(2 * allowed_error(relative), RATE_ERROR)
        return Tolerance(relative, SMALLEST_VOLTS, settling)

    def check(self, circuit: Circuit) -> None:
        """Refuse what is in no deck, and cells that cannot be reduced; see `Backend.check`."""
        refuse_most_steps(self.analysis, self.name)
        check_banks(circuit.schematic.amplifiers, circuit.opamp)
        device = circuit.device
        if self.flat:
            if device.live is not None and device.fluctuates:
                raise UnsupportedError(
                    "noise in time of cells whose sub-circuit stands in the deck: what of it "
                    "fluctuates is not known; leave noise_bandwidth out"
                )
            return
        device.refuse_fluctuations(self.name)
        if device.curve is not None:
            refuse_unknown_physics(circuit, self.name)

    def check_installation(self) -> None:
        """Refuse a simulator that is not installed.

        Raises
        ------
        UnsupportedError
            If the shared simulator is asked for and does not work.
        """
        installation = find_installation()
        if self.analysis.simulator == "shared" and not installation.shared_works:
            raise UnsupportedError(
                f"the shared simulator does not work with ngspice {installation.version} "
                f"(library: {installation.library}); use --simulator batch"
            )

    def prepare(self, batch: Batch) -> PreparedDecks:
        """See `Backend.prepare`."""
        self.check(batch.circuit)
        return PreparedDecks(batch, self.analysis, flat=self.flat, chunk=self.chunk)


class Flat(Reduced):
    """Decks that hold every cell and wire segment."""

    name: ClassVar[str] = "flat"
    title: ClassVar[str] = "deck cell by cell"
    verified_by: ClassVar[str | None] = None
    holds_cells: ClassVar[bool] = True
    flat: ClassVar[bool] = True
    largest_batch: ClassVar[int] = 1
    largest_count: ClassVar[int | None] = None
    chunk: ClassVar[int] = 8  # each takes long


class PreparedDecks:
    """Circuits ready to run in ngspice, one after the other; a `Prepared`.

    Parameters
    ----------
    batch : Batch
    analysis : Analysis
    flat : bool
        Whether decks hold every cell.
    chunk : int
        Right-hand sides in one simulation.

    Attributes
    ----------
    streamers : list of Streamer
        One a circuit.
    """

    def __init__(self, batch: Batch, analysis: Analysis, *, flat: bool, chunk: int) -> None:
        self.batch, self.chunk, self._analysis = batch, chunk, analysis
        self.holds_cells = flat
        self._equations = PiecewiseLinear.of(batch.circuit, batch)
        linear = LinearModel.of_equations(self._equations)
        self._modes = linear.modes
        self.runs_away: NDArray[np.bool_] = runs_away(batch.circuit, linear.modes)
        simulator: Simulator = get_simulator(analysis.simulator)
        self.streamers = [
            self._streamer(number, linear.of_circuit(number), simulator)
            for number in range(len(batch))
        ]

    def _streamer(self, number: int, linear: LinearModel, simulator: Simulator) -> Streamer:
        """Return what streams the right-hand sides of one circuit."""
        analysis, circuit = self._analysis, self.batch.circuits[number]
        model, linear_cells = self.batch.model(number), circuit.device.curve is None
        decks = Decks(
            circuit=circuit,
            model=model if self.holds_cells or linear_cells else model.at_ports(),
            flat=self.holds_cells,
            amplifiers=analysis.amplifiers,
        )
        chosen = choose_transient(
            circuit,
            linear,
            klu=simulator.installation.klu,
            flat=self.holds_cells,
            nodes=decks.nodes,
            relative_tolerance=analysis.relative_tolerance,
            allow_unstable=analysis.allow_unstable,
        )
        transient = chosen.with_changes(
            window=analysis.window, max_step=analysis.max_step, solver=analysis.matrix_solver
        )
        if transient.max_step != chosen.max_step:
            transient = damped_for_its_step(transient, linear)
        integration = Integration(transient.max_step, transient.damping)
        doublings = RUNAWAY_DOUBLINGS if self.runs_away[number] else DOUBLINGS
        return Streamer(
            decks=decks,
            simulator=simulator,
            transient=transient,
            settle_tolerance=_rest_tolerance(circuit, analysis),
            timeout=analysis.timeout,
            chunk=self.chunk,
            doublings=doublings if analysis.window is None else 0,  # one that was asked for is kept
            rate_error=max(
                allowed_error(analysis.relative_tolerance),
                integration.rate_error(linear.eigenvalues),
            ),
        )

    @cached_property
    def _integrator(self) -> Integrator | None:
        """The circuits' own equations, for forecasts; None if they are not known or large."""
        if self.batch.circuit.amplifier_count > LARGEST_FORECAST:
            return None
        try:
            refuse_unknown_physics(self.batch.circuit, "behavioural")
        except UnsupportedError:
            return None
        longest = np.array([streamer.transient.window for streamer in self.streamers])
        given = self._analysis.window is not None
        return Integrator(
            self.batch,
            longest=longest if given else longest_windows(longest, self.runs_away),
            equations=self._equations,
            modes=self._modes,
            settle_tolerance=self._analysis.settle_tolerance,
            tolerance=self._analysis.relative_tolerance,
            given=given,
        )

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield when right-hand sides will rest, and where; see `Prepared.forecast`."""
        integrator, count = self._integrator, len(self.batch)
        if integrator is None or not drive.known:
            return
        for rows, before in chunks(len(drive), self.chunk, lead):
            block = drive.take(rows)
            rest_times, final = integrator.rests(block, len(drive))
            # What never rests says nothing of the range.
            final = np.where(np.isfinite(rest_times)[:, None], final, np.nan)
            windows = np.stack([
                streamer.windows(times) if self._analysis.window is None
                else np.full(len(block), streamer.transient.window)
                for streamer, times in zip(self.streamers, np.split(rest_times, count), strict=True)
            ])  # fmt: skip
            final = final.reshape(count, len(block), -1)[:, before:]
            yield Forecast((windows,), final, block.into[:, before:])

    def run(
        self,
        drive: Drive,
        lead: int = 0,
        forecast: Forecast | None = None,
        *,
        waveforms: bool = True,
    ) -> Iterator[Stream]:
        """See `Prepared.run`; a chunk of one circuit is run after that of another."""
        count = len(self.batch)
        streams = [
            streamer.run(
                self._sent(drive, number), lead,
                None if forecast is None else [each[number] for each in forecast.windows],
            )
            for number, streamer in enumerate(self.streamers)
        ]  # fmt: skip
        for _ in chunks(len(drive), self.chunk, lead):
            parts = []
            for number, stream in enumerate(streams):
                with translated(partial(_of_all, number, count)):
                    parts.append(next(stream))
            yield Stream.chain(parts)

    def _sent(self, drive: Drive, number: int) -> Array:
        """Return what sources of a deck give: where cells have curves, in all at the ports."""
        reduced = drive.beyond is not None and not self.holds_cells
        return drive.into[number] if reduced else drive.currents[number]

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """See `Prepared.origin`; the hash is of the first chunk's deck."""
        foretold = forecast is not None and self._analysis.window is None
        return [
            Origin(
                simulator=streamer.simulator.name,
                solver=streamer.transient.solver,
                options=streamer.options(foretold=foretold),
                installation=streamer.simulator.installation,
                deck_sha256=self._deck_sha256(number, drive, forecast),
            )
            for number, streamer in enumerate(self.streamers)
        ]

    def _deck_sha256(self, number: int, drive: Drive, forecast: Forecast | None) -> str:
        streamer = self.streamers[number]
        if streamer.deck_sha256 is not None:
            return streamer.deck_sha256
        # Other processes ran the decks.
        windows = None if forecast is None else forecast.windows[0][number]
        return streamer.deck(self._sent(drive, number)[: self.chunk], windows).sha256


def _of_all(number: int, count: int, fraction: float) -> float:
    """Return what is done of several circuits where a fraction is done of one of them."""
    return (number + fraction) / count


def _rest_tolerance(circuit: Circuit, analysis: Analysis) -> float:
    """Return the settling tolerance by whose tenth the last tenth of a window is judged."""
    device = circuit.device
    if device.live is not None:  # their states move, little by little, as long as they are read
        return analysis.settle_tolerance
    curved = device.curve is not None and not device.fluctuates
    return min(analysis.settle_tolerance, CURVED_REST if curved else 1.0)
