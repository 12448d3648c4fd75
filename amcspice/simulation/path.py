"""`simulate`: circuits with their right-hand sides, one path for every fidelity.

A single circuit is a batch of one.  Circuits that differ in their networks only stand in one
batch where the backend takes several; each gives what it gives alone.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from amcspice.circuit import Circuit
from amcspice.engine import (
    Analysis,
    Backend,
    choose_analysis,
    get_backend,
    have_equal_wiring,
)
from amcspice.errors import caution
from amcspice.pool import Pool, as_pool, cumulative
from amcspice.simulation.case import Case
from amcspice.simulation.ranging import Ranging, ideal_run
from amcspice.simulation.regular import regular
from amcspice.simulation.run import Run
from amcspice.simulation.verification import Verify
from amcspice.simulation.verify import Verifier

__all__ = ["simulate", "simulate_many"]


def simulate(
    circuit: Circuit,
    b: ArrayLike,
    *,
    analysis: Analysis | None = None,
    keep_waveforms: bool = True,
    progress: Callable[[float], None] | None = None,
    jobs: int | Pool = 1,
    verify: int | Verify = 0,
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
        Called with the number of right-hand sides finished, several times a second while ngspice
        runs: a part of them then, by simulated time, so that it need not be whole.
    jobs : int or Pool
        Processes that share the right-hand sides; changes no result.
    verify : int or Verify
        How many right-hand sides, drawn with the device's seed, are run again at the next higher
        fidelity; `amcspice.Verify` chooses fidelity and limits, too. What is beyond a limit is
        warned of (`amcspice.CautionWarning`) and stands in ``run.verification``.
    **options
        Fields of `Analysis`.

    Returns
    -------
    Run

    Warns
    -----
    CautionWarning
        If an amplifier ends at a limit or rests at a saddle, so that x is wrong, if something did
        not settle, or if the verification did not pass; ``run.cautions`` says what else there is
        to know.

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
    if run.alarms and not run.runs_away:
        caution("; ".join(run.alarms))
    if verifier is None:
        return run
    verifier.offer(circuit, circuit.vectors(b), run)
    return replace(run, verification=verifier.verify())


def simulate_many(
    circuits: Sequence[Circuit],
    b: Sequence[ArrayLike],
    analysis: Analysis,
    report: Callable[[float], None] | None = None,
    jobs: int | Pool = 1,
    volts: Sequence[float | None] | None = None,
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
    volts : sequence of float, optional
        Volts per unit that each begins with, predicted without its answers; None is chosen with
        them.

    Returns
    -------
    list of Run
        Without waveforms.
    """
    return _simulate(circuits, b, analysis, jobs, report=report, volts=volts)


def _simulate(
    circuits: Sequence[Circuit],
    b: Sequence[ArrayLike],
    analysis: Analysis,
    jobs: int | Pool,
    keep: bool = False,
    progress: Callable[[float], None] | None = None,
    report: Callable[[float], None] | None = None,
    volts: Sequence[float | None] | None = None,
) -> list[Run]:
    started = time.perf_counter()
    backend = get_backend(analysis)
    ranges = [None] * len(circuits) if volts is None else volts
    cases = [
        Case.of(circuit, vectors, backend, predicted)
        for circuit, vectors, predicted in zip(circuits, b, ranges, strict=True)
    ]
    runs: dict[int, Run] = {}
    with contextlib.nullcontext() if jobs == 1 else as_pool(jobs) as pool:
        for numbers in _batches(cases, backend):
            group = [cases[number] for number in numbers]
            follow = progress if report is None else cumulative(report)
            if backend.simulates:
                with regular():
                    made = Ranging(backend, analysis, pool, keep, follow).run(group, started)
            else:
                made = [ideal_run(case, backend, started) for case in group]
            runs.update(zip(numbers, made, strict=True))
            if report is not None and follow is not None:
                follow(sum(map(len, made)))
    return [runs[number] for number in range(len(cases))]


def _batches(cases: Sequence[Case], backend: Backend) -> Iterator[list[int]]:
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
