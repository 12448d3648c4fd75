"""Memristor programming: what conductance a cell really gets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.errors import parameters

__all__ = ["Memristor"]

Fraction = Annotated[float, Field(ge=0, le=1)]


@parameters
class Memristor:
    """A programmable conductance with an optional selector (1T1R).

    Parameters
    ----------
    g_max : float
        Largest programmable conductance [S].
    g_min : float
        Smallest programmable conductance [S].
    selector : bool
        With a selector a cell that should hold zero is switched off (exactly 0 S); without
        one it stays at ``g_min``.
    levels : int, optional
        Number of programmable levels, equally spaced from ``g_min`` to ``g_max``
        (with a selector "off" comes in addition); None is continuous.
    write_noise : float
        Standard deviation of a programmed conductance, as a fraction of what
        ``noise_relative_to`` names.  Cells that are switched off get none.
    noise_relative_to : {"g_max", "g"}
        Whether write noise is absolute (the same for every level) or relative.
    stuck_on, stuck_off : float
        Fraction of cells stuck at ``g_max``, or at ``g_min`` (0 S with a selector).
    seed : int
        Of every random draw.
    """

    g_max: Annotated[float, Field(gt=0)] = 100e-6
    g_min: Annotated[float, Field(ge=0)] = 0.0
    selector: bool = True
    levels: Annotated[int, Field(ge=2)] | None = None
    write_noise: Annotated[float, Field(ge=0)] = 0.0
    noise_relative_to: Literal["g_max", "g"] = "g_max"
    stuck_on: Fraction = 0.0
    stuck_off: Fraction = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check what involves more than one field."""
        if self.g_min >= self.g_max:
            raise ValueError(f"g_min = {self.g_min} must be below g_max = {self.g_max}")
        if self.stuck_on + self.stuck_off > 1:
            raise ValueError("stuck_on + stuck_off must not exceed 1")

    @property
    def ideal(self) -> bool:
        """True if every conductance from 0 to ``g_max`` is reached exactly."""
        floor = self.g_min > 0
        return not (floor or self.levels or self.write_noise or self.stuck_on or self.stuck_off)

    def quantise(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the programmable conductances nearest to ``target``.

        Parameters
        ----------
        target : ndarray
            Wanted conductances, from 0 to ``g_max`` [S].

        Returns
        -------
        ndarray
            Same shape; without any random part [S].
        """
        if self.levels is None:
            nearest = np.maximum(target, self.g_min)
        else:
            step = (self.g_max - self.g_min) / (self.levels - 1)
            level = np.clip(np.rint((target - self.g_min) / step), 0, self.levels - 1)
            nearest = self.g_min + step * level
        if self.selector:
            return np.where(target < nearest / 2, 0.0, nearest)
        return nearest

    def program(self, target: NDArray[np.float64], *stream: int) -> NDArray[np.float64]:
        """Return the conductances that programming ``target`` leaves.

        Parameters
        ----------
        target : ndarray
            Wanted conductances, from 0 to ``g_max`` [S].
        *stream : int
            Names the array and the programming cycle: equal streams give equal draws,
            different streams independent ones.

        Returns
        -------
        ndarray
            Same shape [S].
        """
        conductance = self.quantise(target)
        if self.ideal:
            return conductance
        draw = np.random.default_rng([self.seed, *stream])
        noise = draw.standard_normal(target.shape)
        fate = draw.random(target.shape)
        scale: Any = self.g_max if self.noise_relative_to == "g_max" else conductance
        noisy = np.maximum(conductance + self.write_noise * scale * noise, 0.0)
        written = np.where(conductance > 0, noisy, 0.0)
        off = 0.0 if self.selector else self.g_min
        written = np.where(fate < self.stuck_on, self.g_max, written)
        return np.where(fate >= 1 - self.stuck_off, off, written)
