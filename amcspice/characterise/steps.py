"""Steps of an amplifier with all of its output fed back: slew rate, overshoot, settling.

The inverting input is driven with output less input, by an ideal source, and the other one stays
at ground, as in matrix circuits.  (In a follower a step of both inputs
reaches the output through the capacitance of the input stage as well.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from amcspice.characterise.bench import Bench
from amcspice.errors import SimulationError

__all__ = ["Step", "measure_steps"]

Array = NDArray[np.float64]

LARGE, SMALL = 0.8, 0.01
"""Steps, as a fraction of the smaller end of the output range."""

WINDOW = 12.0
"""Of the first attempt, over 1/GBW."""

ATTEMPTS = 8
"""How often the window is trebled for an output that still moves."""

FREE = 0.97
"""A slope above this part of what the bandwidth allows is no slew limit."""


@dataclass(frozen=True, eq=False)
class Step:
    """The output after a step at t = 0.

    Parameters
    ----------
    size : float
        Of the input step [V].
    time : ndarray, shape (T,)
        [s].
    out : ndarray, shape (T,)
        From its value before the step [V].
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
        """Beyond the last value, as a fraction of it."""
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
        done = self.out / self.final
        after = int(np.flatnonzero(done >= fraction)[0])
        share = (fraction - done[after - 1]) / (done[after] - done[after - 1])
        return float(self.time[after - 1] + share * (self.time[after] - self.time[after - 1]))

    def slew_rate(self, gbw: float) -> float | None:
        """Return the slew limit that explains how long 20 to 80 % take [V/s]; None for none.

        With the input stage of the macro-model, dv/dt = S tanh(w (v_f - v) / S), that is
        log(sinh(0.8 u) / sinh(0.2 u)) / w with u = w v_f / S.
        """
        size, unity = abs(self.final), 2 * np.pi * gbw
        taken = unity * (self.crossing(0.8) - self.crossing(0.2))
        if taken <= np.log(4) / FREE:
            return None

        def excess(u: float) -> float:
            # log(sinh) without overflow
            ratio = (1 - np.exp(-1.6 * u)) / (1 - np.exp(-0.4 * u))
            return float(0.6 * u + np.log(ratio) - taken)

        return float(unity * size / brentq(excess, 1e-6, 2 * taken + 10))


def measure_steps(bench: Bench, gbw: float, reach: float) -> tuple[Step, ...]:
    """Return the steps of the loaded follower: large up, large down, small up.

    Parameters
    ----------
    bench : Bench
    gbw : float
        Gain-bandwidth product [Hz].
    reach : float
        Smaller end of the output range [V].

    Raises
    ------
    SimulationError
        If the output does not come to rest.
    """
    half = LARGE * reach / 2
    levels = ((-half, half), (half, -half), (0.0, SMALL * reach))
    return tuple(_step(bench, gbw, *pair) for pair in levels)


def _step(bench: Bench, gbw: float, before: float, after: float) -> Step:
    window = WINDOW / gbw
    for _ in range(ATTEMPTS):
        start, rise = window / 100, min(window / 1e4, 1e-3 / gbw)
        points = f"0 {before!r} {start!r} {before!r} {start + rise!r} {after!r}"
        cards = f"Vin in 0 PWL({points})\nEn n 0 o_f in 1\n" + bench.copy(
            "f", "0", "n", loaded=True
        )
        stop, step = start + window, window / 2000
        found = bench.run(
            f"{cards}.options reltol=1e-5 abstol=1e-12 vntol=1e-8 chgtol=1e-17\n"
            f".tran {step!r} {stop!r} 0 {step!r}"
        )[-1].vectors
        time, out = found["time"] - start, found["o_f"]
        moved = out - np.interp(0.0, time, out)
        late = moved[time > 0.8 * window]
        if np.ptp(late) < 1e-3 * abs(moved[-1]):
            later = time >= 0
            return Step(after - before, time[later], moved[later])
        window *= 3
    raise SimulationError(
        f"{bench.label} does not settle as a follower with {bench.conditions.load_resistance:g} "
        f"ohm and {bench.conditions.load_capacitance:g} F: it may oscillate"
    )
