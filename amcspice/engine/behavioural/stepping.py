"""Integration of piecewise-linear amplifier circuits in exponential steps.

It is the way of large circuits with many regions, and of stiff ones that slew.  What runs is in
``kernel/stepping_*.cpp``; `amcspice.engine.equations.piecewise` makes the equations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.engine.batch import Batch, Drive
from amcspice.engine.behavioural import followed
from amcspice.engine.behavioural.followed import Followed, Limits, along, injected
from amcspice.engine.equations.arrays import Control, Samples
from amcspice.engine.equations.linear import Modes
from amcspice.engine.equations.piecewise import PiecewiseLinear
from amcspice.native import compiled
from amcspice.native.offered import offered

__all__ = ["LARGE", "Stepper"]

LARGE = 100
"""From this number of states on, bounded circuits make their steps in Krylov spaces."""

BASE_STEP = 0.03
"""Smallest step, over the time constant of an internal node that its output range limits."""

RESOLUTION, RINGING_RESOLUTION, FINE_RESOLUTION = 0.4, 0.1, 0.02
"""Largest part of the way to equilibrium in one step; finer where outputs ring, because they may
leave the settling band again; and where circuits are small enough for it.  The last one is right
to 2e-4 of the settling time on stiff circuits that slew."""

FINE_STATES, FINE_TOLERANCE = 100, 1e-5
"""Number of states of circuits that are not small any more, and the largest error of a step of
small ones while an amplifier slews."""

MOST_STEPS = 500_000
"""Steps after which a right-hand side counts as one that never rests."""

PIECES_PER_INPUT = 16
"""Pieces of the circuit to keep for each right-hand side; most of them serve many."""


class Stepper:
    """Integrates right-hand sides of circuits step by step.

    Parameters
    ----------
    batch : Batch
    equations : PiecewiseLinear
        Of all circuits.
    modes : Modes
        Of all circuits, shape (C, s).
    longest : ndarray, shape (C,)
        Time after which a right-hand side is given up [s].
    band : float
        Steps are finer around this fraction of the final value.
    tolerance : float
        Error of a step while an amplifier slews, as a fraction of the largest voltage.
    limits : Limits
    """

    def __init__(
        self,
        batch: Batch,
        equations: PiecewiseLinear,
        modes: Modes,
        longest: Array,
        band: float,
        tolerance: float,
        limits: Limits,
    ) -> None:
        offered("scipy.linalg.cython_lapack")  # before anyone asks for one thread of it
        self.batch, self.equations = batch, equations
        large = equations.state_count >= FINE_STATES
        self.controls = [
            Control(
                tolerance=tolerance if large else min(tolerance, FINE_TOLERANCE),
                resolution=(RINGING_RESOLUTION if rings else RESOLUTION)
                if large
                else FINE_RESOLUTION,
                band=band,
                rest=followed.REST,
                longest=float(end),
                base=min(
                    BASE_STEP / (compiled.stepping.CLAMP * equations.arrays.unity),
                    limits.longest_step,
                ),
                stable=float(stable),
                most=MOST_STEPS if limits.most is None else limits.most,
                longest_step=limits.longest_step,
            )
            for end, rings, stable in zip(
                longest,
                np.atleast_1d(modes.oscillation > 0),
                np.atleast_1d(modes.stable),
                strict=True,
            )
        ]
        self._pieces: Any = None
        self._states = equations.state_count
        self._settling_states = _output_states(batch.circuit, equations)

    @property
    def options(self) -> str:
        """What chose the steps, for the provenance."""
        control = self.controls[0]
        return (
            f"exponential Runge-Kutta resolution={control.resolution:g} "
            f"tolerance={control.tolerance:g} rest={control.rest:g} base={control.base:.4g}"
        )

    def follow(
        self,
        drive: Drive,
        expected: int = 0,
        *,
        waveforms: bool = True,
        rest_times: bool = False,
    ) -> Followed:
        """Return what becomes of the right-hand sides of every circuit.

        Parameters
        ----------
        drive : Drive
        expected : int
            Right-hand sides that are still to come with these, at the least.
        waveforms, rest_times : bool
            There are always both.
        """
        parts, count = self.equations, len(drive)
        inputs = injected(parts, drive)
        if len(self.batch) > 1 or self._pieces is None:
            arrays = parts.arrays
            self._pieces = compiled.stepping.Pieces(
                states=self._states,
                most=PIECES_PER_INPUT * max(count, expected),
                slews=bool(arrays.slew < np.inf),
                large=self.batch.circuit.bounded and self._states >= LARGE,
            )
        rows, starts, at_rest = compiled.stepping.integrate(
            parts.arrays.stacked(), self._pieces, *inputs, np.zeros(self._states),
            self._settling_states, np.array(self.controls, dtype=float),
        )  # fmt: skip
        k = inputs[0].shape[-1]
        samples = Samples(
            time=np.ascontiguousarray(rows[:, 0]),
            sources=rows[:, 1 : 1 + k],
            held=rows[:, 1 + k : 1 + 2 * k],
            states=rows[:, 1 + 2 * k :],
            starts=starts,
            at_rest=at_rest.view(bool),
        )
        # Those at rest have samples after it.
        last = samples.starts[1:] - 1 - compiled.stepping.TAIL * samples.at_rest
        local = along(drive.into, parts.local, parts.bias)
        return Followed(samples, local, np.where(samples.at_rest, samples.time[last], np.inf))


def _output_states(circuit: Circuit, equations: PiecewiseLinear) -> NDArray[np.intp]:
    """Return the states whose settling counts: the last stage before each output that is read."""
    out = np.concatenate([bank.out for bank in circuit.schematic.amplifiers])
    behind = len(out) if equations.arrays.second else 0
    return behind + np.flatnonzero(np.isin(out, circuit.schematic.outputs))
