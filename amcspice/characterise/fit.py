"""`fit`: the parameters of the macro-model that describe a measured amplifier, and how well.

Most parameters are figures of `Characteristics`.  Gain-bandwidth product and second pole are
fitted to the gain without load, magnitude and phase; what is left is measured by putting the
macro-model into the same fixture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy

from amcspice.characterise.characteristics import Array, Characteristics
from amcspice.characterise.figures import characterise, reach
from amcspice.characterise.fixture import AmplifierFixture, Conditions
from amcspice.characterise.steps import Step, measure_steps
from amcspice.device import Compatibility, OpAmp, Subcircuit

__all__ = ["Fit", "Residual", "fit", "measured_opamp"]

FARTHEST_POLE = 30.0
"""A second pole beyond this times GBW is none: it changes the phase at unity gain by under 2
degrees."""

SLEW_ITERATIONS = 4

ROUNDING = 1e-24
"""Volts, amperes and farads below which a figure is zero but for rounding."""

CLOSE_TO_LIMIT = 0.9
"""A short-circuit current above the load current by less than this factor limits the load."""


@dataclass(frozen=True)
class Residual:
    """How far the macro-model is from the amplifier, under the same load.

    Parameters
    ----------
    gain_db : float
        Root mean square of the difference in gain, up to where it is one half [dB].
    phase : float
        The same of the phase [degrees].
    large_step, small_step : float
        Largest difference of the follower's output, as a fraction of the step.
    large_settling, small_settling : float
        Settling time to 1 % over that of the amplifier, less one.
    """

    gain_db: float
    phase: float
    large_step: float
    small_step: float
    large_settling: float
    small_settling: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A macro-model of a measured amplifier.

    Parameters
    ----------
    opamp : OpAmp
    measured, model : Characteristics
        Figures of the amplifier and of its macro-model, in the same fixture.
    residual : Residual
    """

    opamp: OpAmp
    measured: Characteristics
    model: Characteristics
    residual: Residual


def fit(figures: Characteristics, source: str = "") -> Fit:
    """Return the macro-model of an amplifier and how well it does.

    Parameters
    ----------
    figures : Characteristics
    source : str
        `OpAmp.source`; empty is made from the fixture.

    Notes
    -----
    Slew rates up and down become one, with which the large steps take as long in sum.  Headroom
    is that with the stated load, less the drop over the output resistance.  The output current
    limit is None unless the stated load reaches it (the behavioural fidelity has none).
    """
    conditions = figures.fixture.conditions
    gbw, second = _poles(figures)
    rout, load = figures.output_resistance, conditions.load_resistance
    stage = 1 + rout / load
    opamp = OpAmp(
        gain=figures.dc_gain,
        gbw=gbw,
        slew_rate=_mean(figures.slew_rate_positive, figures.slew_rate_negative),
        second_pole=second,
        offset=_rounded(figures.offset),
        bias_current=_rounded((figures.bias_current_plus + figures.bias_current_minus) / 2),
        input_resistance=figures.input_resistance,
        input_capacitance=_rounded(max(figures.input_capacitance, 0.0)),
        output_resistance=rout,
        output_current_limit=_current_limit(figures),
        supply_positive=conditions.supply_positive,
        supply_negative=conditions.supply_negative,
        headroom_positive=_rounded(
            max(conditions.supply_positive - stage * figures.highest_output, 0.0)
        ),
        headroom_negative=_rounded(
            max(stage * figures.lowest_output - conditions.supply_negative, 0.0)
        ),
        quiescent_current=_rounded(max(figures.quiescent_current, 0.0)),
        input_noise=figures.input_noise,
        source=source or f"macro-model fitted to {figures.fixture.label}",
    )
    opamp = _with_slew_rate(opamp, figures)
    model = characterise(AmplifierFixture.of_macro_model(opamp, conditions))
    return Fit(opamp, figures, model, _residual(figures, model))


def _rounded(value: float) -> float:
    """Return zero for what is zero but for rounding: no parameter takes such values."""
    return 0.0 if abs(value) < ROUNDING else value


