"""A half-step on stored ratings: a factor is programmed into a file, blocks are shared out."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.reduced import Solved
from amcspice.algorithm.alternating.reduced_range import calibrated
from amcspice.engine import BACKENDS
from amcspice.measure import Measurement
from amcspice.pool import Report
from amcspice.system.ledger import Ledger
from amcspice.system.prediction import CALIBRATIONS
from amcspice.system.work import Estimate
from amcspice.workload.stored.blocks import (
    AnalogBlock,
    Block,
    BlockResult,
    DigitalBlock,
    FactorFile,
    cuts,
    solve_block,
)
from amcspice.workload.stored.half_figures import account, of_currents, of_sample
from amcspice.workload.stored.sample import Sample, SampleBlock, draw
from amcspice.workload.stored.task import Executor, Side, StoredTask

__all__ = ["HalfStepResult", "half_step"]

Array = NDArray[np.float64]
Edges = list[tuple[int, int]]

SAMPLED_AT_ONCE = 256
"""Regressions of a sample in one task."""


@dataclass(frozen=True, eq=False)
class HalfStepResult:
    """What a half-step gives.

    Parameters
    ----------
    values, digital_values : ndarray, shape (K, rank)
        The factor that was solved for, of the circuit and of the digital twin.
    errors, digital_errors : ndarray, shape (K, 2)
        Squared errors of predictions, as they are and cut to the scale; for users only, whose
        factor is the last of an iteration.
    measured : Measurement
        Of all regressions on the circuit.
    ledger : Ledger
    estimate : Estimate, optional
        Of time and energy, from the sample.
    figures : dict
        Plain values, for whoever looks at a single half-step.
    """

    values: Array
    digital_values: Array
    errors: Array
    digital_errors: Array
    measured: Measurement
    ledger: Ledger
    estimate: Estimate | None
    figures: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Programmed:
    """A factor in its files, on the circuit and for the digital twin."""

    circuit: FactorFile
    twin: FactorFile
    records: FactorRecords
    calibration: Ledger

    @classmethod
    def of(
        cls, task: StoredTask, side: Side, factor: Array, twin: Array, cycle: int
    ) -> _Programmed:
        """Write the files of a half-step, under names of its own."""
        paths = [task.folder / f"{name}-{cycle:04d}.npy" for name in ("factor", "twin", "cells")]
        records = FactorRecords.program(factor, cycle, task.circuit, task.parameters, paths[2])
        assert records is not None  # columns without an entry were given a new start
        calibration = Ledger()
        if task.predicted:
            first = np.flatnonzero(task.ratings.counts(side.order))[:CALIBRATIONS]
            known = task.ratings.some(side.order, first)
            records, calibration = calibrated(records, known, task.ridge, task.analysis)
        files = FactorFile.of(factor, paths[0]), FactorFile.of(twin, paths[1])
        return cls(*files, records, calibration)

    def remove_earlier(self, task: StoredTask) -> None:
        """Remove the files of the half-step before: nobody reads them any more."""
        kept = {self.circuit.path, self.twin.path, self.records.records}
        for path in task.folder.glob("*-[0-9][0-9][0-9][0-9].npy"):
            if path not in kept:
                path.unlink()


def half_step(
    task: StoredTask,
    factor: Array,
    twin: Array,
    cycle: int,
    executor: Executor,
    progress: Report | None = None,
) -> HalfStepResult:
    """Solve all regressions on a factor, on the circuit and by its digital twin.

    Parameters
    ----------
    task : StoredTask
    factor, twin : ndarray, shape (m, rank)
        What is held fixed.
    cycle : int
        Number of the programming cycle.
    executor : Executor
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    """
    began, cpu = time.perf_counter(), time.process_time()
    side = Side(task.ratings, cycle)
    counts = task.ratings.counts(side.order)
    programmed = _Programmed.of(task, side, factor, twin, cycle)
    ready = time.perf_counter() - began
    edges, sample = cuts(counts, task.blocks), _sample(task, counts, cycle)
    tasks = [
        *_blocks(task, side, edges, programmed),
        *_sample_blocks(task, side, sample, programmed.records),
    ]
    results = executor.map(solve_block, tasks, progress)
    programmed.remove_earlier(task)
    n = len(edges)
    analog, digital, sampled = results[:n], results[n : 2 * n], results[2 * n :]
    values, errors = _joined(analog, edges, side.count, task.rank)
    digital_values, digital_errors = _joined(digital, edges, side.count, task.rank)
    solved = Solved.join([each.solved for each in analog if each.solved is not None])
    figures = {
        "cycle": cycle,
        "side": side.name,
        "regressions": len(solved.volts),
        "ratings": int(counts.sum()),
        **of_currents(solved),
        "memory_b": max(each.memory for each in (*analog, *digital)),
    }
    estimate = None
    if sample is not None:
        in_time = Solved.join([each for each, _ in sampled])
        figures["sample"], estimate = of_sample(sample, in_time, values, programmed.records)
    figures["cpu_s"] = {
        "circuit": sum(each.seconds for each in analog),
        "digital": sum(each.seconds for each in digital),
        "sample": sum(seconds for _, seconds in sampled),
        "here": time.process_time() - cpu,
    }
    figures["wall_s"] = {"programming": ready, "total": time.perf_counter() - began}
    ledger = account(programmed.records, programmed.calibration, solved, side, counts, task)
    return HalfStepResult(
        values, digital_values, errors, digital_errors, solved.measured, ledger, estimate, figures
    )


def _blocks(task: StoredTask, side: Side, edges: Edges, programmed: _Programmed) -> list[Any]:
    """Return the blocks of the circuit, and those of the digital twin."""

    def on(factor: FactorFile) -> list[Block]:
        return [
            Block(task.ratings, side.order, *edge, factor, task.ridge, side.scale(task))
            for edge in edges
        ]

    return [
        *(AnalogBlock(each, programmed.records, task.analysis) for each in on(programmed.circuit)),
        *(DigitalBlock(each) for each in on(programmed.twin)),
    ]


def _joined(
    results: list[BlockResult], edges: list[tuple[int, int]], count: int, rank: int
) -> tuple[Array, Array]:
    """Put what blocks gave in its places; what has no rating is zero."""
    values, errors = np.zeros((count, rank)), np.zeros((count, 2))
    for (first, _), result in zip(edges, results, strict=True):
        values[first + result.some], errors[first + result.some] = result.values, result.errors
    return values, errors


def _sample(task: StoredTask, counts: NDArray[np.int64], cycle: int) -> Sample | None:
    if BACKENDS[task.analysis.fidelity].in_time or not task.sample:
        return None
    return draw(counts, task.sample, (task.seed, cycle))


def _sample_blocks(
    task: StoredTask, side: Side, sample: Sample | None, records: FactorRecords
) -> list[Any]:
    if sample is None:
        return []
    analysis = dataclasses.replace(task.analysis, fidelity="behavioural")
    return [
        SampleBlock(
            task.ratings, side.order, sample.numbers[first : first + SAMPLED_AT_ONCE], records,
            analysis, task.ridge,
        )
        for first in range(0, len(sample), SAMPLED_AT_ONCE)
    ]  # fmt: skip
