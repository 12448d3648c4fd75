"""A half-step on stored ratings: a factor is programmed into a file, blocks are shared out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.reduced import Solved, calibrated
from amcspice.engine import BACKENDS, Analysis
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
from amcspice.workload.stored.ratings import StoredRatings
from amcspice.workload.stored.sample import CONFIDENCE, Sample, SampleBlock, draw

__all__ = ["STRONGEST", "Executor", "HalfStepResult", "Side", "StoredTask", "half_step"]

Array = NDArray[np.float64]
T = TypeVar("T")
R = TypeVar("R")

STRONGEST = 0.19
"""Largest output current of all amplifier presets, the limit in the OPA690 data sheet [A]."""

SAMPLED_AT_ONCE = 256
"""Regressions of a sample in one task."""


class Executor(Protocol):
    """Applies a function to tasks, here or elsewhere: `Pool`, `DaskPool`."""

    def map(
        self,
        function: Callable[[T, Report], R],
        tasks: Iterable[T],
        report: Callable[[Any], None] | None = None,
    ) -> list[R]:
        """Return the results in the order of the tasks."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredTask:
    """What is factorised, on which circuit, and how it is shared out.

    Parameters
    ----------
    ratings : StoredRatings
    rank, iterations, tolerance, seed
        See `FactorisationTask`.
    ridge : float
        For each rating of a regression.
    scale : tuple of float
        Lowest and highest rating.
    circuit : str, optional
    parameters : mapping
        Of the circuit, see `amcspice.make_circuit`.
    analysis : Analysis
    predicted : bool
        Predict ranges from the first regressions of every half-step, without the answers.
    sample : int
        Regressions of a half-step that are run in time, at dc; 0 runs none.
    blocks : int
        Tasks of a half-step; changes no result.
    folder : Path
        For factors, seen by everyone who solves blocks.
    """

    ratings: StoredRatings
    rank: int
    iterations: int
    tolerance: float
    seed: int
    ridge: float
    scale: tuple[float, float]
    circuit: str | None
    parameters: dict[str, Any]
    analysis: Analysis
    predicted: bool
    sample: int
    blocks: int
    folder: Path


class Side:
    """Whom a half-step is for: items in even cycles, users in odd ones."""

    def __init__(self, ratings: StoredRatings, cycle: int) -> None:
        users, items = ratings.shape
        self.order, self.name = ("by_user", "users") if cycle % 2 else ("by_item", "items")
        self.count = users if cycle % 2 else items


@dataclass(frozen=True, eq=False)
class HalfStepResult:
    """What a half-step gives.

    Parameters
    ----------
    values, digital_values : ndarray, shape (K, rank)
        The factor that was solved for, of the circuit and of the digital twin.
    errors, digital_errors : ndarray, shape (K, 2)
        Squared errors of predictions, as they are and cut to the scale.
    measured : Measurement
        Of all regressions on the circuit.
    ledger : Ledger
    estimate : Estimate, optional
        Of time and energy, from the sample.
    figures : dict
        Plain values, for whoever looks at a single half-step.
    circuit : Circuit
        One row of it.
    """

    values: Array
    digital_values: Array
    errors: Array
    digital_errors: Array
    measured: Measurement
    ledger: Ledger
    estimate: Estimate | None
    figures: dict[str, Any]
    circuit: Any


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
    side, ratings = Side(task.ratings, cycle), task.ratings
    counts = ratings.counts(side.order)
    names = {name: task.folder / f"{name}-{cycle:04d}.npy" for name in ("factor", "twin", "cells")}
    files = FactorFile.of(factor, names["factor"]), FactorFile.of(twin, names["twin"])
    records = FactorRecords.program(factor, cycle, task.circuit, task.parameters, names["cells"])
    assert records is not None  # columns without an entry were given a new start
    calibration = Ledger()
    if task.predicted:
        known = ratings.some(side.order, np.flatnonzero(counts)[:CALIBRATIONS])
        records, calibration = calibrated(records, known, task.ridge, task.analysis)
    programmed = time.perf_counter() - began
    edges = cuts(counts, task.blocks)
    analog_blocks, digital_blocks = (
        [Block(ratings, side.order, *edge, file, task.ridge, task.scale) for edge in edges]
        for file in files
    )
    sample = _sample(task, counts, cycle)
    tasks: list[Any] = [AnalogBlock(each, records, task.analysis) for each in analog_blocks]
    tasks += [DigitalBlock(each) for each in digital_blocks]
    tasks += _sample_blocks(task, side, sample, records)
    results = executor.map(solve_block, tasks, progress)
    n = len(edges)
    analog, digital, sampled = results[:n], results[n : 2 * n], results[2 * n :]
    for old in task.folder.glob("*-[0-9][0-9][0-9][0-9].npy"):
        if old not in names.values():
            old.unlink()
    values, errors = _joined(analog, edges, side.count, task.rank)
    digital_values, digital_errors = _joined(digital, edges, side.count, task.rank)
    solved = Solved.join([each.solved for each in analog if each.solved is not None])
    figures = {
        "cycle": cycle,
        "side": side.name,
        "regressions": len(solved.volts),
        "ratings": int(counts.sum()),
        **_of_currents(solved),
        "cpu_s": {
            "circuit": sum(each.seconds for each in analog),
            "digital": sum(each.seconds for each in digital),
            "sample": sum(seconds for _, seconds in sampled),
        },
    }
    figures["memory_b"] = max(each.memory for each in (*analog, *digital))
    estimate = None
    if sampled:
        assert sample is not None
        in_time = Solved.join([each for each, _ in sampled])
        described, estimate = _of_sample(sample, in_time, values, records)
        figures["sample"] = described
    ledger = _ledger(records, calibration, solved, side, counts, task)
    figures["cpu_s"]["here"] = time.process_time() - cpu
    figures["wall_s"] = {"programming": programmed, "total": time.perf_counter() - began}
    return HalfStepResult(
        values, digital_values, errors, digital_errors, solved.measured, ledger, estimate,
        figures, records.circuit,
    )  # fmt: skip


