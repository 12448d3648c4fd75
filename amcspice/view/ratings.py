"""Plots of a factorisation of ratings: learning curve, error by support, settling times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from amcspice.view.style import ANALOG, DIGITAL, legend, prefix, styled
from amcspice.workload.factorise_ratings import ErrorByCount

__all__ = ["error_by_count", "histogram", "learning_curve"]

Values = NDArray[np.float64]

BINS = 60


@styled
def learning_curve(
    analog: Sequence[Mapping[str, float]], digital: Sequence[Mapping[str, float]]
) -> Figure:
    """Draw the error after each iteration, on training and held-out ratings.

    Parameters
    ----------
    analog, digital : sequence of mapping
        ``rmse_train`` and, if ratings were held out, ``rmse_test`` after each iteration.
    """
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axis = figure.subplots()
    iterations = np.arange(1, len(analog) + 1)
    for name, what, dashes in (("rmse_test", "held out", "-"), ("rmse_train", "training", ":")):
        if not analog or name not in analog[0]:
            continue
        axis.plot(
            iterations,
            [s[name] for s in digital],
            color=DIGITAL,
            linestyle=dashes,
            marker="s",
            markersize=7,
            markerfacecolor="none",
            label=f"{what}, digital twin",
        )
        axis.plot(
            iterations,
            [s[name] for s in analog],
            color=ANALOG,
            linestyle=dashes,
            marker="o",
            markersize=4,
            label=f"{what}, analog circuit",
        )
    axis.set_xlim(0.5, len(analog) + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel("iteration")
    axis.set_ylabel("RMSE (rating)")
    legend(figure, columns=2)
    return figure


@styled
def error_by_count(
    analog: Mapping[str, ErrorByCount], digital: Mapping[str, ErrorByCount]
) -> Figure:
    """Draw the held-out error against the number of training ratings, a panel an axis.

    Parameters
    ----------
    analog, digital : mapping of str to ErrorByCount
        Errors by ``user`` and by ``item``.
    """
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(analog), squeeze=False)[0], analog, strict=True):
        _panel(axis, analog[name], digital[name])
        axis.set_xlabel(f"training ratings of the {name}\n(held-out ratings in brackets)")
    figure.axes[0].set_ylabel("RMSE of held-out ratings")
    legend(figure, figure.axes[0])
    return figure


def _panel(axis: Axes, analog: ErrorByCount, digital: ErrorByCount) -> None:
    places = np.arange(len(analog.number))
    axis.bar(places - 0.2, analog.rmse, 0.4, color=ANALOG, label="analog circuit")
    axis.bar(
        places + 0.2,
        digital.rmse,
        0.4,
        color=DIGITAL,
        hatch="///",
        edgecolor="white",
        label="digital twin",
    )
    labels = [
        f"{low}\n\n({number})" if low == high else f"{low}–\n{high}\n({number})"
        for low, high, number in zip(analog.lowest, analog.highest, analog.number, strict=True)
    ]
    axis.set_xticks(places, labels, fontsize=8)
    axis.grid(visible=False, axis="x")


@styled
def histogram(values: Values, *, what: str, unit: str, unsettled: int = 0) -> Figure:
    """Draw the distribution of a quantity over all regressions, on a logarithmic axis.

    Parameters
    ----------
    values : ndarray, shape (N,)
        In SI units; those that are not finite are left out.
    what : str
        Name of the quantity.
    unit : str
    unsettled : int
        How many regressions are left out because they never came to rest.
    """
    finite = values[np.isfinite(values)]
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axis = figure.subplots()
    axis.set_ylabel("regressions")
    positive = finite[finite > 0]
    if not positive.size:
        axis.set_xlabel(what)
        axis.set_title("nothing was measured", loc="left")
        return figure
    median = float(np.median(finite))
    factor, symbol = prefix(median)
    low, high = positive.min() * factor, positive.max() * factor
    edges = np.geomspace(low, max(high, low * 1.01), BINS + 1)
    axis.hist(positive * factor, bins=edges.tolist(), color=ANALOG)
    axis.set_xscale("log")
    axis.axvline(median * factor, color="0.2", linestyle=(0, (6, 3)), linewidth=1.2)
    left_out = f", {unsettled} not settled" if unsettled else ""
    zero = f", {len(finite) - len(positive)} at zero" if len(finite) > len(positive) else ""
    axis.set_title(
        f"{len(finite)} regressions{left_out}{zero}; median {median * factor:.3g} {symbol}{unit} "
        "(dashed)",
        loc="left",
    )
    axis.set_xlabel(f"{what} ({symbol}{unit})")
    axis.xaxis.set_major_formatter("{x:g}")
    return figure
