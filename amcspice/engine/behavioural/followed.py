"""What integrators of equations give, whichever way they take."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from amcspice.circuit.base import Array
from amcspice.engine.batch import Drive
from amcspice.engine.equations.arrays import Samples
from amcspice.engine.equations.piecewise import PiecewiseLinear

__all__ = ["REST", "Followed", "Limits", "along", "injected"]

REST = 1e-6
"""Distance from equilibrium that is rest, as a fraction of the largest voltage."""


@dataclass(frozen=True)
class Limits:
    """How far right-hand sides are followed, and how densely.

    Parameters
    ----------
    most : int, optional
        Steps after which one counts as one that never rests; None is as many as the way that is
        taken has reason for.
    longest_step : float
        Between samples [s].
    """

    most: int | None = None
    longest_step: float = math.inf


@dataclass(frozen=True, eq=False)
class Followed:
    """What became of N right-hand sides.

    Parameters
    ----------
    samples : Samples
        One of each right-hand side, the last, where no others were wanted.
    local : ndarray, shape (C, K, P)
        What the sources alone give at the ports [V].
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
    local: Array
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


def injected(equations: PiecewiseLinear, drive: Drive) -> tuple[Array, Array, Array]:
    """Return what the sources alone give each circuit, shapes (C, K, k), (C, K, k), (C, K, c).

    Input differences [V], held nodes [V], and rates of the port voltages that are states [V/s].
    """
    difference = along(drive.into, equations.difference, equations.difference_0)
    held = np.zeros_like(difference)
    if equations.arrays.hold.any():
        held = along(drive.into, equations.held, equations.held_0)
    return (
        difference,
        held,
        along(drive.into, equations.charge, equations.charge_0),
    )
