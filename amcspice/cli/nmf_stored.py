"""``amcspice nmf ratings`` on ratings that are stored in a folder, shared out over processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from threadpoolctl import threadpool_limits

from amcspice.algorithm.alternating.records import refuse_unrecorded
from amcspice.cli.common import Settings
from amcspice.cli.nmf_table import print_table
from amcspice.cli.output import write_json
from amcspice.cli.progress import progress
from amcspice.cli.quantity import si
from amcspice.cli.result_folder import ResultFolder
from amcspice.cluster import RETRIES, DaskPool
from amcspice.errors import InputError, counted
from amcspice.files import replacing, writable_folder
from amcspice.pool import Pool
from amcspice.problem import PROBLEMS
from amcspice.system import Technology
from amcspice.workload.rating_table import Ratings, RatingTable
from amcspice.workload.stored.factorise import (
    StoredFactorisation,
    factorise_stored,
    provenance_of,
)
from amcspice.workload.stored.ratings import StoredRatings, store_ratings
from amcspice.workload.stored.report import figures
from amcspice.workload.stored.task import Executor, StoredTask

__all__ = ["Sharing", "factorise_folder"]

FACTORS, CHECKPOINT = "factors.npz", "checkpoint/ratings.npz"

FILES = (
    FACTORS, "metrics.json", CHECKPOINT, "checkpoint/*-[0-9][0-9][0-9][0-9].npy",
    "ratings/*.npz", "ratings/by_*/*.npy",
)  # fmt: skip


@dataclass(frozen=True)
class Sharing:
    """How regressions are shared out.

    Parameters
    ----------
    executor : {"local", "dask"}
    scheduler : str, optional
        Address of the Dask cluster.
    blocks : int
        Tasks of a half-step.
    sample : int
        Regressions of a half-step that are run in time, at dc.
    """

    executor: str
    scheduler: str | None
    blocks: int
    sample: int

    def __post_init__(self) -> None:
        """Validate."""
        if (self.executor == "dask") != (self.scheduler is not None):
            raise InputError("--executor dask and --scheduler tcp://HOST:PORT go together")

    @contextmanager
    def open(self, jobs: int) -> Iterator[Executor]:
        """Yield what solves blocks."""
        if self.scheduler is not None:
            with DaskPool(self.scheduler) as cluster:
                yield cluster
            return
        with Pool(jobs, RETRIES) as pool:
            yield pool


def factorise_folder(
    train: Path,
    table: tuple[Ratings, RatingTable | None] | None,
    *,
    rank: int,
    iterations: int,
    tolerance: float,
    scale: tuple[float, float] | None,
    folder: ResultFolder,
    technology: str,
    predict_range: bool,
    settings: Settings,
    sharing: Sharing,
) -> None:
    """Factorise ratings that lie in a folder, or in a table that is written to one.

    Parameters
    ----------
    train : Path
        File or folder.
    table : tuple of Ratings and RatingTable, optional
        What the file holds, and held-out ratings; None: it is a folder.
    sharing : Sharing
        For the others see the command.
    """
    started = time.perf_counter()
    parameters = {name: value for name, value in settings.parameters.items() if name != "ridge"}
    ridge = settings.parameters.get("ridge", 0.0)
    _check(settings, parameters)
    Technology.load(technology)
    shape, count, data = _size(train, table)
    if not 1 <= rank <= min(shape):
        raise InputError(f"rank = {rank} must be from 1 to {min(shape)} ({shape[0]} users, "
                         f"{shape[1]} items)")  # fmt: skip
    ends = _scale(train, table, scale)
    inputs = {
        "file": train.name, "shape": list(shape), "ratings": count, "rank": rank, "ridge": ridge,
        "iterations": iterations, "tolerance": tolerance, "scale": scale, "seed": settings.seed,
        "technology": technology, "predict_range": predict_range, "sample": sharing.sample,
        "jobs": settings.jobs,
    }  # fmt: skip
    with threadpool_limits(1), sharing.open(settings.jobs) as executor:
        path = folder.claim("nmf ratings, shared out", settings.record(inputs, *data), FILES)
        settings.write_config()
        checkpoint = writable_folder(path / "checkpoint") / "ratings.npz"
        if not folder.resume:
            checkpoint.unlink(missing_ok=True)
        ratings = StoredRatings(train.resolve())
        if table is not None:
            ratings = store_ratings(writable_folder(path / "ratings").resolve(), *table)
        task = StoredTask(
            ratings=ratings, rank=rank, iterations=iterations, tolerance=tolerance,
            seed=settings.seed, ridge=ridge, scale=ends,
            circuit=settings.circuit, parameters=parameters, analysis=settings.analysis,
            predicted=predict_range, sample=sharing.sample, blocks=sharing.blocks,
            folder=checkpoint.parent.resolve(),
        )  # fmt: skip
        made = _run(task, executor, checkpoint, folder)
    metrics = _metrics(task, made, technology, settings, inputs)
    with replacing(path / FACTORS) as temporary, temporary.open("wb") as stream:
        users, items = ratings.ids
        np.savez(
            stream, W=made.W, H=made.H.T, digital_W=made.digital_W, digital_H=made.digital_H.T,
            users=users, items=items,
        )  # fmt: skip
    metrics["provenance"]["wall_time_s"] = time.perf_counter() - started
    write_json(path / "metrics.json", metrics)
    settings.write_json(metrics)
    to_stderr = str(settings.json) == "-"
    print_table(metrics, path, stderr=to_stderr)
    for line in _lines(made):
        click.echo(line, err=to_stderr)
    for sentence in metrics["cautions"]:
        click.echo(f"note: {sentence}", err=True)


def _size(
    train: Path, table: tuple[Ratings, RatingTable | None] | None
) -> tuple[tuple[int, int], int, list[Any]]:
    """Return the shape, the number of ratings, and what tells a table from others."""
    if table is None:
        source = StoredRatings(train.resolve())
        return source.shape, source.count, []
    matrix, held_out = table[0].matrix, table[1]
    data: list[Any] = [matrix.data, matrix.indices, matrix.indptr]
    if held_out is not None:
        data += [held_out.users, held_out.items, held_out.values]
    return matrix.shape, matrix.nnz, data


def _scale(
    train: Path,
    table: tuple[Ratings, RatingTable | None] | None,
    scale: tuple[float, float] | None,
) -> tuple[float, float]:
    """Return the scale of predictions, that of the ratings unless it was given."""
    if table is None:
        source = StoredRatings(train.resolve())
        count, low, high = source.count, source.figures.lowest, source.figures.highest
    else:
        values = table[0].matrix.data
        count, low, high = len(values), float(values.min()), float(values.max())
    low, high = scale or (low, high)
    if low == high:
        raise InputError(f"all {count} ratings are {low:g}; give ratings that differ")
    return low, high


def _check(settings: Settings, parameters: dict[str, Any]) -> None:
    """Refuse before anything is written what regressions on selected rows do not know."""
    if settings.verify.count:
        raise InputError(
            "--verify is not for regressions that are shared out: --sample runs some again in "
            "time, on the same cells, and says how far they are off"
        )
    settings.check("nnls")
    probe = settings.make_circuit("nnls", [[1.0, 0.5], [0.5, 1.0]])
    refuse_unrecorded(probe, settings.analysis)


def _run(
    task: StoredTask, executor: Executor, checkpoint: Path, folder: ResultFolder
) -> StoredFactorisation:
    users, items = task.ratings.shape
    total = task.iterations * (users + items)
    with folder.interruptible(checkpoint), progress(total, "regressions") as advance:
        return factorise_stored(
            task, executor, checkpoint=checkpoint, resume=folder.resume, progress=advance
        )


def _metrics(
    task: StoredTask,
    made: StoredFactorisation,
    technology: str,
    settings: Settings,
    inputs: dict[str, Any],
) -> dict[str, Any]:
    return {
        "problem": "nmf ratings",
        "circuit": settings.circuit or PROBLEMS["nnls"].circuit,
        **figures(task, made, technology),
        "settings": {**inputs, "analysis": asdict(settings.analysis)},
        "provenance": provenance_of(task),
    }


def _lines(made: StoredFactorisation) -> Iterator[str]:
    """Yield a line for each of the last two half-steps."""
    for each in made.half_steps[-2:]:
        cpu, sample = each["cpu_s"], each.get("sample")
        yield (
            f"{each['side']}: {counted(each['regressions'], 'regression')}, "
            f"{counted(each['ratings'], 'rating')}; CPU "
            f"{cpu['circuit']:.1f} s circuit, {cpu['digital']:.1f} s digital twin"
        )
        if sample:
            settling, energy = sample["settling_time_s"], sample["energy_j"]
            yield (
                f"  sampled {sample['regressions']} of {sample['of']} in time "
                f"({cpu['sample']:.1f} s): settling {_within(settling, 'median', 's')}, 95 % "
                f"within {_within(settling, 'p95', 's')}; energy of all "
                f"{_within(energy, 'total', 'J')}; solutions at most "
                f"{sample['largest_deviation_from_dc']:.1e} from dc"
            )


def _within(figure: dict[str, Any], name: str, unit: str) -> str:
    low, high = figure[f"{name}_interval"]
    return f"{si(figure[name], unit)} ({si(low, unit)} to {si(high, unit)})"
