"""Outputs at a fixed time after each input step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.circuit.base import Array

__all__ = ["sample"]


def sample(
    time: Array,
    outputs: Array,
    starts: NDArray[np.intp],
    at: float,
    at_rest: NDArray[np.bool_],
) -> Array:
    """Return the outputs of many segments at one time after their input step.

    Between two instants the distance to the final value is interpolated in its logarithm, since
    settling tails are exponential; where it changes its sign or vanishes, linearly.

    Parameters
    ----------
    time : ndarray, shape (T,)
        Time from the input step of each segment [s].
    outputs : ndarray, shape (T, n)
        [V].
    starts : ndarray of int, shape (K + 1,)
        First sample of each segment, and the number of samples.
    at : float
        Time of the sample, from the input step [s].
    at_rest : ndarray of bool, shape (K,)
        Segments that end at rest: they stay where they end; of others nothing is known later.

    Returns
    -------
    ndarray, shape (K, n)
        nan where it is not known.
    """
    first, last = starts[:-1], starts[1:] - 1
    before = np.add.reduceat(time <= at, first, dtype=int)
    low = np.clip(first + before - 1, first, last)
    high = np.minimum(low + 1, last)
    span = time[high] - time[low]
    fraction = np.clip((at - time[low]) / np.where(span > 0, span, 1.0), 0.0, 1.0)[:, None]
    final = outputs[last]
    start, end = outputs[low] - final, outputs[high] - final
    away = start + fraction * (end - start)
    tail = (start * end > 0) & (np.abs(end) < np.abs(start))
    with np.errstate(divide="ignore", invalid="ignore"):
        exponential = start * np.exp(fraction * np.log(np.where(tail, end / start, 1.0)))
    sampled: Array = final + np.where(tail, exponential, away)
    sampled[~at_rest & (time[last] < at)] = np.nan
    return sampled
