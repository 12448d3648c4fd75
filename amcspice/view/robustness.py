"""Quality of a workload against the fields of its devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from amcspice.view.style import ANALOG, DIGITAL, legend, styled

__all__ = ["robustness"]

LOG_RATIO = 30.0
"""Values that span more than this are drawn on a logarithmic axis."""

LABELS = {
    "write_noise": "write noise (fraction of g_max)",
    "levels": "programmable levels",
    "temperature": "temperature (K)",
    "drift_time": "time since programming (t0)",
}


@styled
def robustness(summary: Mapping[str, Mapping[str, Any]], *, what: str) -> Figure:
    """Draw the figure of merit over every field that was varied, a panel each.

    Parameters
    ----------
    summary : mapping
        Statistics of each field, from `amcspice.workload.robustness.summarise_points`.
    what : str
        Name of the figure of merit.
    """
    figure = Figure(figsize=(4.2 * len(summary), 3.8), layout="constrained")
    axes = figure.subplots(1, len(summary), squeeze=False, sharey=True)[0]
    for axis, (field, curve) in zip(axes, summary.items(), strict=True):
        _panel(axis, field, curve)
    axes[0].set_ylabel(what)
    legend(figure, axes[0], columns=min(2, len(summary)))
    return figure


def _panel(axis: Axes, field: str, curve: Mapping[str, Any]) -> None:
    values = np.array(curve["values"], dtype=float)
    order = np.argsort(values)
    axis.plot(
        values[order],
        np.array(curve["digital_mean"])[order],
        color=DIGITAL,
        linestyle="--",
        marker="s",
        markersize=7,
        markerfacecolor="none",
        label="digital twin",
    )
    axis.errorbar(
        values[order],
        np.array(curve["analog_mean"])[order],
        yerr=np.array(curve["analog_std"], float)[order],
        color=ANALOG,
        marker="o",
        markersize=4,
        capsize=3,
        label="analog circuit, mean and standard deviation of seeds",
    )
    axis.xaxis.set_major_locator(MaxNLocator(5))
    if values.min() > 0 and values.max() > LOG_RATIO * values.min():
        axis.set_xscale("log", base=2 if field == "levels" else 10)
        if field == "levels":
            axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel(LABELS.get(field, field.replace("_", " ")))
