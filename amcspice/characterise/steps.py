"""Steps of an amplifier with all of its output fed back: slew rate, overshoot, settling.

The inverting input is driven with output less input, by an ideal source, and the other one stays
at ground, as in matrix circuits.  (In a follower a step of both inputs
reaches the output through the capacitance of the input stage as well.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.characterise.fixture import AmplifierFixture
from amcspice.errors import SimulationError

__all__ = ["Step", "measure_steps"]

Array = NDArray[np.float64]

LARGE, SMALL = 0.8, 0.01
"""Steps, as a fraction of the smaller end of the output range."""

WINDOW = 12.0
"""First window, over 1/GBW."""

WINDOWS = 8
"""How many windows, each three times the one before, an output gets to come to rest."""

FREE = 0.97
"""A slope above this part of what the bandwidth, or a small step, allows is no slew limit."""

METHODS = ("trap", "gear")
"""Integration of a step: where the trapezoidal rule rings it settles beside the answer."""

ARRIVAL = 0.01
"""How far a step may end from the operating points before and after it, as a fraction of it."""


@dataclass(frozen=True, eq=False)
class Step:
    """The output after a step at t = 0.

    Parameters
    ----------
    size : float
        Height of the input step [V].
    time : ndarray, shape (T,)
        Time after the step [s].
    out : ndarray, shape (T,)
        Output, from its value before the step on [V].
    """

    size: float
    time: Array
    out: Array

    @property
    def final(self) -> float:
        """Last value [V]."""
        return float(self.out[-1])

    @property
    def overshoot(self) -> float:
        """How far the output goes beyond its last value, as a fraction of it."""
        return float(max((self.out / self.final).max() - 1, 0.0))

    def settling_time(self, tolerance: float = 0.01) -> float:
        """Return when the output stays within a fraction of its last value [s]."""
        away = np.abs(self.out / self.final - 1)
        outside = np.flatnonzero(away > tolerance)
        if outside.size == 0:
            return 0.0
        last = outside[-1]
        share = (away[last] - tolerance) / (away[last] - away[last + 1])
        return float(self.time[last] + share * (self.time[last + 1] - self.time[last]))

    def crossing(self, fraction: float) -> float:
        """Return when the output first passes a fraction of its last value [s]."""
        progress = self.out / self.final
        after = int(np.flatnonzero(progress >= fraction)[0])
        share = (fraction - progress[after - 1]) / (progress[after] - progress[after - 1])
        return float(self.time[after - 1] + share * (self.time[after] - self.time[after - 1]))

    @property
    def rise_time(self) -> float:
        """Time from 20 to 80 % of the last value [s]."""
        return self.crossing(0.8) - self.crossing(0.2)

    def slew_rate(self, gbw: float, small: Step | None = None) -> float | None:
        """Return the slew limit that explains how long 20 to 80 % take [V/s]; None for none.

        With the input stage of the macro-model, dv/dt = S tanh(w (v_f - v) / S), that is
        log(sinh(0.8 u) / sinh(0.2 u)) / w with u = w v_f / S.

        Parameters
        ----------
        gbw : float
            Gain-bandwidth product [Hz].
        small : Step, optional
            A step of the same amplifier that is far below any limit: one that takes as long is
            that of a linear amplifier, whatever poles it has.
        """
        size, unity = abs(self.final), 2 * np.pi * gbw
        phase_time = unity * self.rise_time
        if phase_time <= np.log(4) / FREE:
            return None
        if small is not None and self.rise_time <= small.rise_time / FREE:
            return None

        def excess(u: float) -> float:
            # log(sinh) without overflow
            ratio = (1 - np.exp(-1.6 * u)) / (1 - np.exp(-0.4 * u))
            return float(0.6 * u + np.log(ratio) - phase_time)

        return float(unity * size / scipy.optimize.brentq(excess, 1e-6, 2 * phase_time + 10))


def measure_steps(fixture: AmplifierFixture, gbw: float, reach: float) -> tuple[Step, ...]:
    """Return the steps of the loaded follower: large up, large down, small up.

    Parameters
    ----------
    fixture : AmplifierFixture
    gbw : float
        Gain-bandwidth product [Hz].
    reach : float
        Smaller end of the output range [V].

    Raises
    ------
    SimulationError
        If the output does not come to rest, or not where the operating points are.
    """
    half = LARGE * reach / 2
    levels = ((-half, half), (half, -half), (0.0, SMALL * reach))
    return tuple(_step(fixture, gbw, *pair) for pair in levels)


def _step(fixture: AmplifierFixture, gbw: float, before: float, after: float) -> Step:
    expected = _way(fixture, before, after)
    window, reason = WINDOW / gbw, "does not settle: it may oscillate"
    for _ in range(WINDOWS):
        for method in METHODS:
            try:
                step = _follow(fixture, gbw, window, before, after, method)
            except SimulationError as error:
                reason = f"cannot be followed: {error.cause}"
                continue
            if np.ptp(step.out[step.time > 0.8 * window]) >= 1e-3 * abs(step.final):
                continue  # not at rest
            share = step.final / expected
            if abs(share - 1) < ARRIVAL:
                return step
            reason = (
                f"ends at {share:.3g} of what its operating points before and after say: it may "
                "ring numerically, or have several operating points"
            )
        window *= 3
    conditions = fixture.conditions
    raise SimulationError(
        f"a step of {fixture.label} as a follower with {conditions.load_resistance:g} ohm and "
        f"{conditions.load_capacitance:g} F {reason}"
    )


def _way(fixture: AmplifierFixture, before: float, after: float) -> float:
    """Return how far the output goes between the operating points of two inputs [V]."""
    cards = "".join(
        f"V{name} i_{name} 0 {level!r}\nE{name} n_{name} 0 o_{name} i_{name} 1\n"
        + fixture.copy(name, "0", f"n_{name}", loaded=True)
        for name, level in (("b", before), ("a", after))
    )
    point = fixture.operating_point(cards)
    return point["o_a"] - point["o_b"]


def _follow(
    fixture: AmplifierFixture, gbw: float, window: float, before: float, after: float, method: str
) -> Step:
    """Return what the output does for some time after a step, by one rule of integration."""
    start, rise = window / 100, min(window / 1e4, 1e-3 / gbw)
    points = f"0 {before!r} {start!r} {before!r} {start + rise!r} {after!r}"
    cards = f"Vin in 0 PWL({points})\nEn n 0 o_f in 1\n" + fixture.copy("f", "0", "n", loaded=True)
    stop, step = start + window, window / 2000
    vectors = fixture.run(
        f"{cards}.options reltol=1e-5 abstol=1e-12 vntol=1e-8 chgtol=1e-17 method={method}\n"
        f".tran {step!r} {stop!r} 0 {step!r}"
    )[-1].vectors
    time = vectors["time"] - start
    moved = vectors["o_f"] - np.interp(0.0, time, vectors["o_f"])
    later = time >= 0
    return Step(after - before, time[later], moved[later])
