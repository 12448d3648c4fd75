"""What integrators of equations give, whichever way they take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.engine.equations.arrays import Samples

__all__ = ["Followed", "along"]


@dataclass(frozen=True, eq=False)
class Followed:
    """What became of N right-hand sides.

    Parameters
    ----------
    samples : Samples
        One of each right-hand side, the last, where no others were wanted.
    rest_times : ndarray, shape (N,)
        When each is at rest, inf where it never is or nobody asked [s].
    final : Samples, optional
        One of each right-hand side, at rest or at the end.
    settling_time, energy : ndarray, shape (N,), optional
        Where they are known without samples [s], [J].
    sampled : ndarray, shape (N, P), optional
        Port voltages when converters sample, likewise [V].
    """

    samples: Samples
    rest_times: Array
    final: Samples | None = None
    settling_time: Array | None = None
    energy: Array | None = None
    sampled: Array | None = None


def along(into: Array, matrix: Array, constant: Array) -> Array:
    """Return ``matrix @ into + constant`` for every circuit and its sources, in C order."""
    values = into @ np.swapaxes(matrix, -1, -2)
    values += constant[..., None, :]
    return np.ascontiguousarray(values)
