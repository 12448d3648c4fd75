"""``amcspice robustness``: quality of a workload against the fields of its devices."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from amcspice.cli.common import Settings, shared_options
from amcspice.cli.output import write_json
from amcspice.cli.progress import progress
from amcspice.device import Memristor
from amcspice.errors import InputError
from amcspice.files import replacing, writable_folder
from amcspice.workload import Crop, choose_rank, read_image
from amcspice.workload.ratings import Ratings, read_ratings
from amcspice.workload.robustness import (
    DEFAULT_AXES,
    Axis,
    PictureTrial,
    Point,
    Quality,
    RatingTrial,
    robustness,
    summarise_points,
)

__all__ = ["study"]

FIGURES = {"rmse_test": "held-out RMSE", "psnr_db": "PSNR (dB)"}


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
        click.option("--resume", is_flag=True, help="Continue an interrupted study in DIR."),
        click.option(
            "--out", "folder", default="out", show_default=True, metavar="DIR",
            type=click.Path(path_type=Path), help="Folder for results; created if need be.",
        ),
        click.option(
            "--seeds", default=3, show_default=True, type=click.IntRange(min=1), metavar="N",
            help="Runs of every point: --seed and the N - 1 numbers after it.",
        ),
        click.option(
            "--fix", multiple=True, type=_Assignment(), metavar="FIELD=NUMBER",
            help="Set another field of the memristor; may be repeated.",
        ),
        click.option(
            "--vary", multiple=True, type=_Assignment(), metavar="FIELD=N,N,...",
            help="Field of the memristor and its values; may be repeated.",
        ),
        click.option("--iterations", default=8, show_default=True, type=click.IntRange(min=1),
                     help="Of every factorisation."),
    ):  # fmt: skip
        command = option(command)
    return command


@dataclass(frozen=True)
class _Plan:
    """Options of a study."""

    axes: tuple[Axis, ...]
    device: Memristor
    seeds: tuple[int, ...]
    folder: Path
    resume: bool
    settings: Settings

    @property
    def options(self) -> dict[str, Any]:
        """Of every factorisation, but for the device."""
        given, settings = self.settings.parameters, self.settings
        parameters = {name: value for name, value in given.items() if name != "device"}
        return {**parameters, "circuit": settings.circuit, "analysis": settings.analysis}


def _plan(
    settings: Settings,
    vary: Sequence[Any],
    fix: Sequence[Any],
    seeds: int,
    folder: Path,
    resume: bool,
) -> _Plan:
    if settings.verify:
        raise InputError("a study verifies nothing: run nmf with --verify")
    fixed = tuple((field, value) for field, (value, *_) in fix)
    axes = tuple(Axis(field, values, fixed) for field, values in vary)
    if not axes:
        axes = tuple(replace(axis, fixed=(*axis.fixed, *fixed)) for axis in DEFAULT_AXES)
    device = settings.parameters["device"]
    for axis in axes:
        axis.devices(device, settings.seed)
    settings.check("nnls")
    first = settings.seed
    return _Plan(axes, device, tuple(range(first, first + seeds)), folder, resume, settings)


@study.command(
    epilog="Example: amcspice robustness ratings u1.base --test u1.test --seeds 5 "
    "--vary write_noise=0,0.02,0.05,0.1,0.2 --levels 16",
    context_settings={"default_map": {"ridge": 0.1, "fidelity": "behavioural"}},
)
@click.argument("train", type=click.Path(path_type=Path))
@click.option(
    "--test", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Held-out ratings.",
)  # fmt: skip
@click.option("--rank", default=8, show_default=True, type=int, help="Columns of the factors.")
@_study_options
@shared_options
def ratings(
    train: Path, test: Path, rank: int, iterations: int, settings: Settings, **own: Any
) -> None:
    """Held-out RMSE of the ratings in TRAIN and FILE; see amcspice nmf ratings."""
    known, held_out = Ratings.of(read_ratings(train)), read_ratings(test)
    if not 1 <= rank <= min(known.matrix.shape):
        raise InputError(f"rank = {rank} must be from 1 to {min(known.matrix.shape)}")
    plan = _plan(settings, **own)
    options = {**plan.options, "rank": rank, "iterations": iterations}
    matrix = known.matrix
    identity = [matrix.indptr, matrix.indices, matrix.data, held_out.users, held_out.items,
                held_out.values, rank, iterations]  # fmt: skip
    chosen = {"file": train.name, "test": test.name, "rank": rank, "iterations": iterations}
    _study(RatingTrial(known, held_out, options), plan, identity, "rmse_test", chosen)


@study.command(
    epilog="Example: amcspice robustness image photo.png --crop 0 0 64 64 --seeds 5",
    context_settings={"default_map": {"fidelity": "behavioural"}},
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--crop", nargs=4, type=int, metavar="ROW COLUMN HEIGHT WIDTH",
              help="Take this rectangle of the picture only [pixels].")  # fmt: skip
@click.option("--tile", default=32, show_default=True, type=click.IntRange(min=1),
              help="Side of the square tiles [pixels].")  # fmt: skip
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
    **own: Any,
) -> None:
    """PSNR of the picture in FILE, factorised tile by tile; see amcspice nmf image."""
    picture = read_image(file)
    picture = Crop(*crop).of(picture).copy() if crop else picture
    rank = choose_rank(tile, rank)
    plan = _plan(settings, **own)
    options = {**plan.options, "tile": tile, "rank": rank, "iterations": iterations,
               "tolerance": 0.0}  # fmt: skip
    chosen = {"file": file.name, "crop": crop, "tile": tile, "rank": rank, "iterations": iterations}
    identity = [picture, tile, rank, iterations]
    _study(PictureTrial(picture, options), plan, identity, "psnr_db", chosen)


def _study(
    trial: Callable[[Memristor], Quality],
    plan: _Plan,
    identity: Sequence[Any],
    name: str,
    chosen: dict[str, Any],
) -> None:
    """Run a study, write its results and print them."""
    started, settings = time.perf_counter(), plan.settings
    folder = writable_folder(plan.folder)
    checkpoint = folder / "robustness.checkpoint.npz"
    if not plan.resume:
        checkpoint.unlink(missing_ok=True)
    total = len(plan.seeds) * sum(len(axis.values) for axis in plan.axes)
    kept = [repr(sorted(plan.options.items()))]
    with progress(total, "factorisations") as advance, threadpool_limits(1):
        points = robustness(
            trial, plan.device, plan.axes, plan.seeds, jobs=settings.jobs,
            checkpoint=checkpoint, resume=plan.resume, identity=[*identity, *kept],
            progress=advance,
        )  # fmt: skip
    summary = summarise_points(points)
    result = {
        "problem": "robustness", "figure": name, "summary": summary,
        "points": [asdict(point) for point in points],
        "settings": {
            **chosen, "seeds": plan.seeds, "analysis": asdict(settings.analysis),
            "axes": [asdict(axis) for axis in plan.axes],
        },
        "provenance": {"wall_time_s": time.perf_counter() - started},
    }  # fmt: skip
    write_json(folder / "robustness.json", result)
    _write(folder, points, summary, name)
    settings.write_json(result)
    _print(summary, FIGURES[name], folder, stderr=str(settings.json) == "-")


def _write(folder: Path, points: Sequence[Point], summary: dict[str, Any], name: str) -> None:
    from amcspice.view import save
    from amcspice.view.robustness import robustness as plot

    with replacing(folder / "robustness.csv") as temporary, temporary.open("w") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["field", "value", "seed", name, f"{name}_digital"])
        for point in points:
            writer.writerow([point.field, point.value, point.seed, point.analog, point.digital])
    save(plot(summary, what=FIGURES[name]), folder / "robustness.png")


def _print(summary: dict[str, Any], what: str, folder: Path, *, stderr: bool) -> None:
    console = Console(stderr=stderr)
    table = Table(title=what, title_justify="left")
    for column in ("field", "value", "analog circuit", "digital twin", "difference"):
        table.add_column(column, justify="left" if column == "field" else "right")
    for field, found in summary.items():
        for k, value in enumerate(found["values"]):
            analog = f"{found['analog_mean'][k]:.4f} ± {found['analog_std'][k]:.4f}"
            digital = f"{found['digital_mean'][k]:.4f}"
            difference = f"{found['difference_mean'][k]:+.4f}"
            table.add_row(field, f"{value:g}", analog, digital, difference)
    console.print(table)
    console.print(f"Results are in {folder}", highlight=False, soft_wrap=True)
