"""Curves: convergence of a factorisation, settling of a regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.measure import Settling, measure_settling
from amcspice.simulation import Run
from amcspice.view.style import ANALOG, COLOURS, DASHES, DIGITAL, legend, prefix, styled

__all__ = ["convergence", "settling"]

Values = NDArray[np.float64]

MOST_LABELLED = 16
"""More outputs than this get no legend."""

LOG_RATIO = 10.0
"""Residuals that fall by more than this factor are drawn on a logarithmic axis."""


@styled
def convergence(
    analog: Sequence[float] | Values,
    digital: Sequence[float] | Values,
    *,
    what: str = "relative residual ‖V − W H‖ / ‖V‖",
) -> Figure:
    """Draw the residual after each iteration, of the circuit and of its digital twin.

    Parameters
    ----------
    analog, digital : array_like, shape (iterations,)
    what : str
        Label of the vertical axis.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axis = figure.subplots()
    iterations = np.arange(1, len(analog) + 1)
    axis.plot(
        iterations,
        digital,
        color=DIGITAL,
        marker="s",
        markersize=7,
        markerfacecolor="none",
        linestyle="--",
        label="digital twin",
    )
    axis.plot(iterations, analog, color=ANALOG, marker="o", markersize=4, label="analog circuit")
    residuals = np.concatenate([analog, digital])
    if residuals.size and residuals.min() > 0 and residuals.max() > LOG_RATIO * residuals.min():
        axis.set_yscale("log")
    axis.set_xlim(0.5, len(analog) + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel("iteration")
    axis.set_ylabel(what)
    legend(figure)
    return figure


@styled
def settling(run: Run, index: int = 0, *, tolerance: float = 0.01) -> Figure:
    """Draw the outputs over time after one right-hand side, with their settling band.

    Parameters
    ----------
    run : Run
        A run with its waveforms.
    index : int
        Number of the right-hand side.
    tolerance : float
        Settle tolerance of the analysis.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the run kept no waveforms.
    """
    if run.waveforms is None:
        raise InputError("the run has no waveforms to draw (ideal fidelity, or not kept)")
    time, outputs = run.waveforms.solution(index)
    outcome = measure_settling(time, outputs, tolerance)
    visible = time <= _shown_until(time, outcome)
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axis = figure.subplots()
    seconds, time_prefix = prefix(float(time[visible][-1]))
    volts, volt_prefix = prefix(float(np.abs(outputs).max()))
    names = [run.waveforms.names[k] for k in run.waveforms.outputs]
    for k, name in enumerate(names):
        _output(
            axis,
            k,
            name,
            time[visible] * seconds,
            outputs[visible, k] * volts,
            outcome.final[k] * volts,
            outcome.band * volts,
        )
    _mark(axis, outcome, seconds, time_prefix, tolerance)
    axis.set_xlim(0, time[visible][-1] * seconds)
    axis.set_xlabel(f"time after the input step ({time_prefix}s)")
    axis.set_ylabel(f"amplifier output ({volt_prefix}V)")
    if len(names) <= MOST_LABELLED:
        legend(figure, place="beside", title="output")
    return figure


def _shown_until(time: Values, settling: Settling) -> float:
    """Time up to which the plot goes: well past settling, not the whole window."""
    if not settling.settled or settling.time == 0:
        return float(time[-1])
    return float(min(time[-1], max(2.0 * settling.time, time[1])))


def _output(
    axis: Axes, k: int, name: str, time: Values, voltage: Values, final: float, band: float
) -> None:
    colour = COLOURS[k % len(COLOURS)]
    dashes = DASHES[k // len(COLOURS) % len(DASHES)]
    axis.axhspan(final - band, final + band, color=colour, alpha=0.15, linewidth=0)
    axis.plot(time, voltage, color=colour, linestyle=dashes, label=name)


def _mark(
    axis: Axes, settling: Settling, seconds: float, time_prefix: str, tolerance: float
) -> None:
    band = f"bands: final value ± {tolerance * 100:.3g} % of the largest"
    if not settling.settled:
        axis.set_title(f"not settled in the window; {band}", loc="left")
        return
    settling_time = settling.time * seconds
    axis.axvline(settling_time, color="0.2", linestyle=(0, (6, 3)), linewidth=1.2)
    axis.set_title(
        f"settled after {settling_time:.4g} {time_prefix}s (dashed line); {band}", loc="left"
    )
