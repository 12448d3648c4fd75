"""`simulate`: one circuit, any number of right-hand sides, one fidelity."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine import Waveforms
from amcspice.errors import InputError, UnsupportedError
from amcspice.measure import relative_error
from amcspice.pool import Pool, Report, as_pool
from amcspice.solver.attempt import Simulation
from amcspice.solver.conversion import Inputs, convert
from amcspice.solver.found import Found
from amcspice.solver.provenance import provenance
from amcspice.solver.reference import reference
from amcspice.solver.result import Analysis, Run
from amcspice.solver.verify import Verifier

__all__ = ["simulate"]

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
    >>> bool(run.settled.all()), bool(run.relative_error.max() < 1e-3)
    (True, True)
    """
    if analysis is None:
        analysis = Analysis(**options)
    elif options:
        raise InputError("give either an analysis or its fields as keywords, not both")
    verifier = Verifier(verify, analysis, circuit.device.seed)
    started = time.perf_counter()
    vectors = circuit.vectors(b)
    answer = reference(circuit, vectors)
    shape: Callable[[Array], Array] = (lambda a: a[0]) if np.ndim(b) == 1 else np.transpose
    if analysis.fidelity == "ideal":
        if analysis.converts:
            raise UnsupportedError(
                "the ideal fidelity has no volts to convert; use behavioural, reduced or flat"
            )
        return _ideal(circuit, analysis, answer, shape, started)
    with as_pool(jobs) as pool:
        streaming = _Streaming(circuit, analysis, keep_waveforms, pool, progress)
        inputs = Inputs(circuit, vectors, analysis.dac)
        volts_per_unit = circuit.volts_per_unit(vectors, answer, analysis.full_scale)
        halvings, most = 0, 0 if streaming.simulation.runs_away else MAX_HALVINGS
        while halvings < most and streaming.simulation.expects_limit(
            inputs.at(volts_per_unit), volts_per_unit
        ):
            volts_per_unit, halvings = volts_per_unit / 2, halvings + 1
        sent = inputs.at(volts_per_unit)
        found = streaming.attempt(sent, volts_per_unit, give_up=halvings < most)
        while found.near_limit.any() and halvings < most:
            volts_per_unit, halvings = volts_per_unit / 2, halvings + 1
            sent = inputs.at(volts_per_unit)
            found = streaming.attempt(sent, volts_per_unit, give_up=halvings < most)
    simulation = streaming.simulation
    solutions = circuit.read_out(found.outputs, volts_per_unit)
    waveforms = None
    if keep_waveforms:
        waveforms = Waveforms(
            names=simulation.model.names,
            segments=tuple(segment for stream in found.streams for segment in stream),
            outputs=tuple(int(k) for k in simulation.outputs),
        )
    run = Run(
        x=shape(solutions),
        reference=shape(answer),
        relative_error=relative_error(solutions, answer),
        settled=found.settled,
        settling_time=found.settling_time,
        power=found.power,
        energy=found.energy,
        waveforms=waveforms,
        volts_per_unit=volts_per_unit,
        range_halvings=halvings,
        near_limit=bool(found.near_limit.any()),
        amplifiers=circuit.amplifier_count,
        cells=circuit.schematic.cells,
        provenance=simulation.provenance(sent, volts_per_unit, started),
    )
    if analysis.converts:
        read, conversion = convert(inputs, analysis.adc, found, answer, volts_per_unit)
        run = replace(
            run, x=shape(read), relative_error=relative_error(read, answer), conversion=conversion
        )
    verifier.offer(circuit, vectors, run)
    return replace(run, verification=verifier.verify())


@dataclass(frozen=True, eq=False)
class _Part:
    """Some right-hand sides of a run, for a process of its own."""

    circuit: Circuit
    analysis: Analysis
    vectors: Array
    volts_per_unit: float
    lead: int
    keep: bool
    give_up: bool


def _simulate_part(part: _Part, report: Report) -> Found:
    return Simulation(part.circuit, part.analysis).attempt(
        part.vectors, part.volts_per_unit, lead=part.lead, keep=part.keep,
        give_up=part.give_up, report=report,
    )  # fmt: skip


class _Streaming:
    """The right-hand sides of one run, streamed here or shared out."""

    def __init__(
        self,
        circuit: Circuit,
        analysis: Analysis,
        keep: bool,
        pool: Pool,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.circuit, self.analysis = circuit, analysis
        self.keep, self.pool, self.progress = keep, pool, progress
        self.simulation = Simulation(circuit, analysis)

    def attempt(self, vectors: Array, volts_per_unit: float, *, give_up: bool) -> Found:
        """Run every right-hand side in one range; see `Simulation.attempt`."""
        done = 0

        def report(count: int) -> None:
            nonlocal done
            done += count
            if self.progress is not None:
                self.progress(done)

        count, chunk = len(vectors), self.simulation.chunk
        chunks = -(-count // chunk)
        if self.pool.jobs == 1 or chunks == 1:
            return self.simulation.attempt(
                vectors, volts_per_unit, keep=self.keep, give_up=give_up, report=report
            )
        # Parts are whole chunks: where a chunk begins never depends on the number of jobs.
        size = chunk * max(1, chunks // (PARTS_PER_JOB * self.pool.jobs))
        parts = [
            _Part(
                self.circuit, self.analysis, vectors[max(first - 1, 0) : first + size],
                volts_per_unit, min(first, 1), self.keep, give_up,
            )
            for first in range(0, count, size)
        ]  # fmt: skip
        return Found.join(self.pool.map(_simulate_part, parts, report))


def _ideal(
    circuit: Circuit,
    analysis: Analysis,
    answer: Array,
    shape: Callable[[Array], Array],
    started: float,
) -> Run:
    count = len(answer)
    unknown = np.full(count, np.nan)
    return Run(
        x=shape(answer),
        reference=shape(answer),
        relative_error=np.zeros(count),
        settled=np.ones(count, bool),
        settling_time=unknown,
        power={},
        energy=unknown,
        waveforms=None,
        volts_per_unit=1.0,
        range_halvings=0,
        near_limit=False,
        amplifiers=circuit.amplifier_count,
        cells=circuit.schematic.cells,
        provenance=provenance(circuit, started=started),
    )
