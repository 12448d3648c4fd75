"""How far a programmed cell is from what was wanted, as a standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from amcspice.device.cell_model import Cell
from amcspice.device.memristor import Memristor
from amcspice.device.programmable import ProgrammableCell

__all__ = ["nominal", "spread"]

Array = NDArray[np.float64]


def nominal(device: Cell) -> Memristor:
    """Return cells that take every conductance, without any error: what is known before writing."""
    if not isinstance(device, ProgrammableCell):
        return Memristor(g_max=device.g_max)
    return Memristor(g_max=device.g_max, g_min=device.g_min, selector=device.selector)


def spread(device: Cell, target: Array) -> Array:
    """Return the standard deviation of programmed cells about a target.

    Levels count as an error that is even over a step, step^2 / 12; write noise, device and cycle
    variation and frozen read noise as they are drawn (`Cell.program`).  Cells that are off
    have none.

    Parameters
    ----------
    device : Cell
    target : ndarray
        Wanted conductances, zero or positive [S].

    Returns
    -------
    ndarray
        Same shape [S].
    """
    variance = np.zeros(np.shape(target)) + device.write_spread(target) ** 2
    if isinstance(device, ProgrammableCell) and device.levels is not None:
        variance += ((device.g_max - device.g_min) / (device.levels - 1)) ** 2 / 12
    if isinstance(device, Memristor):
        if device.write_errors is not None:
            errors = np.concatenate([np.array(each) for each in device.write_errors.errors])
            variance += errors.var()
        factors = (device.device_variation, device.cycle_variation, device.read_noise)
        variance += sum(factor**2 for factor in factors) * target**2
    elif isinstance(device, ProgrammableCell):
        variance += (device.read_spread(target) * target) ** 2
    deviation: Array = np.sqrt(variance) * (target > 0)
    return deviation