def measured_opamp(
    file: str | Path,
    name: str,
    conditions: Conditions | None = None,
    pins: str | Sequence[str] | None = None,
    compat: Compatibility = None,
) -> OpAmp:
    """Return an amplifier whose decks hold a sub-circuit of a file.

    Its parameters are those of the fitted macro-model: they choose ranges, windows and steps, and
    are what the behavioural fidelity integrates.

    Parameters
    ----------
    file : path
        SPICE library.
    name : str
        Name of the sub-circuit, which has five pins.
    conditions : Conditions, optional
        Supplies and load under which it is measured.
    pins : str or sequence of str, optional
        What its pins are, in its order, such as ``"in+ in- vdd vss out"``; None is in+ in- out vdd
        vss.
    compat : {"ps", "lt", "psa", "ltpsa"}, optional
        Whose syntax the file has, see `amcspice.Subcircuit`.

    Raises
    ------
    InputError
        If the file cannot be used, or the sub-circuit is no amplifier.
    SimulationError
        If ngspice fails.

    Examples
    --------
    >>> import amcspice as amc
    >>> opamp = amc.measured_opamp("models/miller.lib", "amc_miller")
    >>> opamp.gain > 1e3, opamp.gbw > 1e6
    (True, True)
    """
    subcircuit = Subcircuit.of(file, name, pins, compat)
    fixture = AmplifierFixture.of_subcircuit(subcircuit, conditions or Conditions())
    macro_fit = fit(characterise(fixture))
    residual = macro_fit.residual
    source = (
        f"macro-model fitted to sub-circuit {name} of {Path(file).name}: off by "
        f"{residual.gain_db:.2g} dB and {residual.phase:.2g} degrees (rms) and by "
        f"{100 * residual.large_step:.2g} % of a large step"
    )
    source = "; ".join([source, *macro_fit.measured.remarks])
    named = dataclasses.replace(subcircuit, supply_share=macro_fit.measured.supply_share)
    return dataclasses.replace(macro_fit.opamp, subcircuit=named, source=source)


def _poles(figures: Characteristics) -> tuple[float, float | None]:
    """Fit gain-bandwidth product and second pole to the gain without load [Hz]."""
    response = figures.response
    f, gain = response.frequency[response.useful], response.unloaded[response.useful]
    band = f > min(10 * figures.gbw / figures.dc_gain, figures.gbw / 100)
    f, gain = f[band], gain[band]

    def model(logarithms: Array) -> Array:
        gbw, second = np.exp(logarithms)
        two_pole_gain = (
            figures.dc_gain / (1 + 1j * f * figures.dc_gain / gbw) / (1 + 1j * f / second)
        )
        deviation = np.log(gain / two_pole_gain)
        return np.concatenate([deviation.real, deviation.imag])

    start = np.log([figures.gbw, 3 * figures.gbw])
    solution = scipy.optimize.least_squares(model, start, bounds=(start - 7, start + 14))
    gbw, second = map(float, np.exp(solution.x))
    return gbw, second if second < FARTHEST_POLE * gbw else None


def _mean(up: float | None, down: float | None) -> float | None:
    rates = [rate for rate in (up, down) if rate is not None]
    return float(np.exp(np.mean(np.log(rates)))) if rates else None


def _with_slew_rate(opamp: OpAmp, figures: Characteristics) -> OpAmp:
    """Return a macro-model whose large steps take as long as the measured ones.

    Second pole and load slow the output down as well, so that its slew rate is not the input
    stage's.
    """
    conditions, rise_time = figures.fixture.conditions, _rise(figures.steps)
    most = reach(figures.fixture, figures.highest_output, figures.lowest_output)
    for _ in range(SLEW_ITERATIONS if opamp.slew_rate is not None else 0):
        steps = measure_steps(AmplifierFixture.of_macro_model(opamp, conditions), figures.gbw, most)
        assert opamp.slew_rate is not None
        opamp = dataclasses.replace(opamp, slew_rate=opamp.slew_rate * _rise(steps) / rise_time)
    return opamp


def _rise(steps: Sequence[Step]) -> float:
    """Return how long the large steps take to 90 %, both together [s].

    Not from 20 to 80 %: what matters is when a circuit has settled.
    """
    return sum(step.crossing(0.9) for step in steps[:2])


def _current_limit(figures: Characteristics) -> float | None:
    load = figures.fixture.conditions.load_resistance
    limits = (figures.source_current, figures.sink_current)
    reached = (figures.highest_output / load, -figures.lowest_output / load)
    close = [at > CLOSE_TO_LIMIT * most for at, most in zip(reached, limits, strict=True)]
    return min(limits) if any(close) else None


def _residual(figures: Characteristics, model: Characteristics) -> Residual:
    gain, model_gain = figures.response.loaded, model.response.loaded
    log_ratio = np.log(model_gain / gain)[figures.response.useful]
    large, small = figures.steps[0], figures.steps[-1]
    return Residual(
        gain_db=float(20 / np.log(10) * np.sqrt(np.mean(log_ratio.real**2))),
        phase=float(np.degrees(np.sqrt(np.mean(log_ratio.imag**2)))),
        large_step=_largest_deviation(large, model.steps[0]),
        small_step=_largest_deviation(small, model.steps[-1]),
        large_settling=model.steps[0].settling_time() / large.settling_time() - 1,
        small_settling=model.steps[-1].settling_time() / small.settling_time() - 1,
    )


def _largest_deviation(measured: Step, modelled: Step) -> float:
    modelled_out = np.interp(measured.time, modelled.time, modelled.out)
    return float(np.abs(modelled_out - measured.out).max() / abs(measured.size))
