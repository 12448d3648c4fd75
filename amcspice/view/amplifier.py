"""An amplifier and its macro-model: open-loop gain and steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amcspice.characterise import Characteristics, Fit, Step
from amcspice.view.style import ANALOG, DIGITAL, legend, prefix, styled

__all__ = ["amplifier"]

SHOWN_BEYOND_UNITY = 10.0
"""Gains are drawn up to this times the frequency of gain one."""


@styled
def amplifier(fit: Fit, *, title: str = "") -> Figure:
    """Draw open-loop gain and phase with load, and steps with all of the output fed back.

    Parameters
    ----------
    fit : Fit
    title : str

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    axes = figure.subplots(2, 2)
    figure.suptitle(title or fit.measured.fixture.label)
    pair = ((fit.measured, ANALOG, "-", "measured"), (fit.model, DIGITAL, "--", "macro-model"))
    for figures, colour, dashes, label in pair:
        style = {"color": colour, "linestyle": dashes, "label": label}
        _draw_gain(axes[0, 0], axes[1, 0], figures, style)
        _draw_step(axes[0, 1], figures.steps[0], fit.measured.steps[0], style)
        _draw_step(axes[1, 1], figures.steps[-1], fit.measured.steps[-1], style)
    conditions = fit.measured.fixture.conditions
    axes[0, 0].set_ylabel("open-loop gain (dB)")
    axes[0, 0].set_title(f"load {conditions.load_resistance:g} Ω")
    axes[1, 0].set_ylabel("phase (degrees)")
    axes[1, 0].set_xlabel("frequency (Hz)")
    for axis, word in ((axes[0, 1], "large step"), (axes[1, 1], "small step")):
        axis.set_title(word)
    legend(figure, axes[0, 0])
    return figure


def _draw_gain(
    gain_axis: Axes, phase_axis: Axes, figures: Characteristics, style: dict[str, str]
) -> None:
    frequency, gain = figures.response.frequency, figures.response.loaded
    first = figures.unity_gain_frequency / figures.dc_gain
    last = SHOWN_BEYOND_UNITY * figures.unity_gain_frequency
    visible = (frequency > first / 10) & (frequency < last)
    options: Any = style
    gain_axis.semilogx(frequency[visible], 20 * np.log10(np.abs(gain[visible])), **options)
    phase = np.degrees(np.unwrap(np.angle(gain)))
    phase_axis.semilogx(frequency[visible], phase[visible], **options)


def _draw_step(axis: Axes, step: Step, measured_step: Step, style: dict[str, str]) -> None:
    last = 2.5 * measured_step.settling_time()
    to_time, unit = prefix(last)
    to_volts, volts = prefix(abs(measured_step.size))
    visible = step.time <= last
    options: Any = style
    axis.plot(to_time * step.time[visible], to_volts * step.out[visible], **options)
    axis.set_xlabel(f"time ({unit}s)")
    axis.set_ylabel(f"output ({volts}V)")
