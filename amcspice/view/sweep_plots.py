"""Plots of sweeps: lines over an axis, maps over two, distributions."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amcspice.view.choice import Choice, choose
from amcspice.view.points import Points, engineering, label, spacing
from amcspice.view.style import styled
from amcspice.view.sweep_axes import (
    COLUMNS,
    LOG_RATIO,
    axis_label,
    horizontal,
    legend,
    looks,
    outer_labels,
    vertical,
)
from amcspice.view.sweep_curves import Curve, curves
from amcspice.view.sweep_distributions import cumulative, histograms
from amcspice.view.sweep_maps import maps

__all__ = ["caption", "choose", "sweep_plot"]

LOG_RATIO_OVER_LOG = 2.0
"""The same over a logarithmic axis, where a power law is a straight line."""

MOST_WITHIN = 7
"""With more curves than this one legend stands beside all panels, without exponents."""

LEGEND_ROW = 0.075
"""Height of a row of a legend, as a fraction of a panel."""

BESIDE = 0.08
"""Distance of points over the same name, where names are one apart."""


@styled
def sweep_plot(points: Points, choice: Choice, *, log: bool | None = None) -> Figure:
    """Draw points of a sweep.

    Repeats, and whatever else varies without an axis of its own, are drawn as median and quartiles;
    the caption says over what, and how many points failed or have no value.

    Parameters
    ----------
    points : Points
    choice : Choice
        Columns of the plot, from `choose`.
    log : bool, optional
        Whether the axis of ``y`` is logarithmic; default: by the values.

    Returns
    -------
    Figure
    """
    panels = list(curves(points, choice)) or [(None, [])]
    across = min(len(panels), COLUMNS)
    down = math.ceil(len(panels) / across)
    wide = 4.0 * across if across > 1 else 6.0 if choice.by is None else 7.6
    figure = Figure(figsize=(wide, 3.6 * down + 0.7), layout="constrained")
    shared = choice.kind != "hist"
    grid = list(figure.subplots(down, across, squeeze=False, sharex=shared, sharey=shared).flat)
    logarithmic = _is_log(points, choice, panels) if log is None else log
    draw = {"line": _lines, "heat": maps, "hist": histograms, "ecdf": cumulative}[choice.kind]
    draw(figure, grid, points, choice, panels, logarithmic)
    for axis, (value, _) in zip(grid, panels, strict=False):
        if choice.panel is not None:
            axis.set_title(
                f"{label(choice.panel)} {engineering(value, points.unit(choice.panel))}"
                if points.is_number(choice.panel)
                else str(value),
                loc="left",
            )
    for spare in grid[len(panels) :]:
        spare.set_visible(False)
    figure.supxlabel(
        textwrap.fill(caption(points, choice, log=logarithmic), int(15 * wide)),
        fontsize=8,
        color="0.35",
        x=0.01,
        ha="left",
        linespacing=1.3,
    )
    return figure


def caption(points: Points, choice: Choice, *, log: bool | None = None) -> str:
    """Return in words how many points are drawn, what is missing, and over what is averaged.

    Parameters
    ----------
    points : Points
    choice : Choice
    log : bool, optional
        As in `sweep_plot`.
    """
    if log is None:
        log = _is_log(points, choice, list(curves(points, choice)))
    values = points.numbers(choice.y)
    failed = (points.frame["status"] == "failed").to_numpy()
    missing = int((~np.isfinite(values) & ~failed).sum())
    drawn = np.isfinite(values) & ~failed
    if choice.x is not None:
        placed = points.frame[choice.x].notna().to_numpy()
        unplaced, drawn = int((drawn & ~placed).sum()), drawn & placed
    else:
        unplaced = 0
    text = f"{drawn.sum()} of {len(values)} points drawn"
    if failed.any():
        text += f"; {failed.sum()} failed"
    if missing:
        why = " (not settled)" if "settling" in choice.y or "energy" in choice.y else ""
        text += f"; {missing} without a value{why}"
    if unplaced and choice.x is not None:
        text += f"; {unplaced} with no {label(choice.x)}"
    if log and (below := int((values[drawn] <= 0).sum())):
        text += f"; {below} at or below zero, not on the logarithmic axis"
    over = choice.over(points)
    if over:
        names = ", ".join(f"{label(name)} ({count})" for name, count in over.items())
        statistic = {
            "line": "Median and quartiles over",
            "heat": "Median over",
        }.get("" if choice.x in points.metrics else choice.kind, "Taken together:")
        text += f". {statistic} {names}"
    constants = [
        f"{label(name)} {engineering(value, points.unit(name))}"
        for name, value in points.constants.items()
        if name in points.axis_names
    ]
    return f"{text}. At {', '.join(constants)}." if constants else f"{text}."


def _is_log(points: Points, choice: Choice, panels: Sequence[tuple[Any, list[Curve]]]) -> bool:
    columns = [curve.median for _, members in panels for curve in members]
    if choice.kind in ("hist", "ecdf"):
        columns = [points.numbers(choice.y)]
    values = np.concatenate(columns) if columns else np.ones(1)
    values = values[np.isfinite(values)]
    if not values.size or values.min() <= 0:
        return False
    over_log = (
        choice.kind == "line"
        and choice.x is not None
        and points.is_number(choice.x)
        and spacing(points.places(choice.x)) == "log"
    )
    return bool(values.max() > (LOG_RATIO_OVER_LOG if over_log else LOG_RATIO) * values.min())


def _lines(
    figure: Figure,
    grid: list[Axes],
    points: Points,
    choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]],
    log: bool,
) -> None:
    assert choice.x is not None
    numeric = points.is_number(choice.x)
    at = points.places(choice.x)
    power = log and numeric and spacing(at) == "log" and choice.x not in points.metrics
    within = power and len(panels) > 1 and max(len(members) for _, members in panels) <= MOST_WITHIN
    fitted = within or (power and len(panels) == 1)
    styles = looks(points, choice)
    for axis, (_, members) in zip(grid, panels, strict=False):
        for curve in members:
            name = curve.label
            if fitted and (growth := curve.growth) is not None:
                fit = f"∝ {label(choice.x)}$^{{{growth}}}$"
                name = f"{name}, {fit}" if name else fit
            look = {**styles[curve.value], "label": name, "markersize": 5}
            if choice.x in points.metrics:
                axis.plot(curve.x, curve.median, **{**look, "linestyle": "none", "alpha": 0.7})
            elif numeric:
                _band(axis, curve, look)
            else:
                _bars(axis, curve, at, look, list(styles).index(curve.value) - len(styles) / 2)
        if log:
            axis.set_yscale("log")
        horizontal(axis, points, choice.x)
        vertical(axis, points.unit(choice.y), log)
        axis.set_xlabel(axis_label(points, choice.x))
    if within:
        _legends_within(grid[: len(panels)], choice)
    elif choice.by is not None or power:
        legend(figure, choice.by, grid)
    outer_labels(grid, panels, axis_label(points, choice.y))


def _legends_within(grid: list[Axes], choice: Choice) -> None:
    """Give each panel a legend above its curves: exponents differ from panel to panel."""
    rows = max(len(axis.get_legend_handles_labels()[0]) for axis in grid) + bool(choice.by)
    low, high = grid[0].get_ylim()
    grid[0].set_ylim(low, low * (high / low) ** (1 / (1 - LEGEND_ROW * rows)))
    for axis in grid:
        axis.legend(
            title=label(choice.by) if choice.by else None, alignment="left", loc="upper left"
        )


def _band(axis: Axes, curve: Curve, look: dict[str, Any]) -> None:
    axis.fill_between(curve.x, curve.low, curve.high, color=look["color"], alpha=0.18, linewidth=0)
    axis.plot(curve.x, curve.median, **look)


def _bars(axis: Axes, curve: Curve, at: list[Any], look: dict[str, Any], rank: float) -> None:
    """Draw medians and quartiles over names, side by side: no line joins what has no order."""
    place = np.array([at.index(value) for value in curve.x]) + (rank + 0.5) * BESIDE
    reach = np.abs(np.array([curve.low, curve.high]) - curve.median)
    axis.errorbar(place, curve.median, yerr=reach, capsize=2, **{**look, "linestyle": "none"})
