"""`fit`: the parameters of the macro-model that describe a measured amplifier, and how well.

Most parameters are figures of `Characteristics`.  Gain-bandwidth product and second pole are
fitted to the gain without load, magnitude and phase; what is left is measured by putting the
macro-model on the same bench.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

from amcspice.characterise.bench import Bench, Conditions
from amcspice.characterise.figures import Array, Characteristics, characterise, reach
from amcspice.characterise.steps import Step, measure_steps
from amcspice.device import OpAmp, Subcircuit

__all__ = ["Fit", "Residual", "fit", "measured_opamp"]

FARTHEST_POLE = 30.0
"""A second pole beyond this times GBW is none: it changes the phase at unity gain by under 2
degrees."""

SLEW_ITERATIONS = 4

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
        Of the amplifier and of its macro-model, on the same bench.
    residual : Residual
    """

    opamp: OpAmp
    measured: Characteristics
    model: Characteristics
    residual: Residual


def fit(found: Characteristics, source: str = "") -> Fit:
    """Return the macro-model of an amplifier and how well it does.

    Parameters
    ----------
    found : Characteristics
    source : str
        `OpAmp.source`; empty is made from the bench.

    Notes
    -----
    Slew rates up and down become one, with which the large steps take as long in sum.  Headroom
    is that with the stated load, less the drop over the output resistance.  The output current
    limit is None unless the stated load reaches it (the behavioural fidelity has none).
    """
    conditions = found.bench.conditions
    gbw, second = _poles(found)
    rout, load = found.output_resistance, conditions.load_resistance
    stage = 1 + rout / load
    opamp = OpAmp(
        gain=found.dc_gain,
        gbw=gbw,
        slew_rate=_mean(found.slew_rate_positive, found.slew_rate_negative),
        second_pole=second,
        offset=found.offset,
        bias_current=(found.bias_current_plus + found.bias_current_minus) / 2,
        input_resistance=found.input_resistance,
        input_capacitance=max(found.input_capacitance, 0.0),
        output_resistance=rout,
        output_current_limit=_current_limit(found),
        supply_positive=conditions.supply_positive,
        supply_negative=conditions.supply_negative,
        headroom_positive=max(conditions.supply_positive - stage * found.highest_output, 0.0),
        headroom_negative=max(stage * found.lowest_output - conditions.supply_negative, 0.0),
        quiescent_current=max(found.quiescent_current, 0.0),
        input_noise=found.input_noise,
        source=source or f"macro-model fitted to {found.bench.label}",
    )
    opamp = _with_slew_rate(opamp, found)
    model = characterise(Bench.of_macro_model(opamp, conditions))
    return Fit(opamp, found, model, _residual(found, model))


def measured_opamp(file: str | Path, name: str, conditions: Conditions | None = None) -> OpAmp:
    """Return an amplifier whose decks hold a sub-circuit of a file.

    Its parameters are those of the fitted macro-model: they choose ranges, windows and steps, and
    are what the behavioural fidelity integrates.

    Parameters
    ----------
    file : path
        SPICE library.
    name : str
        Of the sub-circuit: five pins, in+ in- out vdd vss.
    conditions : Conditions, optional
        Supplies and load under which it is measured.

    Raises
    ------
    InputError
        If the file cannot be used, or the sub-circuit is no amplifier.
    SimulationError
        If ngspice fails.
    """
    subcircuit = Subcircuit.of(file, name)
    bench = Bench.of_subcircuit(subcircuit, conditions or Conditions())
    made = fit(characterise(bench))
    apart = made.residual
    source = (
        f"macro-model fitted to sub-circuit {name} of {Path(file).name}: off by "
        f"{apart.gain_db:.2g} dB and {apart.phase:.2g} degrees (rms) and by "
        f"{100 * apart.large_step:.2g} % of a large step"
    )
    return dataclasses.replace(made.opamp, subcircuit=subcircuit, source=source)


def _poles(found: Characteristics) -> tuple[float, float | None]:
    """Fit gain-bandwidth product and second pole to the gain without load [Hz]."""
    response = found.response
    f, gain = response.frequency[response.useful], response.unloaded[response.useful]
    chosen = f > min(10 * found.gbw / found.dc_gain, found.gbw / 100)
    f, gain = f[chosen], gain[chosen]

    def model(logarithms: Array) -> Array:
        gbw, second = np.exp(logarithms)
        made = found.dc_gain / (1 + 1j * f * found.dc_gain / gbw) / (1 + 1j * f / second)
        apart = np.log(gain / made)
        return np.concatenate([apart.real, apart.imag])

    start = np.log([found.gbw, 3 * found.gbw])
    solution = least_squares(model, start, bounds=(start - 7, start + 14))
    gbw, second = map(float, np.exp(solution.x))
    return gbw, second if second < FARTHEST_POLE * gbw else None


def _mean(up: float | None, down: float | None) -> float | None:
    known = [rate for rate in (up, down) if rate is not None]
    return float(np.exp(np.mean(np.log(known)))) if known else None


def _with_slew_rate(opamp: OpAmp, found: Characteristics) -> OpAmp:
    """Return a macro-model whose large steps take as long as the measured ones.

    Second pole and load slow the output down as well, so that its slew rate is not the input
    stage's.
    """
    conditions, wanted = found.bench.conditions, _rise(found.steps)
    most = reach(found.bench, found.highest_output, found.lowest_output)
    for _ in range(SLEW_ITERATIONS if opamp.slew_rate is not None else 0):
        steps = measure_steps(Bench.of_macro_model(opamp, conditions), found.gbw, most)
        assert opamp.slew_rate is not None
        opamp = dataclasses.replace(opamp, slew_rate=opamp.slew_rate * _rise(steps) / wanted)
    return opamp


def _rise(steps: Sequence[Step]) -> float:
    """Return how long the large steps take to 90 %, both together [s].

    Not from 20 to 80 %: what matters is when a circuit has settled.
    """
    return sum(step.crossing(0.9) for step in steps[:2])


def _current_limit(found: Characteristics) -> float | None:
    load = found.bench.conditions.load_resistance
    limits = (found.source_current, found.sink_current)
    reached = (found.highest_output / load, -found.lowest_output / load)
    close = [at > CLOSE_TO_LIMIT * most for at, most in zip(reached, limits, strict=True)]
    return min(limits) if any(close) else None


def _residual(found: Characteristics, model: Characteristics) -> Residual:
    gain, other = found.response.loaded, model.response.loaded
    apart = np.log(other / gain)[found.response.useful]
    large, small = found.steps[0], found.steps[-1]
    return Residual(
        gain_db=float(20 / np.log(10) * np.sqrt(np.mean(apart.real**2))),
        phase=float(np.degrees(np.sqrt(np.mean(apart.imag**2)))),
        large_step=_apart(large, model.steps[0]),
        small_step=_apart(small, model.steps[-1]),
        large_settling=model.steps[0].settling_time() / large.settling_time() - 1,
        small_settling=model.steps[-1].settling_time() / small.settling_time() - 1,
    )


def _apart(one: Step, other: Step) -> float:
    there = np.interp(one.time, other.time, other.out)
    return float(np.abs(there - one.out).max() / abs(one.size))
