"""Distributions over trials."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from amcspice.simulation import Distribution, Trials
from amcspice.view.style import ANALOG, COLOURS, prefix, styled

__all__ = ["distributions"]

LOG_RATIO = 30.0
"""Values that span more than this factor are drawn on a logarithmic axis."""


@styled
def distributions(trials: Trials) -> Figure:
    """Draw the cumulative distributions of error and settling time.

    The vertical axis counts all trials and right-hand sides: a curve that ends below one says how
    many did not settle, or failed.

    Parameters
    ----------
    trials : Trials

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    finite = trials.relative_error[np.isfinite(trials.relative_error)]
    percent = 100.0 if finite.size and finite.max() > 1e-3 else 1.0
    _steps(left, trials.relative_error * percent, "" if percent == 1 else " %")
    left.set_xlabel("relative error (2-norm)" + (", %" if percent > 1 else ""))
    left.set_ylabel("fraction of trials")
    times = trials.settling_time
    largest = np.nanmax(times) if np.isfinite(times).any() else 1.0
    factor, symbol = prefix(float(largest))
    _steps(right, times * factor, f" {symbol}s")
    right.set_xlabel(f"settling time ({symbol}s)")
    return figure


def _steps(axis: Axes, values: NDArray[np.float64], unit: str) -> None:
    """Draw how many of all values are at or below each one, with median and 5 to 95 %."""
    finite = np.sort(values[np.isfinite(values)])
    distribution = Distribution.of(values)
    axis.set_ylim(0, 1.02)
    if not finite.size:
        axis.set_title("no value", loc="left")
        return
    axis.axvspan(distribution.low, distribution.high, color=ANALOG, alpha=0.12, linewidth=0)
    axis.axvline(distribution.median, color=COLOURS[1], linestyle="--", linewidth=1.2)
    reached = np.arange(finite.size + 1) / values.size
    axis.step(np.append(finite[0], finite), reached, where="post", color=ANALOG)
    if finite[0] > 0 and finite[-1] > LOG_RATIO * finite[0]:
        axis.set_xscale("log")
    missing = values.size - finite.size
    axis.set_title(
        f"median {distribution.median:.3g}{unit} (dashed), 5 to 95 %: "
        f"{distribution.low:.3g} to {distribution.high:.3g}{unit}"
        + (f"\n{missing} of {values.size} without a value" if missing else ""),
        loc="left",
    )
