"""How long a sweep will take and how much it will store, from a few points run for real."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.sweep.execute.executors import Local, LostBatch, PointBatch
from amcspice.sweep.execute.worker import Function
from amcspice.sweep.outcome import Outcome, Scalar, canonical, point_key
from amcspice.sweep.spec.defaults import fill_defaults
from amcspice.sweep.spec.plan import FillDefaults, Grid

__all__ = ["Estimate", "estimate", "probe_indices"]

MOST_PROBES = 12
MOST_SECONDS = 60.0
"""Time for all probes [s]; the point that runs at its end is counted as if it had ended."""

WARM_UP = 120.0
"""Seconds more for the first point, which may have to wait for a compiler."""

ROW_BYTES = 900
"""Size of a row besides its JSON, with its places in indices and what stays empty of a page."""


@dataclass(frozen=True)
class Estimate:
    """What running points is going to take.

    Parameters
    ----------
    points : int
        How many.
    seconds : float
        Time for all of them, one after the other [s].
    start : float
        Time until a process is ready for its first one [s].
    size : float
        Size of the store [bytes].
    outcomes : tuple of Outcome
        The probes.
    complete : bool
        Whether every probe came to an end in time.
    """

    points: int
    seconds: float
    start: float
    size: float
    outcomes: tuple[Outcome, ...]
    complete: bool

    def wall_time(self, jobs: int) -> float:
        """Return the time with a number of processes [s]."""
        return self.start + self.seconds / min(jobs, max(self.points, 1))


def estimate(
    grid: Grid,
    indices: Sequence[int],
    function: Function,
    *,
    fill_defaults: FillDefaults = fill_defaults,
    most_seconds: float = MOST_SECONDS,
) -> Estimate:
    """Run probes, one after the other in a process of their own, and extrapolate.

    Times are taken to be a product of one factor an axis: exponential in the place on an axis of
    numbers (which is a power law where the axis is logarithmic), free on an axis of names.

    Parameters
    ----------
    grid : Grid
    indices : sequence of int
        The points that are to be run.
    function : callable
        Runs a point.
    fill_defaults : callable, optional
        See `make_plan`.
    most_seconds : float
        Time for all probes [s].
    """
    probes = probe_indices(grid, indices)
    executor = Local(function, 1)
    outcomes: list[Outcome] = []
    seconds: list[float] = []
    began = time.monotonic()
    start, deadline = 0.0, began + WARM_UP + most_seconds
    all_ended = True
    try:
        # The first point of a process pays for what it imports and compiles: it runs twice.
        for number, index in enumerate([probes[0], *probes]):
            parameters = fill_defaults(grid.settings(grid.places(index)))
            if number == 1:
                start = time.monotonic() - began
                deadline = time.monotonic() + most_seconds
            limit = max(deadline - time.monotonic(), 0.1)
            executor.submit(PointBatch(((point_key(parameters), parameters),), limit))
            received = None
            while received is None:
                received = executor.receive(1.0)
            result = received[1]
            if isinstance(result, LostBatch):
                all_ended = all_ended and not result.reason.startswith("it took")
                if number:
                    seconds.append(limit)
            elif number:
                outcomes += result
                seconds.append(result[0].seconds)
            if time.monotonic() > deadline:
                all_ended = False
                break
    finally:
        executor.close()
    timed_probes = probes[: len(seconds)] or probes[:1]
    total = _extrapolate(grid, timed_probes, seconds or [most_seconds], indices)
    size = _size(outcomes) * len(indices)
    return Estimate(len(indices), total, start, size, tuple(outcomes), all_ended)


def probe_indices(grid: Grid, indices: Sequence[int]) -> list[int]:
    """Choose points that tell the most, cheap ones first as far as that can be known.

    The first one, the far end of each axis, each name on an axis of names, the far corner, the
    middle; then what is spread over the rest.
    """
    shape = [len(axis) for axis in grid.axes]
    origin = [0] * len(shape)
    corners = [tuple(origin)]
    for number, axis in enumerate(grid.axes):
        places = [shape[number] - 1] if _numeric(axis.places) else range(1, shape[number])
        corners += [(*origin[:number], place, *origin[number + 1 :]) for place in places]
    corners = corners[: MOST_PROBES - 2]
    corners += [tuple(count // 2 for count in shape), tuple(count - 1 for count in shape)]
    allowed = set(indices)
    probes = [index for index in dict.fromkeys(map(grid.index, corners)) if index in allowed]
    if len(probes) < min(4, len(indices)):  # most of it was run before: any other will do
        spread = np.linspace(0, len(indices) - 1, min(4, len(indices))).astype(int)
        probes = list(dict.fromkeys([*probes, *(indices[k] for k in spread)]))
    return probes


def _numeric(places: Sequence[tuple[Scalar, ...]]) -> bool:
    return all(
        isinstance(place[0], int | float) and not isinstance(place[0], bool) for place in places
    )


def _extrapolate(
    grid: Grid, probes: Sequence[int], seconds: Sequence[float], indices: Sequence[int]
) -> float:
    features = _features(grid, probes)
    logs = np.log(np.maximum(seconds, 1e-6))
    # Least squares of the smallest norm: what no probe tells changes nothing.
    centre = features.mean(axis=0)
    fitted = np.linalg.lstsq(features - centre, logs - logs.mean(), rcond=1e-6)[0]
    exponents = (_features(grid, indices) - centre) @ fitted + logs.mean()
    return float(np.exp(np.minimum(exponents, np.log(max(seconds)) + 3)).sum())


def _features(grid: Grid, indices: Sequence[int]) -> Array:
    """Return one column an axis of numbers and one a name, shape (points, columns)."""
    places = np.array([grid.places(index) for index in indices]).reshape(len(indices), -1)
    columns = []
    for number, axis in enumerate(grid.axes):
        place = places[:, number]
        if axis.names == ("seed",):
            continue
        if _numeric(axis.places):
            columns.append(place / max(len(axis) - 1, 1))
        else:
            columns += [(place == k).astype(float) for k in range(len(axis))]
    return np.stack(columns, axis=1) if columns else np.zeros((len(indices), 1))


def _size(outcomes: Sequence[Outcome]) -> float:
    if not outcomes:
        return 2000.0 + ROW_BYTES
    sizes = [
        len(canonical(outcome.parameters))
        + len(json.dumps(dict(outcome.metrics)))
        + len(outcome.error or "")
        for outcome in outcomes
    ]
    return float(np.mean(sizes)) + ROW_BYTES
