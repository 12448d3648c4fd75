"""One circuit made ready for a fidelity, and what an attempt in one range finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.circuit.subcircuit import check_banks
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
from amcspice.measure import (
    Settlings,
    energy,
    measure_power,
    measure_settlings,
    sample,
    source_power,
)
from amcspice.reduction import PortModel, reduce_to_ports
from amcspice.solver.provenance import provenance
from amcspice.solver.result import Analysis

__all__ = ["Found", "Simulation"]

DOUBLINGS, RUNAWAY_DOUBLINGS = 4, 1
"""How often a window may be doubled, and that of a circuit that may never rest."""

RAIL_MARGIN = 0.05
"""An output this close to a rail, as a fraction of it, asks for a smaller range."""

FLAT_CHUNK = 8
"""Right-hand sides in one simulation of a flat deck, which takes long."""

LARGEST_FORECAST = 128
"""Amplifiers up to which a forecast costs less than what it saves."""


@dataclass(frozen=True, eq=False)
class Found:
    """Measurements of one attempt; K right-hand sides.

    Parameters
    ----------
    outputs : ndarray, shape (K, n)
        Solution voltages at the end [V].
    sampled : ndarray, shape (K, n)
        When the converters sample them: at the end, or at a fixed time [V].
    settled : ndarray of bool, shape (K,)
    settling_time : ndarray, shape (K,)
        [s].
    power : dict of str to ndarray, each shape (K,)
        At the end [W].
    energy : ndarray, shape (K,)
        [J].
    streams : tuple of Stream
        Empty if they were not kept.
    near_limit : bool
        Whether an amplifier rests near a limit that is no constraint.
    """

    outputs: Array
    sampled: Array
    settled: NDArray[np.bool_]
    settling_time: Array
    power: dict[str, Array]
    energy: Array
    streams: tuple[Stream, ...]
    near_limit: bool

    @classmethod
    def join(cls, parts: Sequence[Found]) -> Found:
        """Return several as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            outputs=np.concatenate([part.outputs for part in parts]),
            sampled=np.concatenate([part.sampled for part in parts]),
            settled=np.concatenate([part.settled for part in parts]),
            settling_time=np.concatenate([part.settling_time for part in parts]),
            power={
                name: np.concatenate([part.power[name] for part in parts])
                for name in parts[0].power
            },
            energy=np.concatenate([part.energy for part in parts]),
            streams=tuple(stream for part in parts for stream in part.streams),
            near_limit=any(part.near_limit for part in parts),
        )


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
        held = self.circuit.non_negative or self.circuit.rail_limited
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
            if self._near_limit(stream.voltages[stream.starts[1:] - 1], here):
                return True
        return False

    def _settling(self, stream: Stream) -> Settlings:
        return measure_settlings(
            stream.time,
            stream.voltages[:, self.outputs],
            stream.starts,
            self.analysis.settle_tolerance,
            stream.at_rest,
        )

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
            if give_up and parts[-1].near_limit:
                break
        return Found.join(parts)

    def _measure(self, stream: Stream, currents: Array, local: Array, keep: bool) -> Found:
        settling = self._settling(stream)
        circuit, model, starts = self.circuit, self.model, stream.starts
        total = source_power(
            circuit, model, stream.voltages, stream.supply, currents, local, starts
        )
        final, supply = stream.voltages[starts[1:] - 1], stream.supply[starts[1:] - 1]
        power = measure_power(circuit, model, final, supply, currents, local).by_name()
        spent = energy(stream.time, total, settling.time, starts)
        if not circuit.device.linear:
            # Voltages inside the array, and so what the inputs deliver, are known from the
            # reduced network only, which stands for linear cells.
            unknown = np.full(len(final), np.nan)
            known = ("supply", "amplifier_static")
            power = {name: part if name in known else unknown for name, part in power.items()}
            spent = unknown
        return Found(
            outputs=settling.final,
            sampled=self._sampled(stream, settling),
            settled=settling.settled,
            settling_time=settling.time,
            power=power,
            energy=spent,
            streams=(stream,) if keep else (),
            near_limit=self._near_limit(final, currents),
        )

    def _sampled(self, stream: Stream, settling: Settlings) -> Array:
        adc = self.analysis.adc
        if adc is None or adc.sample_time is None:
            return settling.final
        outputs = stream.voltages[:, self.outputs]
        return sample(stream.time, outputs, stream.starts, adc.sample_time, settling.settled)

    def _near_limit(self, final: Array, currents: Array) -> bool:
        """Whether an amplifier comes to rest close to a limit that is no constraint.

        What reaches a rail is the stage behind the output resistance, not the output itself.
        """
        if self.circuit.rail_limited:
            return False
        opamp = self.circuit.opamp
        delivered = final @ self.model.conductance - self.model.port_currents(currents)
        for bank in self.circuit.schematic.amplifiers:
            at = np.searchsorted(self.model.nodes, bank.out)
            stage = final[:, at] + opamp.output_resistance * delivered[:, at]
            if stage.max() > (1 - RAIL_MARGIN) * opamp.highest_output:
                return True
            bounded = bank.floor_at_ground or bank.hold is not None
            if not bounded and stage.min() < (1 - RAIL_MARGIN) * opamp.lowest_output:
                return True
            limit = opamp.output_current_limit
            if limit is not None and np.abs(delivered[:, at]).max() > (1 - RAIL_MARGIN) * limit:
                return True
        return False

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
