"""What the panels of a sweep's plots share: ticks with units, labels, legends, looks of curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullLocator

from amcspice.view import style
from amcspice.view.choice import Choice
from amcspice.view.points import Points, engineering, label, spacing
from amcspice.view.style import COLOURS, DASHES, MARKERS

__all__ = [
    "COLUMNS",
    "LOG_RATIO",
    "MOST_TICKS",
    "axis_label",
    "engineering_ticks",
    "horizontal",
    "legend",
    "looks",
    "outer_labels",
    "vertical",
]

LOG_RATIO = 30.0
"""Values that span more than this are drawn on a logarithmic axis."""

MOST_TICKS = 10
"""An axis with at most so many values has a tick at each."""

PANEL_MARGIN, CHARACTER = 60.0, 6.0
"""Points beside a panel, and of a character of a tick."""

COLUMNS = 3
"""Panels side by side."""


def looks(points: Points, choice: Choice) -> dict[Any, dict[str, Any]]:
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


def horizontal(axis: Axes, points: Points, name: str) -> None:
    """Give a horizontal axis its scale and its ticks."""
    values = points.places(name)
    if not points.is_number(name):
        axis.set_xticks(range(len(values)), [engineering(value) for value in values])
        axis.margins(x=0.1)
    elif name in points.metrics:
        if values[0] > 0 and values[-1] > LOG_RATIO * values[0]:
            axis.set_xscale("log")
        if points.unit(name):
            axis.xaxis.set_major_formatter(engineering_ticks(points.unit(name)))
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
            axis.xaxis.set_major_formatter(engineering_ticks(points.unit(name)))
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


def vertical(axis: Axes, unit: str, log: bool) -> None:
    """Give a vertical axis its ticks."""
    low, high = axis.get_ylim()
    if log:
        decades = math.log10(high / low) if low > 0 else math.inf
        subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
        axis.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
        if decades < 2.5:
            axis.yaxis.set_minor_locator(NullLocator())
    if unit:
        axis.yaxis.set_major_formatter(engineering_ticks(unit))
    elif log and low > 0 and low < 1e-3:
        axis.yaxis.set_major_formatter(FuncFormatter(_power_of_ten))
    else:
        axis.yaxis.set_major_formatter("{x:g}")


def _power_of_ten(value: float, _: Any = None) -> str:
    exponent = math.floor(math.log10(value) + 1e-9)
    digit = round(value / 10.0**exponent)
    return f"$10^{{{exponent}}}$" if digit == 1 else f"${digit}·10^{{{exponent}}}$"


def engineering_ticks(unit: str) -> EngFormatter:
    """Return ticks such as 10 MHz."""
    return EngFormatter({"ohm": "Ω"}.get(unit, unit))


def axis_label(points: Points, name: str) -> str:
    """Return the words of a column; the ticks carry the unit."""
    return label(name, points.unit(name))


def outer_labels(grid: list[Axes], panels: Sequence[Any], text: str) -> None:
    """Label the vertical axes on the left and the horizontal ones at the bottom."""
    across = min(len(panels), COLUMNS)
    for k, axis in enumerate(grid):
        if k % across == 0:
            axis.set_ylabel(text)
        # What stands above an empty place keeps its numbers.
        if k + across >= len(panels):
            axis.tick_params(labelbottom=True)
        else:
            axis.set_xlabel("")


def legend(figure: Figure, by: str | None, grid: list[Axes]) -> None:
    """One legend for all panels, beside them."""
    style.legend(figure, grid, place="beside", title=label(by) if by else None)
