"""Bit-error rates over signal-to-noise ratios."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from amcspice.view.style import COLOURS, MARKERS, legend, styled
from amcspice.workload.wireless import Curve

__all__ = ["bit_error_curves"]


@styled
def bit_error_curves(curves: Mapping[str, Curve]) -> Figure:
    """Draw the rates of chips with their intervals, and those of their digital twins.

    Parameters
    ----------
    curves : mapping of str to Curve
        By what the legend calls them.
    """
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axis = figure.subplots()
    for number, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [point for point in curve.points if point.analog.rate > 0 and not point.failed]
        rates = np.array([point.analog.rate for point in points])
        ends = np.array([point.analog.interval() for point in points]).reshape(-1, 2)
        axis.errorbar(
            [point.snr_db for point in points],
            rates,
            yerr=np.maximum([rates - ends[:, 0], ends[:, 1] - rates], 0.0),
            color=colour,
            marker=MARKERS[number % len(MARKERS)],
            markersize=4,
            capsize=2,
            label=name,
        )
        known = [point for point in curve.points if point.digital.rate > 0]
        axis.plot(
            [point.snr_db for point in known],
            [point.digital.rate for point in known],
            color=colour,
            linestyle="--",
            linewidth=1.0,
        )
    axis.plot([], [], color="0.4", linestyle="--", linewidth=1.0, label="digital twins")
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("signal-to-noise ratio of all users at one antenna (dB)")
    axis.set_ylabel("bit-error rate")
    legend(figure, columns=3)
    return figure
