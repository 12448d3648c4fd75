"""Maps of a metric over two axes of a sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from amcspice.view.choice import Choice
from amcspice.view.points import Points, engineering
from amcspice.view.sweep_axes import MOST_TICKS, axis_label, outer_labels, vertical
from amcspice.view.sweep_curves import Curve

__all__ = ["maps"]

Values = NDArray[np.float64]

MOST_NUMBERS = 150
"""A heat map with at most so many cells has their numbers in them."""


def maps(
    figure: Figure,
    grid: list[Axes],
    points: Points,
    choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]],
    log: bool,
) -> None:
    """Draw a map a panel, all with one scale of colours."""
    assert choice.x is not None
    assert choice.by is not None
    across, up = points.places(choice.x), points.values(choice.by)
    tables = [_table(members, across, up) for _, members in panels]
    medians = np.concatenate([table[np.isfinite(table)] for table in tables] or [np.ones(1)])
    limits = (medians.min(), medians.max()) if medians.size else (0.0, 1.0)
    norm: Normalize = LogNorm(*limits) if log else Normalize(*limits)
    mesh = None
    for axis, table in zip(grid, tables, strict=False):
        axis.grid(visible=False)
        axis.set_facecolor("0.92")
        mesh = axis.pcolormesh(
            np.ma.masked_invalid(table), norm=norm, cmap="cividis", edgecolor="white", linewidth=0.5
        )
        _cell_ticks(axis, points, choice.x, choice.by)
        _numbers(axis, table, norm, points.unit(choice.y))
        axis.set_xlabel(axis_label(points, choice.x))
    outer_labels(grid, panels, axis_label(points, choice.by))
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=grid, label=axis_label(points, choice.y), shrink=0.9)
        vertical(bar.ax, points.unit(choice.y), log)


def _table(members: list[Curve], across: list[Any], up: list[Any]) -> Values:
    table = np.full((len(up), len(across)), np.nan)
    for curve in members:
        for value, median in zip(curve.x, curve.median, strict=True):
            table[up.index(curve.value), across.index(value)] = median
    return table


def _cell_ticks(axis: Axes, points: Points, x: str, y: str) -> None:
    for name, ticks, values in (
        (x, axis.xaxis, points.places(x)),
        (y, axis.yaxis, points.values(y)),
    ):
        step = math.ceil(len(values) / (2 * MOST_TICKS))
        ticks.set_ticks(
            np.arange(len(values))[::step] + 0.5,
            [engineering(value, points.unit(name)) for value in values[::step]],
        )
    if sum(len(engineering(value, points.unit(x))) for value in points.values(x)) > 40:
        axis.tick_params(axis="x", labelrotation=35)


def _numbers(axis: Axes, table: Values, norm: Normalize, unit: str) -> None:
    if table.size > MOST_NUMBERS:
        return
    size = 8 if table.shape[1] <= 8 else 6.5
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            text = engineering(float(f"{value:.2g}"), unit)
            colour = "white" if norm(value) < 0.5 else "black"
        else:
            text, colour = "-", "0.3"
        axis.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=colour
        )
