"""`simulate`: circuits with their right-hand sides, one path for every fidelity.

A single circuit is a batch of one.  Circuits that differ in their networks only stand in one
batch where the backend takes several; each gives what it gives alone.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import (
    Analysis,
    Backend,
    Batch,
    Drive,
    Forecast,
    Prepared,
    Waveforms,
    choose_analysis,
    get_backend,
    have_equal_wiring,
)
from amcspice.measure import Measurement, near_limits
from amcspice.pool import Pool, Report, as_pool
from amcspice.problem import problem_of
from amcspice.simulation.conversion import Inputs, convert
from amcspice.simulation.once import Outcome, drive_of, join_forecasts, run_once
from amcspice.simulation.provenance import provenance
from amcspice.simulation.result import Range, Run, judge
from amcspice.simulation.verify import Verifier

__all__ = ["simulate", "simulate_many"]

MAX_HALVINGS = 12
PARTS_PER_JOB = 4
"""Parts that each process gets of a run, so that none waits long for the last one."""


def simulate(
    circuit: Circuit,
    b: ArrayLike,
    *,
    analysis: Analysis | None = None,
    keep_waveforms: bool = True,
    progress: Callable[[int], None] | None = None,
    jobs: int | Pool = 1,
    verify: int = 0,
    **options: Any,
) -> Run:
    """Simulate a circuit for one or many right-hand sides.

    Parameters
    ----------
    circuit : Circuit
        Such as `amcspice.CompactGINV`.
    b : array_like, shape (m,) or (m, K)
        Right-hand sides; they are streamed through one transient, column after column.
    analysis : Analysis, optional
        Or its fields as keywords: ``fidelity="flat"``.
    keep_waveforms : bool
        False saves memory.
    progress : callable, optional
        Called with the number of right-hand sides finished.
    jobs : int or Pool
        Processes that share the right-hand sides; changes no result.
    verify : int
        How many right-hand sides, drawn with the device's seed, are run again at the next higher
        fidelity.
    **options
        Fields of `Analysis`.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If the input cannot be used.
    SimulationError
        If a simulation fails.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> A = np.array([[1.0, 0.2], [0.3, 0.8], [0.5, 0.5]])
    >>> run = amc.simulate(amc.CompactGINV(A), A @ [0.5, 0.25])
    >>> bool(run.settled), bool(run.relative_error < 1e-3)
    (True, True)
    """
    chosen = choose_analysis(analysis, options)
    verifier = Verifier(verify, chosen, circuit.device.seed) if verify else None
    (run,) = _simulate([circuit], [b], chosen, jobs, keep_waveforms, progress)
    if verifier is None:
        return run
    verifier.offer(circuit, circuit.vectors(b), run)
    return replace(run, verification=verifier.verify())


def simulate_many(
    circuits: Sequence[Circuit],
    b: Sequence[ArrayLike],
    analysis: Analysis,
    report: Callable[[int], None] | None = None,
    jobs: int | Pool = 1,
) -> list[Run]:
    """Simulate circuits, each with right-hand sides of its own; each gives what it gives alone.

    Parameters
    ----------
    circuits : sequence of Circuit
        Topologies, matrices, selected lines and seeds may differ.
    b : sequence of array_like, shapes (m,) or (m, K)
        Right-hand sides of each, of its input size.
    analysis : Analysis
    report : callable, optional
        Called with the number of right-hand sides finished since the last call.
    jobs : int or Pool
        Processes that share the right-hand sides of a circuit which is simulated by itself.

    Returns
    -------
    list of Run
        Without waveforms.
    """
    return _simulate(circuits, b, analysis, jobs, report=report)


@dataclass(frozen=True, eq=False)
class _Case:
    """A circuit with its right-hand sides, and where its answers should be."""

    circuit: Circuit
    vectors: Array
    single: bool
    answers: Array
    inputs: Inputs

    @classmethod
    def of(cls, circuit: Circuit, b: ArrayLike, analysis: Analysis) -> _Case:
        vectors = circuit.vectors(b)
        answers = problem_of(circuit).answer(circuit, vectors)
        return cls(
            circuit, vectors, np.ndim(b) == 1, answers, Inputs(circuit, vectors, analysis.dac)
        )

    def volts_per_unit(self, analysis: Analysis) -> float:
        """Return the first range that is tried."""
        if analysis.range != "reference":
            return float(analysis.range)
        return self.circuit.volts_per_unit(self.vectors, self.answers, analysis.full_scale)


def _simulate(
    circuits: Sequence[Circuit],
    b: Sequence[ArrayLike],
    analysis: Analysis,
    jobs: int | Pool,
    keep: bool = False,
    progress: Callable[[int], None] | None = None,
    report: Callable[[int], None] | None = None,
) -> list[Run]:
    started = time.perf_counter()
    backend = get_backend(analysis)
    cases = [_Case.of(*pair, analysis) for pair in zip(circuits, b, strict=True)]
    runs: dict[int, Run] = {}
    with contextlib.nullcontext() if jobs == 1 else as_pool(jobs) as pool:
        for numbers in _batches(cases, backend):
            group = [cases[number] for number in numbers]
            if backend.simulates:
                made = _Ranging(backend, analysis, pool, keep, progress).run(group, started)
            else:
                made = [_ideal(case, backend, started) for case in group]
            for number, run in zip(numbers, made, strict=True):
                runs[number] = run
                if report is not None:
                    report(len(run))
    return [runs[number] for number in range(len(cases))]


def _batches(cases: Sequence[_Case], backend: Backend) -> Iterator[list[int]]:
    """Yield the numbers of cases that run together, in the order in which they can."""
    groups: list[list[int]] = []
    for number, case in enumerate(cases):
        circuit, count = case.circuit, len(case.vectors)
        alone = backend.largest_batch == 1 or len(cases) == 1 or _runs_alone(circuit)
        alone = alone or count > (backend.largest_count or count)
        for group in () if alone else groups:
            first = cases[group[0]]
            if (
                len(group) < backend.largest_batch
                and len(first.vectors) == count
                and have_equal_wiring(first.circuit, circuit)
            ):
                group.append(number)
                break
        else:
            groups.append([number])
            if alone:
                yield groups.pop()
    yield from groups


def _runs_alone(circuit: Circuit) -> bool:
    """Whether a circuit has a start or charged lines of its own."""
    return circuit.rail_limited or bool(len(circuit.schematic.capacitors[0]))


@dataclass(frozen=True, eq=False)
class _Part:
    """Some right-hand sides of a circuit, for a process of its own."""

    circuit: Circuit
    analysis: Analysis
    currents: Array
    lead: int
    forecast: Forecast | None
    keep: bool
    give_up: bool


def _run_part(part: _Part, report: Report) -> Outcome:
    batch = Batch.of([part.circuit])
    return run_once(
        get_backend(part.analysis).prepare(batch),
        Drive.of(batch, [part.currents]),
        part.analysis,
        lead=part.lead,
        forecast=part.forecast,
        keep=part.keep,
        give_up=part.give_up,
        report=report,
    )


@dataclass(frozen=True, eq=False)
class _Ranging:
    """Runs batches in a range in which no amplifier comes near a limit."""

    backend: Backend
    analysis: Analysis
    pool: Pool | None
    keep: bool
    progress: Callable[[int], None] | None

    def run(self, cases: Sequence[_Case], started: float) -> list[Run]:
        """Return the runs of cases that stand in one batch."""
        batch = Batch.of([case.circuit for case in cases])
        volts = np.array([case.volts_per_unit(self.analysis) for case in cases])
        return self._run(batch, cases, volts, np.zeros(len(cases), int), started)

    def _run(
        self,
        batch: Batch,
        cases: Sequence[_Case],
        volts: Array,
        repeats: NDArray[np.intp],
        started: float,
    ) -> list[Run]:
        prepared = self.backend.prepare(batch)
        fixed = prepared.runs_away | (self.analysis.range != "reference")
        while True:
            sent = [case.inputs.at(scale) for case, scale in zip(cases, volts, strict=True)]
            drive = drive_of(batch, sent, volts)
            may_halve = ~fixed & (repeats < MAX_HALVINGS)
            foretold = self._forecast(prepared, drive, stop=bool(may_halve.any()))
            if foretold is None:
                volts, repeats = volts / 2, repeats + 1
                continue
            forecast = join_forecasts(foretold)
            outcome = self._attempt(prepared, drive, forecast, give_up=bool(may_halve.all()))
            near = outcome.measurement.near_limit.reshape(len(batch), -1).any(axis=1)
            again = np.flatnonzero(near & may_halve)
            if not again.size or len(batch) > 1:
                break
            volts, repeats = volts / 2, repeats + 1
        origins = prepared.origin(drive, forecast)
        count = len(drive)
        runs = {
            k: self._read_out(
                case, outcome, slice(k * count, (k + 1) * count), Range(
                    "reference" if self.analysis.range == "reference" else "fixed",
                    float(volts[k]), int(repeats[k]),
                ),
                prepared, provenance(case.circuit, origins[k], started),
            )
            for k, case in enumerate(cases)
            if k not in again
        }  # fmt: skip
        if again.size:
            halved = self._run(
                batch.take(again.tolist()), [cases[int(k)] for k in again], volts[again] / 2,
                repeats[again] + 1, started,
            )  # fmt: skip
            runs |= dict(zip(again.tolist(), halved, strict=True))
        return [runs[k] for k in range(len(cases))]

    def _forecast(self, prepared: Prepared, drive: Drive, *, stop: bool) -> list[Forecast] | None:
        """Return forecasts of all chunks; None as soon as one says that the range is too large.

        It spares ngspice a run in a range that is too large; where the equations are not known
        the run itself has to tell.
        """
        parts = []
        for part in prepared.forecast(drive):
            if stop and near_limits(prepared.batch, part.final, part.into).any():
                return None
            parts.append(part)
        return parts

    def _attempt(
        self, prepared: Prepared, drive: Drive, forecast: Forecast | None, *, give_up: bool
    ) -> Outcome:
        """Run every right-hand side in one range, here or shared out."""
        finished = 0

        def report(count: int) -> None:
            nonlocal finished
            finished += count
            if self.progress is not None:
                self.progress(finished)

        count, chunk = len(drive), prepared.chunk
        chunks = -(-count // chunk)
        give_up = give_up and len(prepared.batch) == 1
        pool = self.pool
        if pool is None or pool.jobs == 1 or chunks == 1 or len(prepared.batch) > 1:
            return run_once(
                prepared, drive, self.analysis, forecast=forecast, keep=self.keep,
                give_up=give_up, report=report,
            )  # fmt: skip
        # Parts are whole chunks: where a chunk begins never depends on the number of jobs.
        size = chunk * max(1, chunks // (PARTS_PER_JOB * pool.jobs))
        parts = [
            _Part(
                prepared.batch.circuit, self.analysis,
                drive.currents[0][max(first - 1, 0) : first + size], min(first, 1),
                _take_windows(forecast, slice(first // chunk, (first + size) // chunk)),
                self.keep, give_up,
            )
            for first in range(0, count, size)
        ]  # fmt: skip
        return Outcome.join(pool.map(_run_part, parts, report))

    def _read_out(
        self,
        case: _Case,
        outcome: Outcome,
        rows: slice,
        scale: Range,
        prepared: Prepared,
        origin: dict[str, Any],
    ) -> Run:
        """Return the run of one case: its rows of what was measured, read out."""
        measurement, conversion = outcome.measurement.take(rows), None
        volts = scale.volts_per_unit
        if self.analysis.converts:
            measurement, conversion = convert(
                case.inputs, self.analysis.adc, measurement, case.answers, volts
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
        return replace(
            _run_of(case, measurement, self.backend, scale, origin),
            waveforms=waveforms,
            conversion=conversion,
        )


def _take_windows(forecast: Forecast | None, chunks: slice) -> Forecast | None:
    if forecast is None:
        return None
    none = forecast.final[:0]
    return Forecast(forecast.windows[chunks], none, none)


def _ideal(case: _Case, backend: Backend, started: float) -> Run:
    backend.check(case.circuit)
    measurement = Measurement.ideal(case.answers)
    origin = provenance(case.circuit, None, started)
    return _run_of(case, measurement, backend, Range("reference", 1.0, 0), origin)


def _run_of(
    case: _Case, measurement: Measurement, backend: Backend, scale: Range, origin: dict[str, Any]
) -> Run:
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
        waveforms=None,
        provenance=origin,
        judgement=functools.partial(judge, circuit, case.vectors, measurement, None),
    )