def _joined(
    results: list[BlockResult], edges: list[tuple[int, int]], count: int, rank: int
) -> tuple[Array, Array]:
    """Put what blocks gave in its places; what has no rating is zero."""
    values, errors = np.zeros((count, rank)), np.zeros((count, 2))
    for (first, _), result in zip(edges, results, strict=True):
        values[first + result.some], errors[first + result.some] = result.values, result.errors
    return values, errors


def _of_currents(solved: Solved) -> dict[str, Any]:
    """Return how many regressions ask for more current than any amplifier delivers."""
    current = solved.current[np.isfinite(solved.current)]
    if not current.size:
        return {"output_current_a": None}
    return {
        "output_current_a": {
            "median": float(np.median(current)),
            "largest": float(current.max()),
            "strongest_amplifier": STRONGEST,
            "share_beyond": float((current > STRONGEST).mean()),
        }
    }


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


def _of_sample(
    sample: Sample, solved: Solved, values: Array, records: FactorRecords
) -> tuple[dict[str, Any], Estimate]:
    """Return what a sample says of time and energy, and how far its solutions are from dc."""
    measured = solved.measured
    settling = np.where(measured.settled, measured.settling_time, np.nan)
    spent = np.where(measured.settled, measured.energy, np.nan)
    difference = np.linalg.norm(solved.values - values[sample.numbers], axis=1)
    size = np.linalg.norm(values[sample.numbers], axis=1)
    deviation = difference / np.where(size > 0, size, 1.0)
    settled = int(measured.settled.sum())
    described = {
        "regressions": len(sample),
        "of": round(sample.total),
        "confidence": CONFIDENCE,
        "settled": settled,
        "largest_deviation_from_dc": float(np.nanmax(deviation)),
        "settling_time_s": sample.describe(settling),
        "energy_j": sample.describe(spent),
    }
    activity = records.programmed.activity
    assert activity is not None
    (time_mean, time_error), (mean, error) = sample.mean(settling), sample.mean(spent)
    amplifiers = activity.static_power * time_mean
    return described, Estimate(
        sampled=settled,
        settling=time_mean,
        amplifiers=amplifiers,
        array=mean - amplifiers,
        settling_error=time_error,
        energy_error=error,
        confidence=CONFIDENCE,
        unsettled=len(sample) - settled,
        total=round(sample.total),
    )


def _ledger(
    records: FactorRecords,
    calibration: Ledger,
    solved: Solved,
    side: Side,
    counts: NDArray[np.int64],
    task: StoredTask,
) -> Ledger:
    """Return the account of a half-step: one writing, its operations, and scaling beside them."""
    ledger, held = Ledger(), records.programmed.activity
    assert held is not None
    ledger.write(ledger.activity(held))
    ledger.merge(calibration)
    entries = float(np.prod(held.shape))
    ledger.compute("scaling", 2.0 * entries + side.count * task.rank)
    choice = "reference" if task.analysis.range == "reference" else "fixed"
    choice = "predicted" if task.predicted else choice
    ledger.operate(
        ledger.activity(dataclasses.replace(held, range=choice)),
        solved.measured,
        solved.volts,
        sent=int(counts.sum()),
        cell_voltage=float(np.nanmax(solved.cell_voltage, initial=0.0)),
        in_time=BACKENDS[task.analysis.fidelity].in_time,
    )
    return ledger
