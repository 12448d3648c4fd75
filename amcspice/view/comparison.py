"""Circuits side by side: error against settling time and against energy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    Formatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)

from amcspice.design import CircuitComparison
from amcspice.view.style import COLOURS, MARKERS, legend, styled

__all__ = ["pareto_plot"]

WIDE = 5.0
"""Factor between the least and the largest value from which on an axis is logarithmic."""


@styled
def pareto_plot(comparison: CircuitComparison) -> Figure:
    """Draw the circuits of a comparison, those on the Pareto front filled.

    Parameters
    ----------
    comparison : CircuitComparison

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    circuits = comparison.circuits.values()
    times, energies = (
        [getattr(each, name) for each in circuits] for name in ("settling_time", "energy")
    )
    for axis, values, unit in ((left, times, "s"), (right, energies, "J")):
        _points(axis, comparison, values)
        if _wide(values):
            axis.set_xscale("log")
        axis.margins(0.15)
        _label(axis.xaxis, EngFormatter(unit=unit))
    if _wide([each.budget.error for each in circuits]):
        left.set_yscale("log")
    _label(left.yaxis, PercentFormatter(xmax=1.0))
    left.set_xlabel("settling time, longest right-hand side")
    right.set_xlabel("energy of a right-hand side, mean")
    left.set_ylabel("relative error, rms")
    left.set_title("filled: no other is better in error, time and energy together", loc="left")
    legend(figure, left)
    return figure


def _points(axis: Axes, comparison: CircuitComparison, values: Sequence[float]) -> None:
    """Draw every circuit that has a value; of those on the front, a line along it."""
    for number, ((name, each), value) in enumerate(
        zip(comparison.circuits.items(), values, strict=True)
    ):
        if not np.isfinite(value):
            continue
        colour, on_front = COLOURS[number % len(COLOURS)], name in comparison.pareto
        axis.errorbar(
            value, each.budget.error, np.nan_to_num(each.budget.spread),
            fmt=MARKERS[number % len(MARKERS)], color=colour, capsize=3, markersize=8,
            markerfacecolor=colour if on_front else "white", label=name,
        )  # fmt: skip


def _wide(values: Sequence[float]) -> bool:
    """Whether values span more than `WIDE`."""
    finite = [value for value in values if np.isfinite(value)]
    return bool(finite) and max(finite) > WIDE * min(finite)


def _label(axis: Axis, formatter: Formatter) -> None:
    """Label few values, one, two and five of every decade of logarithms."""
    logarithmic = axis.get_scale() == "log"
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if logarithmic else MaxNLocator(4))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(formatter)
