"""``amcspice nmf ratings``: users, items, and a few of their ratings."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.core import ParameterSource
from threadpoolctl import threadpool_limits

from amcspice.algorithm.alternating.selection import check_selection
from amcspice.cli.common import Settings, shared_options
from amcspice.cli.nmf_options import iteration_options, names_option, predicting
from amcspice.cli.nmf_table import print_table
from amcspice.cli.output import write_json
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.progress import progress
from amcspice.cli.result_folder import ResultFolder
from amcspice.cli.without_ngspice import runnable
from amcspice.errors import InputError
from amcspice.files import writable_folder
from amcspice.pool import Pool
from amcspice.problem import PROBLEMS
from amcspice.simulation.plain import plain_verification
from amcspice.system import Technology
from amcspice.workload import history, summarise
from amcspice.workload.factorise_ratings import (
    RatingFactorisation,
    distributions,
    error_by_count,
    factorise_ratings,
    rating_regressions,
)
from amcspice.workload.ratings import Ratings, RatingTable, read_ratings

__all__ = ["ratings"]

MODEL = "recommender.npz"

FILES = (
    MODEL,
    "learning.png",
    "error_by_count.png",
    "settling.png",
    "metrics.json",
    "checkpoint/ratings.npz",
)


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice nmf ratings u1.base --test u1.test --fidelity behavioural --out out",
    context_settings={"default_map": {"ridge": 0.1}},
)
@click.argument("train", type=click.Path(path_type=Path))
@click.option("--test", type=click.Path(path_type=Path), metavar="FILE", help="Held-out ratings.")
@click.option("--rank", default=8, show_default=True, type=int, help="Columns of the factors.")
@click.option(
    "--scale", nargs=2, type=float, metavar="LOW HIGH",
    help="Lowest and highest rating; others are refused [default: those of TRAIN].",
)  # fmt: skip
@names_option
@click.option(
    "--executor", type=click.Choice(["local", "dask"]),
    help="Share regressions out over processes here, or over a Dask cluster, block by block, with "
    "ratings and factors in files; a folder of ratings always is.",
)  # fmt: skip
@click.option(
    "--scheduler", metavar="ADDRESS", help="Of the Dask cluster, such as tcp://host:8786."
)
@click.option(
    "--blocks", default=64, show_default=True, type=click.IntRange(min=1),
    help="Tasks of a half-step that is shared out; changes no result.",
)  # fmt: skip
@click.option(
    "--sample", default=2000, show_default=True, type=click.IntRange(min=0),
    help="Regressions of a half-step that are run in time where all others are shared out at dc.",
)  # fmt: skip
@iteration_options(iterations=8, tolerance=0.0)
@shared_options
def ratings(
    train: Path,
    test: Path | None,
    rank: int,
    scale: tuple[float, float] | None,
    names: tuple[str, ...],
    executor: str | None,
    scheduler: str | None,
    blocks: int,
    sample: int,
    iterations: int,
    tolerance: float,
    folder: ResultFolder,
    technology: str,
    predict_range: bool,
    settings: Settings,
) -> None:
    """Factorise the ratings in TRAIN: lines of user, item, rating[, time], or MatrixMarket.

    A header says which column is which; quotes, semicolons and gzip are fine.  TRAIN may be a
    folder of stored ratings, too.
    What was not rated is left out of every regression.  The ridge (default here: 0.1) counts
    for each rating of a regression.  Predictions are clipped to the scale; users and items that
    TRAIN does not hold are predicted by damped means.

    Writes to DIR: recommender.npz (for amcspice recommend), learning.png, error_by_count.png,
    settling.png, metrics.json, run.json and checkpoint/.  Where regressions are shared out:
    factors.npz, metrics.json, run.json and checkpoint/.
    """
    started = time.perf_counter()
    if scale is not None and not 0 <= scale[0] < scale[1]:
        raise InputError(f"--scale {scale[0]:g} {scale[1]:g}: must be 0 <= LOW < HIGH")
    if train.is_dir() or executor is not None or scheduler is not None:
        from amcspice.cli.nmf_stored import Sharing, factorise_folder

        sharing = Sharing(executor or "local", scheduler, blocks, sample)
        if not 0 <= tolerance < 1:
            raise InputError(f"--tolerance {tolerance} must be from 0 to below 1")
        factorise_folder(
            train, _tables(train, test, scale, names), rank=rank, iterations=iterations,
            tolerance=tolerance, scale=scale, folder=folder, technology=technology,
            predict_range=predict_range, settings=settings, sharing=sharing,
        )  # fmt: skip
        return
    _refuse_unshared()
    table = read_ratings(train, scale, names=names)
    held_out = None if test is None else read_ratings(test, scale, like=table)
    trained = Ratings.of(table, scale)
    _check(trained, rank, tolerance)
    Technology.load(technology)  # refused before any work
    settings = runnable(settings)
    settings.check("nnls")
    parameters = settings.parameters
    check_selection(settings.circuit, parameters)
    inputs = {
        "file": train.name, "test": None if test is None else test.name,
        "shape": list(trained.matrix.shape), "ratings": trained.matrix.nnz, "scale": trained.scale,
        "duplicates": table.duplicates, "rank": rank, "ridge": parameters.get("ridge", 0.0),
        "iterations": iterations, "tolerance": tolerance,
        "array_rows": parameters.get("array_rows"),
        "seed": settings.seed, "technology": technology,
        "predict_range": predict_range, "jobs": settings.jobs,
    }  # fmt: skip
    data = [trained.matrix.data, trained.matrix.indices, trained.matrix.indptr]
    if held_out is not None:
        data += [held_out.users, held_out.items, held_out.values]
    path = folder.claim("nmf ratings", settings.record(inputs, *data), FILES)
    settings.write_config()
    checkpoint = writable_folder(path / "checkpoint") / "ratings.npz"
    if not folder.resume:
        checkpoint.unlink(missing_ok=True)
    total = rating_regressions(trained, iterations)
    with folder.interruptible(checkpoint), Pool(settings.jobs) as pool, threadpool_limits(1):
        if settings.backend.uses_ngspice:
            pool.start()
        from amcspice.view import ratings as view  # loads while the processes do

        with progress(total, "regressions") as advance:
            result = factorise_ratings(
                trained, held_out, rank=rank, iterations=iterations, tolerance=tolerance,
                seed=settings.seed, circuit=settings.circuit, analysis=settings.analysis,
                checkpoint=checkpoint, resume=folder.resume, jobs=pool, verify=settings.verify,
                progress=advance, **predicting(predict_range), **parameters,
            )  # fmt: skip
    metrics = _metrics(result, settings, inputs)
    _write(path, result, view)
    metrics["provenance"]["wall_time_s"] = time.perf_counter() - started
    write_json(path / "metrics.json", metrics)
    settings.write_json(metrics)
    verification = result.factorisation.verification
    print_table(metrics, path, verification, stderr=str(settings.json) == "-")
    settings.confirm(verification)


def _tables(
    train: Path, test: Path | None, scale: tuple[float, float] | None, names: tuple[str, ...]
) -> tuple[Ratings, RatingTable | None] | None:
    """Return what files hold; None of a folder, which holds everything."""
    if train.is_dir():
        if test is not None or names:
            raise InputError(
                "--test and --names are not for a folder of ratings, which holds what is held out"
            )
        return None
    table = read_ratings(train, scale, names=names)
    held_out = None if test is None else read_ratings(test, scale, like=table)
    return Ratings.of(table, scale), held_out


def _refuse_unshared() -> None:
    """Refuse options that only regressions that are shared out take."""
    context = click.get_current_context()
    for name in ("blocks", "sample"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"--{name} is for regressions that are shared out: --executor local")


def _check(trained: Ratings, rank: int, tolerance: float) -> None:
    """Refuse before anything is written what the factorisation would refuse."""
    m, n = trained.matrix.shape
    if not 1 <= rank <= min(m, n):
        raise InputError(f"rank = {rank} must be from 1 to {min(m, n)} ({m} users rated {n} items)")
    if not 0 <= tolerance < 1:
        raise InputError(f"--tolerance {tolerance} must be from 0 to below 1")


def _metrics(
    result: RatingFactorisation, settings: Settings, inputs: dict[str, Any]
) -> dict[str, Any]:
    factorisation = result.factorisation
    analog, digital = history([factorisation], [1.0])
    summary = summarise([factorisation], settings.analysis.fidelity, inputs["technology"])
    for name, quantiles in distributions(factorisation.measured).items():
        summary[name] |= quantiles
    nothing = {"rmse_test": None, "mae_test": None}
    size = factorisation.W.size + factorisation.H.size
    return {
        "problem": "nmf ratings",
        "circuit": settings.circuit or PROBLEMS["nnls"].circuit,
        "fidelity": settings.analysis.fidelity,
        "simulator": factorisation.provenance.get("simulator"),
        **nothing,
        **factorisation.scores[-1],
        "coverage": None if result.held_out is None else result.coverage,
        "relative_residual": analog[-1],
        "compression_ratio": result.ratings.matrix.nnz / size,
        "digital": {
            **nothing, **factorisation.digital_scores[-1], "relative_residual": digital[-1],
        },
        **summary,
        **plain_verification(factorisation.verification),
        "history": {
            "relative_residual": analog, "digital_relative_residual": digital,
            "scores": factorisation.scores, "digital_scores": factorisation.digital_scores,
        },
        "settings": {**inputs, "analysis": asdict(settings.analysis)},
        "provenance": {**factorisation.provenance, "seed": settings.seed},
    }  # fmt: skip


def _write(folder: Path, result: RatingFactorisation, view: ModuleType) -> None:
    from amcspice.view import save

    factorisation, held_out = result.factorisation, result.held_out
    result.analog.save(folder / MODEL)
    save(
        view.learning_curve(factorisation.scores, factorisation.digital_scores),
        folder / "learning.png",
    )
    for name in ("error_by_count.png", "settling.png"):  # of an earlier run, if not drawn now
        (folder / name).unlink(missing_ok=True)
    if held_out is not None:
        analog, digital = (
            {axis: error_by_count(recommender, held_out, axis) for axis in ("user", "item")}
            for recommender in (result.analog, result.digital)
        )
        save(view.error_by_count(analog, digital), folder / "error_by_count.png")
    measured = factorisation.measured
    if factorisation.provenance.get("simulator"):
        times = measured.settling_time[measured.settled & ~measured.below_floor]
        unsettled = len(measured.settled) - int(measured.settled.sum())
        figure = view.histogram(times, what="settling time", unit="s", unsettled=unsettled)
        save(figure, folder / "settling.png")
