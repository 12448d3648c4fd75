"""What wireless links come to: latencies, errors of estimates, errors of OFDM subcarriers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from amcspice.view.style import ANALOG, COLOURS, DASHES, DIGITAL, MARKERS, legend, prefix, styled
from amcspice.workload.wireless import Latency, Ofdm
from amcspice.workload.wireless.sparse_channel import PEERS

__all__ = ["estimation_errors", "latencies", "subcarrier_errors"]

SIZE = (6.4, 4.0)


@styled
def latencies(made: Latency) -> Figure:
    """Draw the share of channels whose chain has settled, over time; what never does is missing.

    Parameters
    ----------
    made : Latency
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    streams = [("first vector, from rest", made.from_rest)]
    if made.settling.shape[1] > 1:
        vectors = made.settling.shape[1]
        streams.append((f"slowest of {vectors} vectors in a row", made.streamed))
    longest = float(np.nanmax(made.settling, initial=0.0))
    factor, unit = prefix(longest)
    for number, (name, times) in enumerate(streams):
        settled = np.sort(times[np.isfinite(times)])
        shares = np.arange(1, len(settled) + 1) / len(times)
        axis.step(
            factor * np.concatenate([[0.0], settled, [1.05 * longest]]),
            100 * np.concatenate([[0.0], shares, shares[-1:] if len(shares) else [0.0]]),
            where="post", color=COLOURS[number], linestyle=DASHES[number], label=name,
        )  # fmt: skip
    axis.set_xlim(0, 1.05 * factor * longest or 1)
    axis.set_ylim(0, 102)
    axis.set_xlabel(f"time after the input step ({unit}s)")
    axis.set_ylabel("settled channels (%)")
    legend(figure)
    return figure


@styled
def estimation_errors(ratios: Sequence[float], figures: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the errors of channel estimates over the ratio of a pilot, beside digital peers.

    Parameters
    ----------
    ratios : sequence of float
        Signal to noise [dB].
    figures : sequence of mapping
        A mapping each, as `EstimationStudy` gives it.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    curves = [("chip", "nmse_db"), ("chip, before debiasing", "biased_nmse_db")]
    curves += [(f"digital: {name}", f"{name}_nmse_db") for name in PEERS]
    for number, (name, key) in enumerate(curves):
        own = number < 2
        axis.plot(
            ratios,
            [each[key] for each in figures],
            color=ANALOG if own else COLOURS[(number - 1) % len(COLOURS)],
            linestyle=("-", "--")[number] if own else ":",
            marker=MARKERS[number % len(MARKERS)],
            markersize=6 if own else 10,
            markerfacecolor=None if own else "none",
            zorder=3 if own else 2,
            label=name,
        )
    axis.set_xlabel("signal-to-noise ratio of a pilot (dB)")
    axis.set_ylabel("squared error over the channel (dB)")
    legend(figure, columns=3)
    return figure


@styled
def subcarrier_errors(made: Ofdm) -> Figure:
    """Draw the EVM of every subcarrier after the equaliser, and the limits of modulations.

    Parameters
    ----------
    made : Ofdm
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(made.by_subcarrier))
    axis.plot(places, 100 * made.by_subcarrier, color=ANALOG, drawstyle="steps-mid",
              label="subcarriers, equalised")  # fmt: skip
    for value, dash, name in (
        (made.evm_equalised, "--", "all, equalised"),
        (made.evm, "-.", "all"),
    ):
        axis.axhline(100 * value, color=DIGITAL, linestyle=dash, label=name)
    top = 100 * max(made.by_subcarrier.max(), made.evm, made.evm_equalised)
    for number, (name, (limit, _)) in enumerate(made.limits.items()):
        if 100 * limit < 3 * top:
            axis.axhline(100 * limit, color=COLOURS[2 + number % (len(COLOURS) - 2)], linestyle=":",
                         label=f"limit of {name}")  # fmt: skip
    axis.set_ylim(bottom=0)
    axis.set_xlabel("subcarrier")
    axis.set_ylabel("EVM (%)")
    legend(figure, columns=3)
    return figure
