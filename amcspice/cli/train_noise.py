"""``amcspice train noise``: epochs of K-FAC against the write noise of its inverses."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from amcspice.cli.common import Settings
from amcspice.cli.output import write_json
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.progress import progress
from amcspice.cli.result_folder import ResultFolder
from amcspice.cli.train_options import (
    ChipMaker,
    check,
    chips,
    seed_range,
    study_of,
    training_options,
)
from amcspice.errors import InputError, counted
from amcspice.pool import Pool
from amcspice.workload.training import digits, read_letters
from amcspice.workload.training.comparison import spread
from amcspice.workload.training.noise import VARIANTS, NoiseStudy, noise_study

__all__ = ["noise"]

FILES = ("noise.json", "noise.png", "noise.checkpoint.npz")


@click.command(
    cls=GroupedCommand,
    epilog="Example: amcspice train noise --letters binaryalphadigs.mat --damping 0.3 "
    "--learning-rate 0.1 --noises 0.01,0.02,0.04,0.05,0.06,0.08,0.1",
)
@click.option(
    "--letters", type=click.Path(path_type=Path), metavar="FILE",
    help="binaryalphadigs.mat.  [default: the digits of scikit-learn]",
)  # fmt: skip
@click.option(
    "--noises", default="0.01,0.02,0.04,0.05,0.06,0.08,0.1", show_default=True,
    metavar="N[,N...]", help="Write noise of the cells, fractions of g_max.",
)  # fmt: skip
@training_options(seeds=3)
def noise(
    letters: Path | None,
    noises: str,
    seeds: int,
    folder: ResultFolder,
    settings: Settings,
    **options: Any,
) -> None:
    """Train K-FAC with arrays of more and more write noise, beside exact inverses.

    Once with whole factors in the arrays, once with the mean of a layer's inputs kept digital.
    The limit foretold is the noise at which the factors of an exact training are about to be
    unstable: sigma ||M^-1||_F = 1, of factors with a diagonal of ones.

    Writes to DIR: noise.json, noise.png and run.json.
    """
    started = time.perf_counter()
    if options.pop("keep_mean", None) is not None:
        raise InputError("--keep-mean: both are run")
    if "write_noise" in settings.given:
        raise InputError("--write-noise: --noises say it")
    study = study_of(options, ["kfac"])
    pictures = digits() if letters is None else read_letters(letters)
    values = _numbers(noises)
    make = functools.partial(_chips, settings)
    make(values[0])  # refused before any work
    entrant, numbers = study.entrant(make(values[0])), seed_range(settings, seeds)
    check(settings, analog=True)
    inputs = {
        **vars(study), "letters": pictures.name, "seeds": numbers, "noises": values,
    }  # fmt: skip
    path = folder.claim(
        "train noise", settings.record(inputs, pictures.images, pictures.labels), FILES
    )
    settings.write_config()
    checkpoint = path / "noise.checkpoint.npz"
    if not folder.resume:
        checkpoint.unlink(missing_ok=True)
    total = study.epochs * seeds * (1 + len(VARIANTS) * len(values))
    with (
        folder.interruptible(checkpoint), Pool(settings.jobs) as pool, threadpool_limits(1),
        progress(total, "epochs") as advance,
    ):  # fmt: skip
        result = noise_study(
            study.trial(pictures), entrant, make, settings.parameters["device"], values, numbers,
            study.target_loss, jobs=pool, checkpoint=checkpoint, resume=folder.resume,
            progress=advance,
        )  # fmt: skip
    content = {
        "problem": "train noise", **result.to_json(), "seed": settings.seed, "settings": inputs,
        "provenance": {"wall_time_s": time.perf_counter() - started},
    }  # fmt: skip
    write_json(path / "noise.json", content)
    from amcspice.view import save
    from amcspice.view.training import epochs_against_noise

    save(epochs_against_noise(result), path / "noise.png")
    settings.write_json(content)
    _show(result, path, stderr=str(settings.json) == "-")


def _chips(settings: Settings, noise: float) -> ChipMaker:
    return chips(settings, write_noise=noise)


def _numbers(text: str) -> list[float]:
    try:
        values = sorted({float(word) for word in text.split(",")})
    except ValueError:
        values = []
    if not values or not all(0 < value < 1 for value in values):
        raise InputError(f"--noises {text}: numbers above 0 and below 1 are needed, with commas")
    return values


def _show(study: NoiseStudy, path: Path, *, stderr: bool) -> None:
    console = Console(stderr=stderr, markup=False)
    title = f"epochs to a loss of {study.target_loss:g}, {counted(len(study.exact), 'seed')}"
    table = Table(title=title, title_justify="left")
    table.add_column("write noise", justify="right")
    for name in study.curves:
        table.add_column(name, justify="right")
        table.add_column("unstable", justify="right")
    for noise in sorted(next(iter(study.curves.values()))):
        cells = [f"{100 * noise:g} %"]
        for name, curve in study.curves.items():
            cells += [_epochs(curve[noise]), str(study.unstable[name][noise])]
        table.add_row(*cells)
    console.print(table)
    console.print(f"exact inverses: {_epochs(study.exact)}", highlight=False)
    for name, (low, middle, high) in study.limits.items():
        lost = study.lost(name)
        if np.isnan(study.exact).all():
            gone = "is unknown"
        else:
            gone = "holds at all of these" if np.isnan(lost) else f"is gone at {100 * lost:g} %"
        console.print(
            f"{name}: limit foretold {100 * middle:.1f} % ({100 * low:.1f} to {100 * high:.1f}); "
            f"the advantage {gone}",
            highlight=False,
        )
    for caution in study.cautions:
        click.echo(f"note: {caution}", err=True)
    console.print(f"Results are in {path}", highlight=False, soft_wrap=True)


def _epochs(values: NDArray[np.float64]) -> str:
    mean, deviation = spread(values)
    reached = int(np.isfinite(values).sum())
    shown = "-" if np.isnan(mean) else f"{mean:.2f}"
    shown += "" if np.isnan(deviation) else f" ± {deviation:.2f}"
    return shown if reached == len(values) else f"{shown} ({reached}/{len(values)})"
