"""Cells: memristors whose conductance fades with their age, and cells of two states."""

from typing import Annotated

import numpy as np
from pydantic import Field

from amcspice import Cell, Memristor
from amcspice.device.draws import normals
from amcspice.schema import Quantity, parameters


@parameters
class AgeingMemristor(Memristor):
    """A memristor that loses conductance as it gets older: g exp(-age / 1e9 s)."""

    age: Annotated[
        float, Field(ge=0, description="Time since the cell was made."), Quantity("s", (1, 1e10))
    ] = 0.0

    @property
    def left(self):
        return np.exp(-self.age / 1e9)

    def read(self, written, array=0, cycle=0):
        return self.left * super().read(written, array, cycle)

    def moments(self, target):
        mean, variance = super().moments(target)
        return self.left * mean, self.left**2 * variance


@parameters
class BinaryCell(Cell):
    """A cell that is off or on; the logarithms of on conductances are normal."""

    on_spread: Annotated[
        float,
        Field(ge=0, description="Standard deviation of the logarithm of on conductances."),
        Quantity("", (0, 1)),
    ] = 0.1

    def quantise(self, target):
        return np.where(target > self.g_max / 2, self.g_max, 0.0)

    def write(self, target, array=0, cycle=0):
        z = normals(self.seed, "write", target.shape, array, cycle)
        return self.quantise(target) * np.exp(self.on_spread * z)

    def read(self, written, array=0, cycle=0):
        return written

    def moments(self, target):
        on, square = self.quantise(target), self.on_spread**2
        mean = on * np.exp(square / 2)
        return mean, mean**2 * np.expm1(square)
