"""One circuit made ready for a fidelity: reduced, with its engine chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import (
    Behavioural,
    LinearModel,
    PiecewiseLinear,
    Simulator,
    Stream,
    Streamer,
    choose_transient,
    get_simulator,
)
from amcspice.errors import UnsupportedError
from amcspice.measure import Settlings
from amcspice.netlist.subcircuit import check_banks
from amcspice.reduction import PortModel, reduce_to_ports
from amcspice.solver.found import Found, measure, near_limits, settlings
from amcspice.solver.provenance import provenance
from amcspice.solver.result import Analysis

__all__ = ["Simulation"]

DOUBLINGS, RUNAWAY_DOUBLINGS = 4, 1
"""How often a window may be doubled, and that of a circuit that may never rest."""

FLAT_CHUNK = 8
"""Right-hand sides in one simulation of a flat deck, which takes long."""

LARGEST_FORECAST = 128
"""Amplifiers up to which a forecast costs less than what it saves."""


class Simulation:
    """One circuit made ready: reduced, with its engine chosen.

    Parameters
    ----------
    circuit : Circuit
    analysis : Analysis
        Of any fidelity but ideal.
    """

    def __init__(self, circuit: Circuit, analysis: Analysis) -> None:
        check_banks(circuit.schematic.amplifiers, circuit.opamp)
        self.circuit, self.analysis = circuit, analysis
        self.model: PortModel = reduce_to_ports(circuit.schematic)
        self.outputs = np.searchsorted(self.model.nodes, circuit.schematic.outputs)
        behavioural = analysis.fidelity == "behavioural"
        self.simulator: Simulator | None = (
            None if behavioural else get_simulator(analysis.simulator)
        )
        self._made = PiecewiseLinear.of(circuit, self.model)
        opamp, self._linear = circuit.opamp, LinearModel.of_equations(self._made)
        self._transient = choose_transient(
            circuit,
            self._linear,
            klu=self.simulator is not None and self.simulator.installation.klu,
            fidelity="flat" if analysis.fidelity == "flat" else "reduced",
            relative_tolerance=analysis.relative_tolerance,
            swing=opamp.highest_output - opamp.lowest_output,
            allow_unstable=analysis.allow_unstable,
        )
        self.engine = self._behavioural() if self.simulator is None else self._streamer()
        self.chunk = self.engine.chunk

    def _behavioural(self) -> Behavioural:
        analysis = self.analysis
        return Behavioural(
            self.circuit,
            self.model,
            longest=analysis.window or 2**self._doublings * self._transient.window,
            rings=self._linear.oscillation > 0,
            stable=self._linear.stable,
            settle_tolerance=analysis.settle_tolerance,
            tolerance=analysis.relative_tolerance,
            piecewise=self._made,
        )

    def _streamer(self) -> Streamer:
        analysis = self.analysis
        flat = analysis.fidelity == "flat"
        assert self.simulator is not None
        return Streamer(
            circuit=self.circuit,
            model=self.model,
            simulator=self.simulator,
            fidelity="flat" if flat else "reduced",
            transient=self._transient.with_changes(
                window=analysis.window, max_step=analysis.max_step, solver=analysis.matrix_solver
            ),
            at_rest=lambda stream: self._settling(stream).settled,
            forecast=None if analysis.window or not self._equations else self._equations.rest_times,
            timeout=analysis.timeout,
            amplifiers=analysis.amplifiers,
            chunk=FLAT_CHUNK if flat else Streamer.chunk,
            doublings=self._doublings,
        )

    @cached_property
    def _equations(self) -> Behavioural | None:
        """The circuit's own equations, for forecasts; None if they are not known or large."""
        if self.circuit.amplifier_count > LARGEST_FORECAST:
            return None
        try:
            return self._behavioural()
        except UnsupportedError:
            return None

    @property
    def _doublings(self) -> int:
        return RUNAWAY_DOUBLINGS if self.runs_away else DOUBLINGS

    @property
    def runs_away(self) -> bool:
        """Whether it leaves every range: unstable, and nothing holds it."""
        held = self.circuit.bounded
        return not (held or self._linear.stable)

    def expects_limit(self, vectors: Array, volts_per_unit: float) -> bool:
        """Whether an amplifier will rest near a limit, by the circuit's equations.

        It spares ngspice a run in a range that is too large; where the equations are not known
        the run itself has to tell.
        """
        if self.simulator is None or self._equations is None:
            return False
        currents = self.circuit.schematic.currents(vectors, volts_per_unit)
        first = 0
        for stream in self._equations.run(currents):
            here = currents[first : first + len(stream)]
            first += len(stream)
            final = stream.voltages[stream.starts[1:] - 1]
            if near_limits(self.circuit, self.model, final, here).any():
                return True
        return False

    def _settling(self, stream: Stream) -> Settlings:
        return settlings(stream, self.outputs, self.analysis)

    def attempt(
        self,
        vectors: Array,
        volts_per_unit: float,
        *,
        lead: int = 0,
        keep: bool = False,
        give_up: bool = False,
        report: Callable[[int], None] | None = None,
    ) -> Found:
        """Run right-hand sides in one range.

        Parameters
        ----------
        vectors : ndarray, shape (lead + K, m)
        volts_per_unit : float
            Volts for one unit of the column-scaled solution.
        lead : {0, 1}
            Whether the first one only leads in.
        keep : bool
            Keep the waveforms.
        give_up : bool
            Stop once an amplifier rests near a limit.
        report : callable, optional
            Called with the number finished since the last call.
        """
        currents = self.circuit.schematic.currents(vectors, volts_per_unit)
        local = self.model.local_power(currents)
        parts = []
        first = lead
        for stream in self.engine.run(currents, lead):
            here = slice(first, first + len(stream))
            first = here.stop
            parts.append(self._measure(stream, currents[here], local[here], keep))
            if report is not None:
                report(len(stream))
            if give_up and parts[-1].near_limit.any():
                break
        return Found.join(parts)

    def _measure(self, stream: Stream, currents: Array, local: Array, keep: bool) -> Found:
        return measure(
            self.circuit, self.model, self.outputs, stream, currents, local, self.analysis, keep
        )

    def provenance(self, vectors: Array, volts_per_unit: float, started: float) -> dict[str, Any]:
        """Return what is needed to repeat the run; the hash is of the first chunk's deck."""
        if isinstance(self.engine, Behavioural):
            return provenance(
                self.circuit,
                simulator="behavioural",
                solver="exponential",
                options=self.engine.options,
                started=started,
            )
        assert self.simulator is not None
        sha256 = self.engine.deck_sha256
        if sha256 is None:  # other processes ran the decks
            currents = self.circuit.schematic.currents(vectors[: self.chunk], volts_per_unit)
            sha256 = self.engine.deck(currents, windows=self.engine.windows(currents)).sha256
        return provenance(
            self.circuit,
            installation=self.simulator.installation,
            simulator=self.simulator.name,
            solver=self.engine.transient.solver,
            options=self.engine.options,
            deck_sha256=sha256,
            started=started,
        )
