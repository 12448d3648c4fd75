"""``amcspice robustness``: quality of a workload against the fields of its devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.nmf_options import names_option
from amcspice.cli.parameter_options import GroupedCommand
from amcspice.cli.result_folder import folder_options
from amcspice.cli.robustness_study import plan_study, run_study
from amcspice.errors import InputError
from amcspice.workload import Crop, choose_rank, read_image
from amcspice.workload.ratings import Ratings, read_ratings
from amcspice.workload.robustness import PictureTrial, RatingTrial

__all__ = ["study"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: amcspice robustness image photo.png --vary write_noise=0,0.05,0.2",
)
def study() -> None:
    """Quality of a factorisation against the fields of its memristors, over several seeds.

    The default axes are write noise from 0 to 20 %, 4 to 256 levels, temperature and drift; the
    default fidelity is behavioural.
    """


class _Assignment(click.ParamType):  # type: ignore[type-arg]
    """FIELD=NUMBER[,NUMBER...]."""

    name = "assignment"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[float | int, ...]]:
        """Return field and numbers, or fail with a message."""
        field, sign, text = value.partition("=")
        try:
            numbers = tuple(_number(word) for word in text.split(","))
        except ValueError:
            numbers = ()
        if not (sign and field and numbers):
            self.fail(f"{value!r} must be FIELD=NUMBER[,NUMBER...]", param, ctx)
        return field, numbers


def _number(word: str) -> float | int:
    try:
        return int(word)
    except ValueError:
        return float(word)


def _study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        folder_options,
        click.option(
            "--seeds",
            default=3,
            show_default=True,
            type=click.IntRange(min=1),
            metavar="N",
            help="Runs of every point: --seed and the N - 1 numbers after it.",
        ),
        click.option(
            "--fix",
            multiple=True,
            type=_Assignment(),
            metavar="FIELD=NUMBER",
            help="Set another field of the memristor; may be repeated.",
        ),
        click.option(
            "--vary",
            multiple=True,
            type=_Assignment(),
            metavar="FIELD=N,N,...",
            help="Field of the memristor and its values; may be repeated.",
        ),
        click.option(
            "--iterations",
            default=8,
            show_default=True,
            type=click.IntRange(min=1),
            help="Of every factorisation.",
        ),
    ):
        command = option(command)
    return command


@study.command(
    cls=GroupedCommand,
    epilog="Example: amcspice robustness ratings u1.base --test u1.test --seeds 5 "
    "--vary write_noise=0,0.02,0.05,0.1,0.2 --levels 16",
    context_settings={"default_map": {"ridge": 0.1, "fidelity": "behavioural"}},
)
@click.argument("train", type=click.Path(path_type=Path))
@click.option(
    "--test",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Held-out ratings.",
)
@click.option("--rank", default=8, show_default=True, type=int, help="Columns of the factors.")
@names_option
@_study_options
@shared_options
def ratings(
    train: Path,
    test: Path,
    rank: int,
    names: tuple[str, ...],
    iterations: int,
    settings: Settings,
    **study_options: Any,
) -> None:
    """Held-out RMSE of the ratings in TRAIN and FILE; see amcspice nmf ratings."""
    table = read_ratings(train, names=names)
    training, held_out = Ratings.of(table), read_ratings(test, like=table)
    if not 1 <= rank <= min(training.matrix.shape):
        raise InputError(f"rank = {rank} must be from 1 to {min(training.matrix.shape)}")
    plan = plan_study(settings, **study_options)
    options = {**plan.options, "rank": rank, "iterations": iterations}
    matrix = training.matrix
    identity = [
        matrix.indptr,
        matrix.indices,
        matrix.data,
        held_out.users,
        held_out.items,
        held_out.values,
        rank,
        iterations,
    ]
    workload = {"file": train.name, "test": test.name, "rank": rank, "iterations": iterations}
    run_study(RatingTrial(training, held_out, options), plan, identity, "rmse_test", workload)


@study.command(
    cls=GroupedCommand,
    epilog="Example: amcspice robustness image photo.png --crop 0 0 64 64 --seeds 5",
    context_settings={"default_map": {"fidelity": "behavioural"}},
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--crop",
    nargs=4,
    type=int,
    metavar="ROW COLUMN HEIGHT WIDTH",
    help="Take this rectangle of the picture only [pixels].",
)
@click.option(
    "--tile",
    default=32,
    show_default=True,
    type=click.IntRange(min=1),
    help="Side of the square tiles [pixels].",
)
@click.option("--rank", type=int, help="Of each tile [default: a quarter of its side].")
@_study_options
@shared_options
def image(
    file: Path,
    crop: tuple[int, int, int, int] | None,
    tile: int,
    rank: int | None,
    iterations: int,
    settings: Settings,
    **study_options: Any,
) -> None:
    """PSNR of the picture in FILE, factorised tile by tile; see amcspice nmf image."""
    picture = read_image(file)
    picture = Crop(*crop).of(picture).copy() if crop else picture
    rank = choose_rank(tile, rank)
    plan = plan_study(settings, **study_options)
    options = {
        **plan.options,
        "tile": tile,
        "rank": rank,
        "iterations": iterations,
        "tolerance": 0.0,
    }
    workload = {
        "file": file.name,
        "crop": crop,
        "tile": tile,
        "rank": rank,
        "iterations": iterations,
    }
    identity = [picture, tile, rank, iterations]
    run_study(PictureTrial(picture, options), plan, identity, "psnr_db", workload)
