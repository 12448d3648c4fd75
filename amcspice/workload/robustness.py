"""How good a workload's result stays when its devices get worse.

An axis is a field of the cells, such as `amcspice.Memristor` has, with values; every value is run
once a seed, all other fields as they are.  The digital twin knows no devices: its figure is what an
ideal circuit would reach.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.checkpoint import Checkpoint
from amcspice.device import Cell
from amcspice.errors import InputError
from amcspice.pool import Pool, Report
from amcspice.workload.factorise import factorise_image
from amcspice.workload.factorise_ratings import factorise_ratings
from amcspice.workload.ratings import Ratings, RatingTable

__all__ = [
    "DEFAULT_AXES", "Axis", "PictureTrial", "Point", "Quality", "RatingTrial", "robustness",
    "summarise_points",
]  # fmt: skip

Value = float | int

TRIALS_AT_ONCE = 2
"""For each process, between two checkpoints."""


@dataclass(frozen=True)
class Axis:
    """One field of the device and the values that it takes.

    Parameters
    ----------
    field : str
    values : tuple of number
    fixed : tuple of (str, number)
        Other fields that this axis sets, such as the coefficient that makes temperature count.
    """

    field: str
    values: tuple[Value, ...]
    fixed: tuple[tuple[str, Value], ...] = ()

    def devices(self, device: Cell, seed: int) -> list[Cell]:
        """Return the device at every value.

        Raises
        ------
        InputError
            If there is no such field, or a value is not allowed.
        """
        names = {item.name for item in dataclasses.fields(device)} - {"seed"}
        for name in (self.field, *dict(self.fixed)):
            if name not in names:
                choice = ", ".join(sorted(names))
                raise InputError(f"a memristor has no field {name!r} to vary; choose from {choice}")
        if not self.values:
            raise InputError(f"{self.field}: there are no values")
        fixed: dict[str, Any] = dict(self.fixed)
        changes = [fixed | {self.field: value, "seed": seed} for value in self.values]
        return [dataclasses.replace(device, **change) for change in changes]


DEFAULT_AXES = (
    Axis("write_noise", (0.0, 0.02, 0.05, 0.1, 0.15, 0.2)),
    Axis("levels", (4, 8, 16, 32, 64, 128, 256)),
    Axis("temperature", (300.0, 310.0, 325.0, 350.0, 400.0), (("temperature_coefficient", -1e-3),)),
    Axis(
        "drift_time", (1.0, 10.0, 1e2, 1e4, 1e6),
        (("drift_exponent", 5e-3), ("drift_spread", 5e-3)),
    ),
)  # fmt: skip
"""Write noise to 20 %, levels from 4 to 256, temperature and drift.  The coefficients of the last
two are assumptions of the size that HfO2 cells show, not those of a measured part."""


@dataclass(frozen=True)
class Quality:
    """Figure of merit of the circuit and of its digital twin."""

    analog: float
    digital: float


@dataclass(frozen=True)
class Point:
    """One run.

    Parameters
    ----------
    field : str
        That was varied.
    value : float
        Of the field.
    seed : int
        Of devices and initial factors.
    analog, digital : float
        Figure of merit of the circuit and of its digital twin.
    """

    field: str
    value: Value
    seed: int
    analog: float
    digital: float


@dataclass(frozen=True, eq=False)
class RatingTrial:
    """Held-out RMSE of ratings; ``options`` are those of `factorise_ratings`."""

    ratings: Ratings
    held_out: RatingTable
    options: Mapping[str, Any]

    def __call__(self, device: Cell) -> Quality:
        """Factorise with a device and its seed."""
        options = {**self.options, "device": device, "seed": device.seed}
        result = factorise_ratings(self.ratings, self.held_out, **options).factorisation
        return Quality(result.scores[-1]["rmse_test"], result.digital_scores[-1]["rmse_test"])


@dataclass(frozen=True, eq=False)
class PictureTrial:
    """PSNR of a picture [dB]; ``options`` are those of `factorise_image`."""

    picture: NDArray[np.float64]
    options: Mapping[str, Any]

    def __call__(self, device: Cell) -> Quality:
        """Factorise with a device and its seed."""
        result = factorise_image(self.picture, device=device, seed=device.seed, **self.options)
        return Quality(result.analog_score.psnr_db, result.digital_score.psnr_db)


def robustness(
    trial: Callable[[Cell], Quality],
    device: Cell,
    axes: Sequence[Axis],
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    checkpoint: Path | None = None,
    resume: bool = False,
    identity: Sequence[Any] = (),
    progress: Callable[[float], None] | None = None,
) -> list[Point]:
    """Run a workload at every value of every axis, once a seed.

    Parameters
    ----------
    trial : callable
        Takes a device, whose seed is to be used for everything random; picklable.
    device : Cell
        All fields but the one that varies.
    axes : sequence of Axis
    seeds : sequence of int
    jobs : int
        Processes that share the trials.
    checkpoint : Path, optional
        File that keeps the trials done.
    resume : bool
        Take those in the checkpoint instead of running them again.
    identity : sequence
        What the trials depend on besides the device.
    progress : callable, optional
        Called with the number of trials finished since the last call.

    Raises
    ------
    InputError
        If an axis does not exist, or the checkpoint is of another study.
    """
    report = progress or (lambda _count: None)
    trials = [
        (axis.field, value, varied)
        for seed in seeds
        for axis in axes
        for value, varied in zip(axis.values, axis.devices(device, seed), strict=True)
    ]
    file = Checkpoint(checkpoint, list(identity))
    content = file.load() if resume else None
    # By the complete device: two axes may meet at the same one.
    qualities: dict[str, list[float]] = {} if content is None else content[1]["qualities"]
    missing = {repr(varied): varied for *_, varied in trials if repr(varied) not in qualities}
    report(len(trials) - len(missing))
    with Pool(jobs) as pool:
        waiting = iter(missing.items())
        while group := list(islice(waiting, TRIALS_AT_ONCE * jobs)):
            results = pool.map(_try, [(trial, varied) for _, varied in group], report)
            for (key, _), quality in zip(group, results, strict=True):
                qualities[key] = [quality.analog, quality.digital]
            file.save(lambda: ({}, {"qualities": qualities}), last=True)
    return [
        Point(field, value, varied.seed, *qualities[repr(varied)])
        for field, value, varied in trials
    ]


def _try(task: tuple[Callable[[Cell], Quality], Cell], report: Report) -> Quality:
    trial, device = task
    quality = trial(device)
    report(1)
    return quality


def summarise_points(points: Sequence[Point]) -> dict[str, dict[str, Any]]:
    """Return, for every field, its values and mean and spread of the figures over the seeds."""
    summary: dict[str, dict[str, Any]] = {}
    for field in dict.fromkeys(point.field for point in points):
        members = [point for point in points if point.field == field]
        values = list(dict.fromkeys(point.value for point in members))
        rows: Mapping[Value, list[Point]] = {
            v: [p for p in members if p.value == v] for v in values
        }
        analog = [np.array([p.analog for p in rows[v]]) for v in values]
        loss = [np.array([p.analog - p.digital for p in rows[v]]) for v in values]
        summary[field] = {
            "values": values,
            "analog_mean": [float(a.mean()) for a in analog],
            "analog_std": [float(a.std(ddof=1)) if len(a) > 1 else None for a in analog],
            "digital_mean": [float(np.mean([p.digital for p in rows[v]])) for v in values],
            "difference_mean": [float(d.mean()) for d in loss],
            "difference_std": [float(d.std(ddof=1)) if len(d) > 1 else None for d in loss],
        }
    return summary
