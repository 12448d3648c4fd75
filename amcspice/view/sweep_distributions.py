"""Distributions of a metric over the points of a sweep: histograms and cumulative ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from amcspice.view.choice import Choice
from amcspice.view.points import Points
from amcspice.view.sweep_axes import axis_label, engineering_ticks, legend, looks, outer_labels
from amcspice.view.sweep_curves import Curve

__all__ = ["cumulative", "histograms"]

Values = NDArray[np.float64]

MOST_BINS = 60


def _samples(points: Points, choice: Choice, panel: Any, curve: Curve) -> Values:
    mask = np.isfinite(values := points.numbers(choice.y))
    for name, value in ((choice.panel, panel), (choice.by, curve.value)):
        if name is not None:
            mask &= points.where(name, value)
    return np.sort(values[mask])


def histograms(
    figure: Figure,
    grid: list[Axes],
    points: Points,
    choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]],
    log: bool,
) -> None:
    """Draw a histogram a curve, all with the same bins, and its median."""
    styles = looks(points, choice)
    values = points.numbers(choice.y)
    values = values[np.isfinite(values)]
    edges = np.histogram_bin_edges(np.log10(values) if log else values, bins="auto")
    edges = np.linspace(edges[0], edges[-1], min(len(edges), MOST_BINS))
    bins = list(10.0**edges if log else edges)
    for axis, (value, members) in zip(grid, panels, strict=False):
        for curve in members:
            look = styles[curve.value]
            samples = _samples(points, choice, value, curve)
            axis.hist(samples, bins, histtype="stepfilled", color=look["color"], alpha=0.2)
            axis.hist(
                samples,
                bins,
                histtype="step",
                color=look["color"],
                label=curve.label,
                linestyle=look["linestyle"],
                linewidth=1.4,
            )
            axis.axvline(curve.median[0], color=look["color"], linestyle=":", linewidth=1.2)
        _metric_axis(axis, points, choice, log)
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    if choice.by is not None:
        legend(figure, choice.by, grid)
    outer_labels(grid, panels, "points (dotted: median)")


def cumulative(
    figure: Figure,
    grid: list[Axes],
    points: Points,
    choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]],
    log: bool,
) -> None:
    """Draw the fraction of points at or below each value, a curve a value of ``by``."""
    styles = looks(points, choice)
    for axis, (value, members) in zip(grid, panels, strict=False):
        for curve in members:
            look = {key: part for key, part in styles[curve.value].items() if key != "marker"}
            samples = _samples(points, choice, value, curve)
            axis.ecdf(samples, label=curve.label, **look)
        _metric_axis(axis, points, choice, log)
        axis.set_ylim(0, 1.02)
    if choice.by is not None:
        legend(figure, choice.by, grid)
    outer_labels(grid, panels, "fraction of the points drawn")


def _metric_axis(axis: Axes, points: Points, choice: Choice, log: bool) -> None:
    unit = points.unit(choice.y)
    if log:
        axis.set_xscale("log")
    if unit:
        axis.xaxis.set_major_formatter(engineering_ticks(unit))
    elif not log:
        axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel(axis_label(points, choice.y))
