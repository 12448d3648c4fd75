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
    Ports,
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

__all__ = ["Found", "Simulation", "measure"]

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
    near_limit : ndarray of bool, shape (K,)
        Whether an amplifier rests near a limit that is no constraint.
    """

    outputs: Array
    sampled: Array
    settled: NDArray[np.bool_]
    settling_time: Array
    power: dict[str, Array]
    energy: Array
    streams: tuple[Stream, ...]
    near_limit: NDArray[np.bool_]

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
            near_limit=np.concatenate([part.near_limit for part in parts]),
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
            final = stream.voltages[stream.starts[1:] - 1]
            if near_limits(self.circuit, self.model, final, here).any():
                return True
        return False

    def _settling(self, stream: Stream) -> Settlings:
        return _settlings(stream, self.outputs, self.analysis)

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


def measure(
    circuit: Circuit,
    model: Ports,
    outputs: NDArray[np.intp],
    stream: Stream,
    currents: Array,
    local: Array,
    analysis: Analysis,
    keep: bool = False,
) -> Found:
    """Measure a stream of K right-hand sides.

    Parameters
    ----------
    circuit : Circuit
    model : Ports
        Its network, reduced.
    outputs : ndarray of int, shape (n,)
        Ports that hold the solution.
    stream : Stream
    currents : ndarray, shape (K, q)
        What the sources gave.
    local : ndarray, shape (K,)
        `PortModel.local_power` of it [W].
    analysis : Analysis
    keep : bool
        Keep the waveforms.
    """
    starts, settling = stream.starts, _settlings(stream, outputs, analysis)
    total = source_power(circuit, model, stream.voltages, stream.supply, currents, local, starts)
    final, supply = stream.voltages[starts[1:] - 1], stream.supply[starts[1:] - 1]
    power = measure_power(circuit, model, final, supply, currents, local).by_name()
    spent = energy(stream.time, total, settling.time, starts)
    if not circuit.device.linear:
        # Voltages inside the array, and so what the inputs deliver, are known from the reduced
        # network only, which stands for linear cells.
        unknown = np.full(len(final), np.nan)
        known = ("supply", "amplifier_static")
        power = {name: part if name in known else unknown for name, part in power.items()}
        spent = unknown
    return Found(
        outputs=settling.final,
        sampled=_sampled(stream, outputs, settling, analysis),
        settled=settling.settled,
        settling_time=settling.time,
        power=power,
        energy=spent,
        streams=(stream,) if keep else (),
        near_limit=near_limits(circuit, model, final, currents),
    )


def _sampled(
    stream: Stream, outputs: NDArray[np.intp], settling: Settlings, analysis: Analysis
) -> Array:
    adc = analysis.adc
    if adc is None or adc.sample_time is None:
        return settling.final
    voltages = stream.voltages[:, outputs]
    return sample(stream.time, voltages, stream.starts, adc.sample_time, settling.settled)


def _settlings(stream: Stream, outputs: NDArray[np.intp], analysis: Analysis) -> Settlings:
    return measure_settlings(
        stream.time,
        stream.voltages[:, outputs],
        stream.starts,
        analysis.settle_tolerance,
        stream.at_rest,
    )


def near_limits(circuit: Circuit, model: Ports, final: Array, currents: Array) -> NDArray[np.bool_]:
    """Tell where an amplifier comes to rest close to a limit that is no constraint, shape (K,).

    What reaches a rail is the stage behind the output resistance, not the output itself.

    Parameters
    ----------
    circuit, model
        As for `measure`.
    final : ndarray, shape (K, P)
        Port voltages at the end [V].
    currents : ndarray, shape (K, q)
    """
    near = np.zeros(len(final), bool)
    if circuit.rail_limited:
        return near
    opamp = circuit.opamp
    delivered = model.into_network(final) - model.port_currents(currents)
    for bank in circuit.schematic.amplifiers:
        at = np.searchsorted(model.nodes, bank.out)
        stage = final[:, at] + opamp.output_resistance * delivered[:, at]
        near |= stage.max(axis=1) > (1 - RAIL_MARGIN) * opamp.highest_output
        if not (bank.floor_at_ground or bank.hold is not None):
            near |= stage.min(axis=1) < (1 - RAIL_MARGIN) * opamp.lowest_output
        if opamp.output_current_limit is not None:
            limit = (1 - RAIL_MARGIN) * opamp.output_current_limit
            near |= np.abs(delivered[:, at]).max(axis=1) > limit
    return near
