"""Plots of sweeps: lines over an axis, maps over two, distributions."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from amcspice.view.points import Points, engineering, label, spacing
from amcspice.view.selection import Choice, Curve, choose, curves
from amcspice.view.style import COLOURS, DASHES, MARKERS, styled

__all__ = ["caption", "choose", "sweep_plot"]

Values = NDArray[np.float64]

LOG_RATIO = 30.0
"""Values that span more than this are drawn on a logarithmic axis."""

LOG_RATIO_OVER_LOG = 2.0
"""The same where the other axis is logarithmic: a power law shall be a straight line."""

MOST_TICKS = 10
"""An axis with at most so many values has a tick at each."""

MOST_NUMBERS = 150
"""A heat map with at most so many cells has their numbers in them."""

MOST_BINS = 60

PANEL_MARGIN, CHARACTER = 60.0, 6.0
"""Points beside a panel, and of a character of a tick."""

COLUMNS = 3
"""Panels side by side."""

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
        From `choose`.
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
    draw = {"line": _lines, "heat": _maps, "hist": _histograms, "ecdf": _steps}[choice.kind]
    draw(figure, grid, points, choice, panels, logarithmic)
    for axis, (value, _) in zip(grid, panels, strict=False):
        if choice.panel is not None:
            axis.set_title(
                f"{label(choice.panel)} {engineering(value, points.unit(choice.panel))}"
                if points.is_number(choice.panel) else str(value), loc="left",
            )  # fmt: skip
    for spare in grid[len(panels) :]:
        spare.set_visible(False)
    figure.supxlabel(
        textwrap.fill(caption(points, choice, log=logarithmic), int(15 * wide)),
        fontsize=8, color="0.35", x=0.01, ha="left", linespacing=1.3,
    )  # fmt: skip
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
        what = {
            "line": "Median and quartiles over", "heat": "Median over",
        }.get("" if choice.x in points.metrics else choice.kind, "Taken together:")  # fmt: skip
        text += f". {what} {names}"
    held = [
        f"{label(name)} {engineering(value, points.unit(name))}"
        for name, value in points.constants.items()
        if name in points.axis_names
    ]
    return f"{text}. At {', '.join(held)}." if held else f"{text}."


def _is_log(points: Points, choice: Choice, panels: Sequence[tuple[Any, list[Curve]]]) -> bool:
    found = [curve.median for _, members in panels for curve in members]
    if choice.kind in ("hist", "ecdf"):
        found = [points.numbers(choice.y)]
    values = np.concatenate(found) if found else np.ones(1)
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
    figure: Figure, grid: list[Axes], points: Points, choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]], log: bool,
) -> None:  # fmt: skip
    assert choice.x is not None
    numeric = points.is_number(choice.x)
    at = points.places(choice.x)
    power = log and numeric and spacing(at) == "log" and choice.x not in points.metrics
    within = power and len(panels) > 1 and max(len(members) for _, members in panels) <= MOST_WITHIN
    fitted = within or (power and len(panels) == 1)
    looks = _looks(points, choice)
    for axis, (_, members) in zip(grid, panels, strict=False):
        for curve in members:
            name = curve.label
            if fitted and (growth := curve.growth) is not None:
                fit = f"∝ {label(choice.x)}$^{{{growth.exponent:.2f} ± {growth.error:.2f}}}$"
                name = f"{name}, {fit}" if name else fit
            look = {**looks[curve.value], "label": name, "markersize": 5}
            if choice.x in points.metrics:
                axis.plot(curve.x, curve.median, **{**look, "linestyle": "none", "alpha": 0.7})
            elif numeric:
                _band(axis, curve, look)
            else:
                _bars(axis, curve, at, look, list(looks).index(curve.value) - len(looks) / 2)
        if log:
            axis.set_yscale("log")
        _horizontal(axis, points, choice.x)
        _vertical(axis, points.unit(choice.y), log)
        axis.set_xlabel(_axis_label(points, choice.x))
    if within:
        _legends_within(grid[: len(panels)], choice)
    elif choice.by is not None or power:
        _legend(figure, choice.by, grid)
    _outer_labels(grid, panels, _axis_label(points, choice.y))


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


def _legend(figure: Figure, by: str | None, grid: list[Axes]) -> None:
    """One legend for all panels, beside them."""
    handles: dict[Any, Any] = {}
    for axis in grid:
        for handle, name in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    figure.legend(
        list(handles.values()), list(handles), title=label(by) if by else None,
        loc="outside right upper", alignment="left",
    )  # fmt: skip


def _looks(points: Points, choice: Choice) -> dict[Any, dict[str, Any]]:
    """Colour, dashes and marker of each curve, the same in every panel."""
    values = [None] if choice.by is None else points.values(choice.by)
    if choice.by is not None and points.is_number(choice.by) and len(values) > len(COLOURS):
        colours: Sequence[Any] = list(mpl.colormaps["viridis"](np.linspace(0, 0.9, len(values))))
    else:
        colours = COLOURS
    return {
        value: {
            "color": colours[k % len(colours)],
            "linestyle": DASHES[k % len(DASHES)],
            "marker": MARKERS[k % len(MARKERS)],
        }
        for k, value in enumerate(values)
    }


def _horizontal(axis: Axes, points: Points, name: str) -> None:
    values = points.places(name)
    if not points.is_number(name):
        axis.set_xticks(range(len(values)), [engineering(value) for value in values])
        axis.margins(x=0.1)
    elif name in points.metrics:
        if values[0] > 0 and values[-1] > LOG_RATIO * values[0]:
            axis.set_xscale("log")
        if points.unit(name):
            axis.xaxis.set_major_formatter(_engineering_ticks(points.unit(name)))
    else:
        kind = spacing(values)
        if kind == "symlog":
            axis.set_xscale("symlog", linthresh=values[1], linscale=0.5)
            axis.set_xlim(left=-0.1 * values[1])
        elif kind == "log":
            axis.set_xscale("log")
        if len(values) <= MOST_TICKS:
            axis.set_xticks(values, [engineering(value, points.unit(name)) for value in values])
            axis.xaxis.set_minor_locator(NullLocator())
        elif points.unit(name):
            axis.xaxis.set_major_formatter(_engineering_ticks(points.unit(name)))
        else:
            axis.xaxis.set_major_formatter("{x:g}")
    if points.is_number(name) and len(values) <= MOST_TICKS and _crowded(axis, points, name):
        axis.tick_params(axis="x", labelrotation=35)


def _crowded(axis: Axes, points: Points, name: str) -> bool:
    """Whether the labels of the horizontal axis would touch each other."""
    figure: Any = axis.figure
    across = axis.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    width = 72 * figure.get_figwidth() / across - PANEL_MARGIN
    values = points.places(name)
    at = axis.transData.transform([(value, 1.0) for value in values])[:, 0]
    if at[-1] == at[0]:
        return False
    lengths = np.array([len(engineering(value, points.unit(name))) for value in values])
    needed = CHARACTER * (lengths[1:] + lengths[:-1] + 2) / 2
    return bool((np.diff(at) / (at[-1] - at[0]) * width < needed).any())


def _vertical(axis: Axes, unit: str, log: bool) -> None:
    low, high = axis.get_ylim()
    if log:
        decades = math.log10(high / low) if low > 0 else math.inf
        subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
        axis.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        if decades < 2.5:
            axis.yaxis.set_minor_locator(NullLocator())
    if unit:
        axis.yaxis.set_major_formatter(_engineering_ticks(unit))
    elif log and low > 0 and low < 1e-3:
        axis.yaxis.set_major_formatter(FuncFormatter(_power_of_ten))
    else:
        axis.yaxis.set_major_formatter("{x:g}")


def _power_of_ten(value: float, _: Any = None) -> str:
    exponent = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**exponent)
    return f"$10^{{{exponent}}}$" if digit == 1 else f"${digit}·10^{{{exponent}}}$"


def _engineering_ticks(unit: str) -> EngFormatter:
    return EngFormatter({"ohm": "Ω"}.get(unit, unit))


def _axis_label(points: Points, name: str) -> str:
    """Return the words of a column; the ticks carry the unit."""
    return label(name, points.unit(name))


def _outer_labels(grid: list[Axes], panels: Sequence[Any], text: str) -> None:
    across = min(len(panels), COLUMNS)
    for k, axis in enumerate(grid):
        if k % across == 0:
            axis.set_ylabel(text)
        # What stands above an empty place keeps its numbers.
        if k + across >= len(panels):
            axis.tick_params(labelbottom=True)
        else:
            axis.set_xlabel("")


def _maps(
    figure: Figure, grid: list[Axes], points: Points, choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]], log: bool,
) -> None:  # fmt: skip
    assert choice.x is not None
    assert choice.by is not None
    across, up = points.places(choice.x), points.values(choice.by)
    tables = [_table(members, across, up) for _, members in panels]
    held = np.concatenate([table[np.isfinite(table)] for table in tables] or [np.ones(1)])
    limits = (held.min(), held.max()) if held.size else (0.0, 1.0)
    norm: Normalize = LogNorm(*limits) if log else Normalize(*limits)
    drawn = None
    for axis, table in zip(grid, tables, strict=False):
        axis.grid(visible=False)
        axis.set_facecolor("0.92")
        drawn = axis.pcolormesh(np.ma.masked_invalid(table), norm=norm, cmap="cividis",
                                edgecolor="white", linewidth=0.5)  # fmt: skip
        _cell_ticks(axis, points, choice.x, choice.by)
        _numbers(axis, table, norm, points.unit(choice.y))
        axis.set_xlabel(_axis_label(points, choice.x))
    _outer_labels(grid, panels, _axis_label(points, choice.by))
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=grid, label=_axis_label(points, choice.y), shrink=0.9)
        _vertical(bar.ax, points.unit(choice.y), log)


def _table(members: list[Curve], across: list[Any], up: list[Any]) -> Values:
    table = np.full((len(up), len(across)), np.nan)
    for curve in members:
        for value, median in zip(curve.x, curve.median, strict=True):
            table[up.index(curve.value), across.index(value)] = median
    return table


def _cell_ticks(axis: Axes, points: Points, x: str, y: str) -> None:
    for name, own, values in (
        (x, axis.xaxis, points.places(x)), (y, axis.yaxis, points.values(y)),
    ):  # fmt: skip
        step = math.ceil(len(values) / (2 * MOST_TICKS))
        own.set_ticks(
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
        axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size,
                  color=colour)  # fmt: skip


def _samples(points: Points, choice: Choice, panel: Any, curve: Curve) -> Values:
    chosen = np.isfinite(values := points.numbers(choice.y))
    for name, value in ((choice.panel, panel), (choice.by, curve.value)):
        if name is not None:
            chosen &= points.where(name, value)
    return np.sort(values[chosen])


def _histograms(
    figure: Figure, grid: list[Axes], points: Points, choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]], log: bool,
) -> None:  # fmt: skip
    looks = _looks(points, choice)
    values = points.numbers(choice.y)
    values = values[np.isfinite(values)]
    edges = np.histogram_bin_edges(np.log10(values) if log else values, bins="auto")
    edges = np.linspace(edges[0], edges[-1], min(len(edges), MOST_BINS))
    bins = list(10.0**edges if log else edges)
    for axis, (value, members) in zip(grid, panels, strict=False):
        for curve in members:
            look = looks[curve.value]
            held = _samples(points, choice, value, curve)
            axis.hist(held, bins, histtype="stepfilled", color=look["color"], alpha=0.2)
            axis.hist(held, bins, histtype="step", color=look["color"], label=curve.label,
                      linestyle=look["linestyle"], linewidth=1.4)  # fmt: skip
            axis.axvline(curve.median[0], color=look["color"], linestyle=":", linewidth=1.2)
        _distribution(axis, points, choice, log)
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    if choice.by is not None:
        _legend(figure, choice.by, grid)
    _outer_labels(grid, panels, "points (dotted: median)")


def _steps(
    figure: Figure, grid: list[Axes], points: Points, choice: Choice,
    panels: Sequence[tuple[Any, list[Curve]]], log: bool,
) -> None:  # fmt: skip
    looks = _looks(points, choice)
    for axis, (value, members) in zip(grid, panels, strict=False):
        for curve in members:
            look = {key: held for key, held in looks[curve.value].items() if key != "marker"}
            held = _samples(points, choice, value, curve)
            axis.ecdf(held, label=curve.label, **look)
        _distribution(axis, points, choice, log)
        axis.set_ylim(0, 1.02)
    if choice.by is not None:
        _legend(figure, choice.by, grid)
    _outer_labels(grid, panels, "fraction of the points drawn")


def _distribution(axis: Axes, points: Points, choice: Choice, log: bool) -> None:
    unit = points.unit(choice.y)
    if log:
        axis.set_xscale("log")
    if unit:
        axis.xaxis.set_major_formatter(_engineering_ticks(unit))
    elif not log:
        axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel(_axis_label(points, choice.y))
