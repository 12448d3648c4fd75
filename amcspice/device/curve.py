"""Curves of current over voltage of cells that are no straight lines.

A curve is what a cell carries beyond its conductance at 0 V.  ``netlist/noise.py`` writes curves
into flat decks, `amcspice.engine.curved` takes them to fidelities that reduce networks.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Curve", "Polynomial", "PowerSeries", "Sinh"]

Array = NDArray[np.float64]


class Curve(abc.ABC):
    """Current over voltage of cells whose conductances at 0 V are known.

    Attributes
    ----------
    reach : float
        Largest voltage, of both signs, at which the curve is known [V].
    """

    words: ClassVar[str]
    """What messages call it."""
    reach: Any

    @abc.abstractmethod
    def excess(self, conductance: Array) -> Callable[[Array], Array]:
        """Return what cells carry beyond g v, as a function of their voltages.

        Parameters
        ----------
        conductance : ndarray, shape (E,)
            Of the cells at 0 V, or of several in parallel [S].

        Returns
        -------
        callable
            Takes voltages (..., E) [V] and returns currents in the same shape [A].
        """

    def outside(self, conductance: Array, rounding: float) -> NDArray[np.bool_]:
        """Tell which conductances have no curve of their own; see `PowerSeries`."""
        return np.zeros(np.shape(conductance), bool)

    def current(self, conductance: Array, voltage: Array) -> Array:
        """Return the current at a voltage [A]; arrays are broadcast."""
        at, volts = np.broadcast_arrays(np.asarray(conductance, float), np.asarray(voltage, float))
        current: Array = at * volts + self.excess(at)(volts)
        return current


@dataclass(frozen=True)
class Sinh(Curve):
    """i = g v0 sinh(v / v0).

    Parameters
    ----------
    voltage : float
        v0 [V].
    """

    voltage: float
    words: ClassVar[str] = "a sinh I-V curve"

    @property
    def reach(self) -> float:
        """There is no end."""
        return np.inf

    def excess(self, conductance: Array) -> Callable[[Array], Array]:
        """See `Curve.excess`."""

        def beyond(voltage: Array) -> Array:
            current: Array = conductance * (
                self.voltage * np.sinh(voltage / self.voltage) - voltage
            )
            return current

        return beyond


class PowerSeries(Curve):
    """i = g v + a2(g) v^2 + a3(g) v^3 + ..., up to the reach.

    Beyond it the curve goes on as its tangent: a polynomial would turn back there, and amplifiers
    would come to rest at voltages that no cell bears.

    Attributes
    ----------
    lowest, highest : float
        Conductances between which it is known: below, cells have the shape of the lowest one, and
        above, they are several in parallel [S].
    """

    lowest: Any
    highest: Any

    @abc.abstractmethod
    def single(self, conductance: Array) -> Array:
        """Return coefficients of v^2, v^3, ... of single cells that are on, shape (..., d)."""

    def in_parallel(self, conductance: Array) -> Array:
        """Return how many equal cells in parallel a conductance is, the same shape."""
        many: Array = np.maximum(np.ceil(conductance / self.highest * (1 - 1e-9)), 1.0)
        return many

    def outside(self, conductance: Array, rounding: float) -> NDArray[np.bool_]:
        """Tell which conductances are below the lowest, by more than a fraction."""
        each = np.asarray(conductance) / self.in_parallel(np.asarray(conductance))
        outside: NDArray[np.bool_] = (each > 0) & (each < (1 - rounding) * self.lowest)
        return outside

    def coefficients(self, conductance: Array) -> Array:
        """Return coefficients of v^2, v^3, ..., shape (..., d); those of a cell that is off are 0.

        Parameters
        ----------
        conductance : ndarray
            At 0 V [S].
        """
        conductance = np.asarray(conductance, float)
        count = self.in_parallel(conductance)
        each = np.clip(conductance / count, self.lowest, self.highest)
        return np.where((conductance > 0)[..., None], count[..., None] * self.single(each), 0.0)

    def excess(self, conductance: Array) -> Callable[[Array], Array]:
        """See `Curve.excess`."""
        series = np.moveaxis(self.coefficients(conductance), -1, 0)

        def beyond(voltage: Array) -> Array:
            near = np.clip(voltage, -self.reach, self.reach)
            value, slope = np.zeros_like(near), np.zeros_like(near)
            for power in range(len(series) + 1, 1, -1):
                slope = slope * near + power * series[power - 2]
                value = value * near + series[power - 2]
            current: Array = value * near**2 + slope * near * (voltage - near)
            return current

        return beyond


@dataclass(frozen=True)
class Polynomial(PowerSeries):
    """i = g v + a(g) v^2 + b(g) v^3, with a and b polynomials of log10(g / 1 S).

    Parameters
    ----------
    second, third : tuple of float
        Coefficients of a and b, that of the highest power first [A/V^2], [A/V^3].
    lowest, highest : float
        Conductances between which they hold [S].
    reach : float
        Largest voltage that was measured, of both signs [V].
    """

    second: tuple[float, ...]
    third: tuple[float, ...]
    lowest: float
    highest: float
    reach: float
    words: ClassVar[str] = "a polynomial I-V curve"

    def single(self, conductance: Array) -> Array:
        """Return a and b; see `PowerSeries.single`."""
        log = np.log10(conductance)
        return np.stack([np.polyval(part, log) for part in (self.second, self.third)], axis=-1)
