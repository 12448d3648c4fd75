"""Curves of current over voltage of cells that are no straight lines.

``netlist/noise.py`` writes them into flat decks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "Polynomial", "Sinh"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sinh:
    """i = g v0 sinh(v / v0).

    Parameters
    ----------
    voltage : float
        v0 [V].
    """

    voltage: float
    words: ClassVar[str] = "a sinh I-V curve"

    def current(self, conductance: Array, voltage: Array) -> Array:
        """Return the current at a voltage [A]; arrays are broadcast."""
        current: Array = conductance * self.voltage * np.sinh(voltage / self.voltage)
        return current


@dataclass(frozen=True)
class Polynomial:
    """i = g v + a(g) v^2 + b(g) v^3, with a and b polynomials of log10(g / 1 S).

    Beyond the voltages that were measured it goes on as its tangent: a polynomial would turn back
    there, and amplifiers would come to rest at voltages that no cell bears.

    Parameters
    ----------
    second, third : tuple of float
        Coefficients of a and b, that of the highest power first [A/V^2], [A/V^3].
    lowest, highest : float
        Conductances between which they hold; others have those of the nearer one [S].
    reach : float
        Largest voltage that was measured, of both signs [V].
    """

    second: tuple[float, ...]
    third: tuple[float, ...]
    lowest: float
    highest: float
    reach: float
    words: ClassVar[str] = "a polynomial I-V curve"

    def coefficients(self, conductance: Array) -> tuple[Array, Array]:
        """Return a and b of conductances; a cell that is off has none."""
        on = conductance > 0
        log = np.log10(np.clip(conductance, self.lowest, self.highest))
        return (
            np.where(on, np.polyval(self.second, log), 0.0),
            np.where(on, np.polyval(self.third, log), 0.0),
        )

    def current(self, conductance: Array, voltage: Array) -> Array:
        """Return the current at a voltage [A]; arrays are broadcast."""
        second, third = self.coefficients(conductance)
        near = np.clip(voltage, -self.reach, self.reach)
        tangent = 2 * second * near + 3 * third * near**2
        excess = second * near**2 + third * near**3 + tangent * (voltage - near)
        current: Array = conductance * voltage + excess
        return current


Curve = Sinh | Polynomial
