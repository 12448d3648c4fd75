"""The backends that run decks in ngspice: every cell, or the network reduced to its ports."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
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
        """See `Backend.prepare`; batches are of one circuit."""
        self.check(batch.circuit)
        return PreparedDecks(batch, self.analysis, flat=self.flat, chunk=self.chunk)


class Flat(Reduced):
    """Decks that hold every cell and wire segment."""

    name: ClassVar[str] = "flat"
    title: ClassVar[str] = "deck cell by cell"
    verified_by: ClassVar[str | None] = None
    holds_cells: ClassVar[bool] = True
    flat: ClassVar[bool] = True
    chunk: ClassVar[int] = 8  # each takes long


class PreparedDecks:
    """One circuit ready to run in ngspice; a `Prepared`.

    Parameters
    ----------
    batch : Batch
        Batch of one circuit.
    analysis : Analysis
    flat : bool
        Whether decks hold every cell.
    chunk : int
        Right-hand sides in one simulation.
    """

    def __init__(self, batch: Batch, analysis: Analysis, *, flat: bool, chunk: int) -> None:
        (self._circuit,) = batch.circuits
        self.batch, self.chunk, self._analysis = batch, chunk, analysis
        self.holds_cells = flat
        self._equations = PiecewiseLinear.of(self._circuit, batch)
        linear = LinearModel.of_equations(self._equations)
        self._modes = linear.modes
        self.runs_away: NDArray[np.bool_] = runs_away(self._circuit, linear.modes)
        simulator: Simulator = get_simulator(analysis.simulator)
        linear_cells = self._circuit.device.curve is None
        decks = Decks(
            circuit=self._circuit,
            model=batch.models[0] if flat or linear_cells else batch.models[0].at_ports(),
            flat=flat,
            amplifiers=analysis.amplifiers,
        )
        chosen = choose_transient(
            self._circuit,
            linear,
            klu=simulator.installation.klu,
            flat=flat,
            nodes=decks.nodes,
            relative_tolerance=analysis.relative_tolerance,
            allow_unstable=analysis.allow_unstable,
        )
        self._window = chosen.window
        transient = chosen.with_changes(
            window=analysis.window, max_step=analysis.max_step, solver=analysis.matrix_solver
        )
        if transient.max_step != chosen.max_step:
            transient = damped_for_its_step(transient, linear)
        integration = Integration(transient.max_step, transient.damping)
        self.streamer = Streamer(
            decks=decks,
            simulator=simulator,
            transient=transient,
            settle_tolerance=_rest_tolerance(self._circuit, analysis),
            timeout=analysis.timeout,
            chunk=chunk,
            doublings=self._doublings,
            rate_error=max(
                allowed_error(analysis.relative_tolerance),
                integration.rate_error(linear.eigenvalues),
            ),
        )

    @property
    def _doublings(self) -> int:
        """How often the window may be doubled: one that was asked for is kept."""
        if self._analysis.window is not None:
            return 0
        return RUNAWAY_DOUBLINGS if self.runs_away[0] else DOUBLINGS

    @cached_property
    def _integrator(self) -> Integrator | None:
        """The circuit's own equations, for forecasts; None if they are not known or large."""
        if self._circuit.amplifier_count > LARGEST_FORECAST:
            return None
        try:
            refuse_unknown_physics(self._circuit, "behavioural")
        except UnsupportedError:
            return None
        longest = longest_windows(np.array([self._window]), self.runs_away)
        if self._analysis.window is not None:
            longest = np.array([self._analysis.window])
        return Integrator(
            self.batch,
            longest=longest,
            equations=self._equations,
            modes=self._modes,
            settle_tolerance=self._analysis.settle_tolerance,
            tolerance=self._analysis.relative_tolerance,
            given=self._analysis.window is not None,
        )

    def forecast(self, drive: Drive, lead: int = 0) -> Iterator[Forecast]:
        """Yield when right-hand sides will rest, and where; see `Prepared.forecast`."""
        integrator = self._integrator
        if integrator is None or not drive.known:
            return
        for rows, before in chunks(len(drive), self.chunk, lead):
            block = drive.take(rows)
            rest_times, final = integrator.rests(block, len(drive))
            # What never rests says nothing of the range.
            final = np.where(np.isfinite(rest_times)[:, None], final, np.nan)
            window = self.streamer.transient.window
            windows = np.full(len(block), window)
            if self._analysis.window is None:
                windows = self.streamer.windows(rest_times)
            yield Forecast((windows,), final[before:], block.into[0][before:])

    def run(
        self,
        drive: Drive,
        lead: int = 0,
        forecast: Forecast | None = None,
        *,
        waveforms: bool = True,
    ) -> Iterator[Stream]:
        """See `Prepared.run`."""
        windows = None if forecast is None else forecast.windows
        return self.streamer.run(self._sent(drive), lead, windows)

    def _sent(self, drive: Drive) -> Array:
        """Return what sources of the deck give: where cells have curves, in all at the ports."""
        reduced = drive.beyond is not None and not self.holds_cells
        return drive.into[0] if reduced else drive.currents[0]

    def origin(self, drive: Drive, forecast: Forecast | None = None) -> list[Origin]:
        """See `Prepared.origin`; the hash is of the first chunk's deck."""
        streamer = self.streamer
        sha256 = streamer.deck_sha256
        if sha256 is None:  # other processes ran the decks
            windows = None if forecast is None else forecast.windows[0]
            sha256 = streamer.deck(self._sent(drive)[: self.chunk], windows).sha256
        foretold = forecast is not None and self._analysis.window is None
        return [
            Origin(
                simulator=streamer.simulator.name,
                solver=streamer.transient.solver,
                options=streamer.options(foretold=foretold),
                installation=streamer.simulator.installation,
                deck_sha256=sha256,
            )
        ]


def _rest_tolerance(circuit: Circuit, analysis: Analysis) -> float:
    """Return the settling tolerance by whose tenth the last tenth of a window is judged."""
    device = circuit.device
    if device.live is not None:  # their states move, little by little, as long as they are read
        return analysis.settle_tolerance
    curved = device.curve is not None and not device.fluctuates
    return min(analysis.settle_tolerance, CURVED_REST if curved else 1.0)
