"""Settling: when every output has come within a band around its final value, for good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["Settling", "measure_settling"]

SMALLEST_SCALE = 1e-3
"""Volts: the band is never narrower than the tolerance times this (an all-zero solution)."""

TAIL_SAMPLES = 3
"""Fewer samples in the last tenth of a window cannot show that it is flat."""


@dataclass(frozen=True, eq=False)
class Settling:
    """Result of `measure_settling`.

    Parameters
    ----------
    settled : bool
        Whether the last tenth of the window is flat to a tenth of the band.
    time : float
        From the input step until every output stays inside the band [s]; nan if not settled.
    final : ndarray, shape (n,)
        Value at the end of the window [V].
    band : float
        Half-width of the band [V].
    """

    settled: bool
    time: float
    final: NDArray[np.float64]
    band: float


def measure_settling(
    time: NDArray[np.float64], outputs: NDArray[np.float64], tolerance: float = 0.01
) -> Settling:
    """Measure settling of all outputs together.

    Parameters
    ----------
    time : ndarray, shape (T,)
        From the input step [s].
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
    if not 0 < tolerance < 1:
        raise InputError(f"settle tolerance = {tolerance} must be a fraction between 0 and 1")
    final = outputs[-1]
    band = tolerance * max(float(np.abs(final).max()), SMALLEST_SCALE)
    distance = np.abs(outputs - final).max(axis=1)
    tail = time >= time[-1] - 0.1 * (time[-1] - time[0])
    flat = tail.sum() >= TAIL_SAMPLES and distance[tail].max() <= band / 10
    settled = bool(flat)
    if not settled:
        return Settling(settled=False, time=np.nan, final=final, band=band)
    outside = np.flatnonzero(distance > band)
    if not outside.size:
        return Settling(settled=True, time=0.0, final=final, band=band)
    return Settling(settled=True, time=_crossing(time, outputs, outside[-1], final, band),
                    final=final, band=band)  # fmt: skip


def _crossing(
    time: NDArray[np.float64],
    outputs: NDArray[np.float64],
    last: int,
    final: NDArray[np.float64],
    band: float,
) -> float:
    """Interpolate where the slowest output enters the band after sample ``last``.

    Settling tails are exponential, so the distance is interpolated in its logarithm; where an
    output passes through its final value within the step, linearly.
    """
    before, after = outputs[last] - final, outputs[last + 1] - final
    outside = np.abs(before) > band
    start, end = np.abs(before[outside]), np.abs(after[outside])
    same_side = (np.sign(before[outside]) == np.sign(after[outside])) & (end > 1e-3 * band)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithmic = np.log(start / band) / np.log(start / end)
    signed_end = np.where(np.sign(before[outside]) == np.sign(after[outside]), end, -end)
    linear = (start - band) / (start - signed_end)
    fraction = np.where(same_side, logarithmic, linear).max()
    return float(time[last] + fraction * (time[last + 1] - time[last]))
