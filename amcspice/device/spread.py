"""How far a programmed cell is from what was wanted, as a standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.device.memristor import Memristor

__all__ = ["nominal", "spread"]

Array = NDArray[np.float64]


def nominal(device: Memristor) -> Memristor:
    """Return cells that take every conductance, without any error: what is known before writing."""
    return Memristor(g_max=device.g_max, g_min=device.g_min, selector=device.selector)


def spread(device: Memristor, target: Array) -> Array:
    """Return the standard deviation of programmed cells about a target.

    Levels count as an error that is even over a step, step^2 / 12; write noise, device and cycle
    variation and frozen read noise as they are drawn (`Memristor.program`).  Cells that are off
    have none.

    Parameters
    ----------
    device : Memristor
    target : ndarray
        Wanted conductances, zero or positive [S].

    Returns
    -------
    ndarray
        Same shape [S].
    """
    variance = np.zeros(np.shape(target))
    if device.levels is not None:
        variance += ((device.g_max - device.g_min) / (device.levels - 1)) ** 2 / 12
    if device.write_errors is not None:
        errors = np.concatenate([np.array(each) for each in device.write_errors.errors])
        variance += errors.var()
    scale = device.g_max if device.noise_relative_to == "g_max" else target
    variance += (device.write_noise * scale) ** 2
    factors = (device.device_variation, device.cycle_variation, device.read_noise)
    variance += sum(factor**2 for factor in factors) * target**2
    deviation: Array = np.sqrt(variance) * (target > 0)
    return deviation
