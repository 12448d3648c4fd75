"""One batch of circuits, run in a range in which no amplifier comes near a limit."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array
from amcspice.engine import (
    Analysis,
    Backend,
    Batch,
    Drive,
    Forecast,
    Prepared,
    Waveforms,
)
from amcspice.engine.remedies import near_noise_limit, refuse_unstable
from amcspice.errors import AccuracyWarning, UnstableError
from amcspice.measure import Measurement
from amcspice.pool import Pool
from amcspice.problem import problem_of
from amcspice.simulation.assumptions import assumptions, of_damping
from amcspice.simulation.case import Case
from amcspice.simulation.cell_states import cells_beyond
from amcspice.simulation.conversion import convert
from amcspice.simulation.feedback import nothing_grew, nothing_pushed
from amcspice.simulation.once import Outcome, drive_of, foretold_near_limits, join_forecasts
from amcspice.simulation.provenance import provenance
from amcspice.simulation.result import Range, judge
from amcspice.simulation.run import Run
from amcspice.simulation.shared import run_shared

__all__ = ["Ranging", "ideal_run", "warn_of_small_outputs"]

MAX_REPEATS = 12
SWINGING_REPEATS = 1
"""How often a range is made smaller for circuits that do not come to rest."""

LEAST_STEP = 0.95
"""A smaller range that is not smaller than this is not tried."""

SMALLEST_USE = 1e-3
"""Largest output, as a fraction of what it can show, below which a range is said to be small."""


SET = (
    "cells are set for the voltages that they see with these right-hand sides, as only a "
    "controller that knows them can"
)
"""What is said of cells whose states were chosen with right-hand sides."""

SET_AT_ZERO = (
    "cells have their conductances at 0 V, not where they are used: the circuit grows to its "
    "rails, and what cells see on the way is not known before"
)
"""What is said of cells that ask for the voltages that they see where nothing tells these."""

OF_CURVES = (
    "the way to the rest, and so settling times and energies, is that of cells with the slopes "
    "that their curves have there; flat fidelity follows the curves"
)
"""What is said of circuits whose network was reduced."""


@dataclass(frozen=True, eq=False)
class Ranging:
    """Runs batches in a range in which no amplifier comes near a limit."""

    backend: Backend
    analysis: Analysis
    pool: Pool | None
    keep: bool
    progress: Callable[[float], None] | None

    def run(self, cases: Sequence[Case], started: float) -> list[Run]:
        """Return the runs of cases that stand in one batch."""
        batch = Batch.of([case.circuit for case in cases])
        volts = np.array([case.volts_per_unit(self.analysis) for case in cases])
        return self._run(batch, cases, volts, np.zeros(len(cases), int), started)

    def _run(
        self,
        batch: Batch,
        cases: Sequence[Case],
        volts: Array,
        repeats: NDArray[np.intp],
        started: float,
    ) -> list[Run]:
        prepared = self._prepare(batch)
        fixed = prepared.runs_away | (self.analysis.range != "reference")
        while True:
            sent = [case.inputs.at(scale) for case, scale in zip(cases, volts, strict=True)]
            drive = drive_of(batch, sent, volts, prepared)
            smaller = np.array([c.smaller_range(v) for c, v in zip(cases, volts, strict=True)])
            may_shrink = ~fixed & (repeats < MAX_REPEATS) & (smaller <= LEAST_STEP * volts)
            forecast, large = self._forecast(prepared, drive, may_shrink)
            if large.any():
                volts, repeats = np.where(large, smaller, volts), repeats + large.astype(np.intp)
                continue
            outcome = self._attempt(prepared, drive, forecast, give_up=bool(may_shrink.all()))
            # What swings between its limits may rest in a smaller range; if not in the next, never.
            measured = outcome.measurement
            near = np.where(
                repeats[:, None] < SWINGING_REPEATS,
                measured.near_limit.reshape(len(batch), -1),
                measured.rests_near_limit.reshape(len(batch), -1),
            ).any(axis=1)
            # Cells that switched are others from then on: a smaller range does not undo it.
            switched = measured.switched.reshape(len(batch), -1).any(axis=1)
            again = np.flatnonzero(near & may_shrink & ~switched)
            if not again.size or len(batch) > 1:
                break
            volts, repeats = smaller, repeats + 1
        if self.analysis.range != "reference":
            warn_of_small_outputs(
                batch,
                np.abs(outcome.measurement.outputs).reshape(len(cases), -1).max(axis=1),
                np.array([case.answers.any() for case in cases]),
                float(self.analysis.range),
            )
        for case, scale in zip(cases, volts, strict=True):
            case.warn_of_floor(float(scale), fixed=self.analysis.range != "reference")
        origins = prepared.origin(drive, forecast)
        count = len(drive)
        runs = {
            k: self._read_out(
                case, outcome, slice(k * count, (k + 1) * count), Range(
                    _choice(case, self.analysis),
                    float(volts[k]), int(repeats[k]), case.cell_voltage(float(volts[k])),
                    self.analysis.read_voltage,
                ),
                prepared, provenance(case.circuit, origins[k], started),
                away=bool(prepared.runs_away[k]), cells=self._of_cells(case, drive, k),
            )
            for k, case in enumerate(cases)
            if k not in again
        }  # fmt: skip
        if again.size:
            shrunk = self._run(
                batch.take(again.tolist()), [cases[int(k)] for k in again], smaller[again],
                repeats[again] + 1, started,
            )  # fmt: skip
            runs |= dict(zip(again.tolist(), shrunk, strict=True))
        return [runs[k] for k in range(len(cases))]

    def _prepare(self, batch: Batch) -> Prepared:
        """Prepare a batch; a refusal names what fits the circuit, and what it rests on."""
        try:
            return self.backend.prepare(batch)
        except UnstableError as error:
            refused = error
        try:
            refuse_unstable(batch)
        except UnstableError as error:
            refused = error
        remarks = of_damping(batch.circuit) if len(batch) == 1 else ()
        raise UnstableError("; ".join([str(refused), *remarks]))

    def _forecast(
        self, prepared: Prepared, drive: Drive, may_shrink: NDArray[np.bool_]
    ) -> tuple[Forecast | None, NDArray[np.bool_]]:
        """Return the forecast, and which circuits one says that the range is too large for.

        It spares ngspice a run in such a range, and nothing more is foretold in it; where the
        equations are not known the run itself has to tell.
        """
        parts = []
        for part in prepared.forecast(drive):
            parts.append(part)
            near = foretold_near_limits(prepared.batch, part) & may_shrink
            if near.any():
                return None, near
        return join_forecasts(parts), np.zeros(len(prepared.batch), bool)

    def _attempt(
        self, prepared: Prepared, drive: Drive, forecast: Forecast | None, *, give_up: bool
    ) -> Outcome:
        """Run every right-hand side in one range, here or shared out."""
        finished: float = 0

        def report(count: float) -> None:
            nonlocal finished
            finished += count
            if self.progress is not None:
                self.progress(finished)

        return run_shared(
            prepared, drive, self.analysis, self.pool, forecast=forecast, keep=self.keep,
            give_up=give_up and len(prepared.batch) == 1, report=report,
        )  # fmt: skip

    def _of_cells(self, case: Case, drive: Drive, number: int) -> tuple[str, ...]:
        """Say what is to be known of cells with a curve."""
        said: tuple[str, ...] = ()
        beyond = drive.beyond
        if beyond is not None:  # of cells with noise in time, rests are not looked for
            said = cells_beyond(case.circuit, beyond.voltage[number], beyond.cell[number])
        if case.circuit.zero_bias is not None:
            said = (*said, SET)
        elif case.circuit.device.set_when_used and case.circuit.rail_limited:
            said = (*said, SET_AT_ZERO)
        if case.circuit.tangent is not None:
            said = (*said, OF_CURVES)
        return said

    def _read_out(
        self,
        case: Case,
        outcome: Outcome,
        rows: slice,
        scale: Range,
        prepared: Prepared,
        origin: dict[str, Any],
        *,
        away: bool,
        cells: tuple[str, ...],
    ) -> Run:
        """Return the run of one case: its rows of what was measured, read out."""
        measurement, conversion = outcome.measurement.take(rows), None
        volts = scale.volts_per_unit
        if case.circuit.converts:
            measurement, conversion = convert(
                case.inputs, measurement, case.answers, volts, self.analysis
            )
        else:
            measurement = measurement.read_out(case.circuit, volts, case.answers)
        waveforms = None
        if self.keep and outcome.streams:
            waveforms = Waveforms(
                names=prepared.batch.names,
                segments=tuple(segment for stream in outcome.streams for segment in stream),
                outputs=tuple(int(k) for k in prepared.batch.outputs),
            )
        notes = (
            near_noise_limit(case.circuit),
            nothing_grew(case.circuit, measurement),
            nothing_pushed(case.circuit, case.vectors, measurement),
            *cells,
        )
        return _run_of(
            case, measurement, self.backend, scale, origin, waveforms=waveforms,
            conversion=conversion, runs_away=away, notes=tuple(note for note in notes if note),
        )  # fmt: skip


def warn_of_small_outputs(
    batch: Batch, outputs: Array, asked: NDArray[np.bool_], given: float
) -> None:
    """Say that a range that was given uses next to nothing of what outputs can show.

    Parameters
    ----------
    batch : Batch
        Of C circuits.
    outputs : ndarray, shape (C,)
        Largest magnitude of an output of each [V].
    asked : ndarray of bool, shape (C,)
        Whether the answer is another than zero.
    given : float
        The range.
    """
    if (asked & (outputs < SMALLEST_USE * batch.circuit.opamp.highest_output)).any():
        warnings.warn(
            f"range = {given:g} volts per unit leaves every output below "
            f"{SMALLEST_USE:g} of its range, where offsets, settling bands and the smallest "
            "entry that counts are not small any more: take a larger range",
            AccuracyWarning,
            stacklevel=2,
        )


def _choice(case: Case, analysis: Analysis) -> str:
    """Return how the range of a case was chosen."""
    if analysis.range != "reference":
        return "fixed"
    return "reference" if case.predicted is None else "predicted"


def ideal_run(case: Case, backend: Backend, started: float) -> Run:
    """Return the run of a backend without voltages: the reference answers themselves."""
    circuit = case.circuit
    backend.check(circuit)
    measurement, conversion, scale = Measurement.ideal(case.answers), None, 1.0
    if circuit.converts:
        scale = case.volts_per_unit(backend.analysis)
        answers = problem_of(circuit).answer(circuit, case.inputs.at(scale))
        volts = answers / circuit.output_scale * scale
        measurement, conversion = convert(
            case.inputs, replace(measurement, outputs=volts, sampled=volts), case.answers, scale,
            backend.analysis,
        )  # fmt: skip
    origin = provenance(circuit, None, started)
    choice = "reference" if backend.analysis.range == "reference" else "fixed"
    return _run_of(
        case, measurement, backend, Range(choice, scale, 0), origin, conversion=conversion
    )


def _run_of(
    case: Case, measurement: Measurement, backend: Backend, scale: Range, origin: dict[str, Any],
    *, waveforms: Waveforms | None = None, **others: Any,
) -> Run:  # fmt: skip
    circuit = case.circuit
    return Run(
        problem=circuit.problem,
        circuit=circuit.name,
        fidelity=backend.name,
        measurement=measurement,
        single=case.single,
        range=scale,
        amplifiers=circuit.amplifier_count,
        cells=circuit.schematic.cells,
        waveforms=waveforms,
        provenance=origin,
        judgement=functools.partial(judge, circuit, case.vectors, measurement, None),
        feedback=case.feedback,
        zero_bias=case.circuit.zero_bias,
        assumptions=(
            functools.partial(assumptions, circuit, measurement, decks=backend.uses_ngspice)
            if backend.simulates
            else tuple
        ),
        **others,
    )
