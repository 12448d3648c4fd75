"""Settling: when every output has come within a band around its final value, for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.engine.waveforms import SMALLEST_SCALE, flat_tails
from amcspice.errors import InputError

__all__ = ["Settling", "measure_settling"]

PEAK = 0.15
"""Part of the band that a peak between two samples may be above them: samples stand less than a
radian of the fastest lasting oscillation apart, whose cosine falls by 0.1 in half of that."""


@dataclass(frozen=True, eq=False)
class Settling:
    """Result of `measure_settling`.

    Parameters
    ----------
    settled : bool
        Whether the last tenth of the window is flat to a tenth of the band.
    time : float
        Time from the input step until every output stays inside the band [s]; nan if not settled.
    final : ndarray, shape (n,)
        Value at the end of the window [V].
    band : float
        Half-width of the band [V].
    """

    settled: bool
    time: float
    final: NDArray[np.float64]
    band: float


@dataclass(frozen=True, eq=False)
class Settlings:
    """Result of `measure_settlings`: as `Settling`, one entry of every array a segment."""

    settled: NDArray[np.bool_]
    time: NDArray[np.float64]
    final: NDArray[np.float64]
    band: NDArray[np.float64]

    def error(
        self, others: Sequence[Settlings], rate_error: float | NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what the times are worth, as a fraction of them.

        Parameters
        ----------
        others : sequence of Settlings
            The same with bands that are a little narrower and wider: where a peak just leaves the
            band or does not, these times are far apart.
        rate_error : float or ndarray, shape (K,)
            Error of the rates at which outputs decay; times are off by the same.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = [np.abs(other.time / self.time - 1) for other in others]
        return np.where(self.time > 0, np.maximum(rate_error, np.max(moved, axis=0)), self.time)


def measure_settling(
    time: NDArray[np.float64], outputs: NDArray[np.float64], tolerance: float = 0.01
) -> Settling:
    """Measure settling of all outputs together.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step [s].
    outputs : ndarray, shape (T, n)
        [V].
    tolerance : float
        Half-width of the band, as a fraction of the largest final value.

    Returns
    -------
    Settling

    Raises
    ------
    InputError
        If the tolerance is not between 0 and 1.
    """
    settlings = measure_settlings(time, outputs, np.array([0, len(time)]), tolerance)
    return Settling(
        settled=bool(settlings.settled[0]),
        time=float(settlings.time[0]),
        final=settlings.final[0],
        band=float(settlings.band[0]),
    )


def measure_settlings(
    time: NDArray[np.float64],
    outputs: NDArray[np.float64],
    starts: NDArray[np.intp],
    tolerance: float = 0.01,
    at_rest: NDArray[np.bool_] | None = None,
) -> Settlings:
    """Measure settling of many segments at once.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step of each segment [s].
    outputs : ndarray, shape (T, n)
        [V].
    starts : ndarray of int, shape (K + 1,)
        First sample of each segment, and the number of samples.
    tolerance : float
        Half-width of the band, as a fraction of the largest final value.
    at_rest : ndarray of bool, shape (K,), optional
        Segments that are known to end at rest; None judges by the last tenth of the window.

    Returns
    -------
    Settlings

    Raises
    ------
    InputError
        If the tolerance is not between 0 and 1.
    """
    if not 0 < tolerance < 1:
        raise InputError(f"settle tolerance = {tolerance} must be a fraction between 0 and 1")
    first, last = starts[:-1], starts[1:] - 1
    segment = np.repeat(np.arange(len(first)), np.diff(starts))
    final = outputs[last]
    band = tolerance * np.maximum(np.abs(final).max(axis=1), SMALLEST_SCALE)
    distance = np.abs(outputs - final[segment]).max(axis=1)
    settled = flat_tails(time, outputs, starts, tolerance) if at_rest is None else at_rest
    # The last sample outside the band; a segment's last one is inside by definition.
    outside = np.where(distance > band[segment], np.arange(len(time)), -1)
    before = np.maximum.reduceat(outside, first)
    crossing = np.flatnonzero(settled & (before >= 0))
    times = np.where(settled, 0.0, np.nan)
    times[crossing] = _crossing(
        time, outputs, before[crossing], final[crossing], band[crossing, None]
    )
    near = np.flatnonzero((distance > (1 - PEAK) * band[segment]) & settled[segment])
    peaks, left = _peaks(
        time, outputs, near[(near > 0) & (near < len(time) - 1)], final, band, segment
    )
    np.maximum.at(times, segment[peaks], left)
    return Settlings(settled=settled, time=times, final=final, band=band)


def _peaks(
    time: NDArray[np.float64],
    outputs: NDArray[np.float64],
    near: NDArray[np.intp],
    final: NDArray[np.float64],
    band: NDArray[np.float64],
    segment: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return samples beside a peak that is outside the band between samples, and when it ends.

    Three samples around an output's extremum give a parabola.
    """
    inner = (segment[near - 1] == segment[near]) & (segment[near + 1] == segment[near])
    near = near[inner & (time[near - 1] < time[near]) & (time[near] < time[near + 1])]
    at = outputs[near] - final[segment[near]]
    earlier, later = (time[near] - time[near - 1])[:, None], (time[near + 1] - time[near])[:, None]
    rising = (outputs[near] - outputs[near - 1]) / earlier
    falling = (outputs[near + 1] - outputs[near]) / later
    bend = (falling - rising) / (earlier + later)
    slope = (rising * later + falling * earlier) / (earlier + later)
    limit = band[segment[near], None]
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.abs(at - slope**2 / (4 * bend)) - limit
        ends = -slope / (2 * bend) + np.sqrt(beyond / np.abs(bend))
    # An extremum of the distance: the parabola bends towards the final value.
    out = (rising * falling <= 0) & (at * bend < 0) & (np.abs(at) <= limit) & (beyond > 0)
    ends = np.where(out & (ends <= later), ends, -np.inf).max(axis=1, initial=-np.inf)
    found = np.isfinite(ends)
    return near[found], time[near[found]] + ends[found]


def _crossing(
    time: NDArray[np.float64],
    outputs: NDArray[np.float64],
    last: NDArray[np.intp],
    final: NDArray[np.float64],
    band: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Interpolate where the slowest output enters the band after sample ``last``.

    Settling tails are exponential, so the distance is interpolated in its logarithm; where an
    output passes through its final value within the step, linearly.
    """
    before, after = outputs[last] - final, outputs[last + 1] - final
    start, end = np.abs(before), np.abs(after)
    same_side = (np.sign(before) == np.sign(after)) & (end > 1e-3 * band)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithmic = np.log(start / band) / np.log(start / end)
        linear = (start - band) / (start - np.where(np.sign(before) == np.sign(after), end, -end))
    fraction = np.where(same_side, logarithmic, linear)
    slowest = np.where(start > band, fraction, -np.inf).max(axis=1)
    entered: NDArray[np.float64] = time[last] + slowest * (time[last + 1] - time[last])
    return entered
