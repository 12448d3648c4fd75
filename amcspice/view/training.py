"""Plots of trainings: loss and accuracy over epochs, epochs against write noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from amcspice.view.style import COLOURS, legend, styled
from amcspice.workload.training.comparison import Comparison
from amcspice.workload.training.noise import NoiseStudy

__all__ = ["epochs_against_noise", "learning"]

Values = NDArray[np.float64]

MARKERS = "osD^vPX"


@styled
def learning(comparison: Comparison) -> Figure:
    """Draw loss and accuracy at the end of each epoch: median over seeds, band of all of them.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.6, 4.0), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    for k, entrant in enumerate(comparison.entrants):
        courses = [each.course for each in comparison.outcomes[entrant.name]]
        _band(loss, k, [each.loss for each in courses], entrant.name)
        _band(accuracy, k, [each.accuracy for each in courses], entrant.name)
    loss.set_yscale("log")
    loss.set_ylabel("loss of the pictures trained on")
    accuracy.set_ylabel("accuracy of held-out pictures")
    for axis, target in ((loss, comparison.target_loss), (accuracy, comparison.target_accuracy)):
        axis.axhline(target, color="0.4", linestyle=":", linewidth=1.2)
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(figure, loss)
    return figure


def _band(axis: Axes, k: int, several: Sequence[Values], name: str) -> None:
    """Draw seeds of one way; one that ended early counts as far as it came."""
    colour, longest = COLOURS[k % len(COLOURS)], max(map(len, several))
    values = np.full((len(several), longest), np.nan)
    for row, course in zip(values, several, strict=True):
        row[: len(course)] = course
    epochs = np.arange(longest)
    finite = np.isfinite(values).any(axis=0)
    values, epochs = values[:, finite], epochs[finite]
    axis.fill_between(
        epochs, np.nanmin(values, axis=0), np.nanmax(values, axis=0), color=colour, alpha=0.15,
        linewidth=0,
    )  # fmt: skip
    axis.plot(
        epochs, np.nanmedian(values, axis=0), color=colour, marker=MARKERS[k % len(MARKERS)],
        markersize=3.5, label=name,
    )  # fmt: skip


@styled
def epochs_against_noise(study: NoiseStudy) -> Figure:
    """Draw epochs to the target loss against write noise, with the limits that are foretold.

    A training that does not come to the target stands at the top, in a band of its own.

    Parameters
    ----------
    study : NoiseStudy

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axis = figure.subplots()
    top = study.epochs_at_most
    for k, (name, curve) in enumerate(study.curves.items()):
        _noise_curve(axis, k, name, curve, study, top)
    exact = study.exact[np.isfinite(study.exact)]
    if exact.size:
        axis.axhspan(exact.min(), exact.max(), color="0.5", alpha=0.25, linewidth=0)
        axis.axhline(exact.mean(), color="0.3", linestyle="--", label="exact inverse")
    axis.axhline(top, color="0.7", linewidth=0.8)
    axis.annotate(
        f"not within {top:g} epochs", (0.01, top), xycoords=("axes fraction", "data"),
        va="bottom", fontsize=9, color="0.3",
    )  # fmt: skip
    axis.set_ylim(0, 1.12 * top)
    axis.set_xlabel("write noise (% of g_max)")
    axis.set_ylabel(f"epochs to a training loss of {study.target_loss:g}")
    legend(figure, axis, columns=2)
    return figure


def _noise_curve(
    axis: Axes, k: int, name: str, curve: Mapping[float, Values], study: NoiseStudy, top: float
) -> None:
    colour, noises = COLOURS[k % len(COLOURS)], np.array(sorted(curve))
    means = np.array([_mean(curve[noise]) for noise in noises])
    axis.plot(100 * noises, means, color=colour, label=f"{name}, mean")
    for noise in noises:
        epochs = curve[noise]
        shown = np.where(np.isfinite(epochs), epochs, 1.06 * top)
        axis.plot(
            np.full(len(epochs), 100 * noise) + 0.04 * (k - 0.5), shown, linestyle="",
            marker=MARKERS[k % len(MARKERS)], markersize=4, color=colour, alpha=0.6,
        )  # fmt: skip
    low, middle, high = (100 * value for value in study.limits[name])
    axis.axvspan(low, high, color=colour, alpha=0.12, linewidth=0)
    axis.axvline(middle, color=colour, linestyle=":", label=f"{name}, foretold limit")


def _mean(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
