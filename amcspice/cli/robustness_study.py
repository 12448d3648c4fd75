"""What ``amcspice robustness`` does once its options are read: plan a study, run it, show it."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from amcspice.cli.common import Settings
from amcspice.cli.output import write_json
from amcspice.cli.progress import progress
from amcspice.cli.result_folder import ResultFolder
from amcspice.device import Cell
from amcspice.errors import InputError
from amcspice.files import replacing
from amcspice.workload.robustness import (
    DEFAULT_AXES,
    Axis,
    Point,
    Quality,
    robustness,
    summarise_points,
)

__all__ = ["StudyPlan", "plan_study", "run_study"]

FILES = ("robustness.json", "robustness.csv", "robustness.png", "robustness.checkpoint.npz")

FIGURES = {"rmse_test": "held-out RMSE", "psnr_db": "PSNR (dB)"}
"""Figures of merit and what they are called."""


@dataclass(frozen=True)
class StudyPlan:
    """Options of a study.

    Parameters
    ----------
    axes : tuple of Axis
        Fields of the memristor that are varied, with their values.
    device : Cell
        The device whose fields are varied.
    seeds : tuple of int
        Seeds of each point.
    folder : ResultFolder
        Where results go.
    settings : Settings
    """

    axes: tuple[Axis, ...]
    device: Cell
    seeds: tuple[int, ...]
    folder: ResultFolder
    settings: Settings

    @property
    def options(self) -> dict[str, Any]:
        """Options of every factorisation, but for the device."""
        settings = self.settings
        parameters = {
            name: value for name, value in settings.parameters.items() if name != "device"
        }
        return {**parameters, "circuit": settings.circuit, "analysis": settings.analysis}


def plan_study(
    settings: Settings,
    vary: Sequence[Any],
    fix: Sequence[Any],
    seeds: int,
    folder: ResultFolder,
) -> StudyPlan:
    """Return the plan of a study.

    Raises
    ------
    InputError
        If the options do not fit together, or a field cannot be varied so.
    """
    if settings.verify.count:
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
    return StudyPlan(axes, device, tuple(range(first, first + seeds)), folder, settings)


def run_study(
    trial: Callable[[Cell], Quality],
    plan: StudyPlan,
    identity: Sequence[Any],
    name: str,
    workload: dict[str, Any],
) -> None:
    """Run a study, write its results and print them.

    Parameters
    ----------
    trial : callable
        Takes a device and returns the quality that the workload has with it.
    plan : StudyPlan
    identity : sequence
        What a checkpoint must have in common with this study to be resumed.
    name : str
        Name of the figure of merit.
    workload : dict
        Options of the workload, for the record.
    """
    started, settings = time.perf_counter(), plan.settings
    inputs = {**workload, "seeds": plan.seeds, "axes": [asdict(axis) for axis in plan.axes]}
    data = [item for item in identity if isinstance(item, np.ndarray)]
    folder = plan.folder.claim(f"robustness, {name}", settings.record(inputs, *data), FILES)
    settings.write_config()
    checkpoint = folder / "robustness.checkpoint.npz"
    if not plan.folder.resume:
        checkpoint.unlink(missing_ok=True)
    total = len(plan.seeds) * sum(len(axis.values) for axis in plan.axes)
    options = [repr(sorted(plan.options.items()))]
    with (
        plan.folder.interruptible(checkpoint),
        progress(total, "factorisations") as advance,
        threadpool_limits(1),
    ):
        points = robustness(
            trial,
            plan.device,
            plan.axes,
            plan.seeds,
            jobs=settings.jobs,
            checkpoint=checkpoint,
            resume=plan.folder.resume,
            identity=[*identity, *options],
            progress=advance,
        )
    summary = summarise_points(points)
    result = {
        "problem": "robustness",
        "figure": name,
        "summary": summary,
        "points": [asdict(point) for point in points],
        "settings": {
            **workload,
            "seeds": plan.seeds,
            "analysis": asdict(settings.analysis),
            "axes": [asdict(axis) for axis in plan.axes],
        },
        "provenance": {"wall_time_s": time.perf_counter() - started},
    }
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
    console = Console(stderr=stderr, markup=False)
    table = Table(title=what, title_justify="left")
    for column in ("field", "value", "analog circuit", "digital twin", "difference"):
        table.add_column(column, justify="left" if column == "field" else "right")
    for field, curve in summary.items():
        for k, value in enumerate(curve["values"]):
            spread = curve["analog_std"][k]
            analog = f"{curve['analog_mean'][k]:.4f}"
            if spread is not None:  # of one seed there is none
                analog += f" ± {spread:.4f}"
            digital = f"{curve['digital_mean'][k]:.4f}"
            difference = f"{curve['difference_mean'][k]:+.4f}"
            table.add_row(field, f"{value:g}", analog, digital, difference)
    console.print(table)
    console.print(f"Results are in {folder}", highlight=False, soft_wrap=True)
