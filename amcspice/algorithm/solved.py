"""`Solved`: solutions in blocks, with what was measured on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.refinement import Refined
from amcspice.circuit.base import Array
from amcspice.measure import Measurement

__all__ = ["Solved"]


@dataclass(frozen=True, eq=False)
class Solved:
    """Solutions, and how they came to be.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, K)
    refined : Refined, optional
        Of the real form where the system is complex.
    measurements : tuple of Measurement
        Of the phases of the last pass through the blocks.
    """

    x: Any
    refined: Refined | None
    measurements: tuple[Measurement, ...]

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Whether every phase of the last pass came to rest, shape (K,)."""
        settled: NDArray[np.bool_] = np.all([each.settled for each in self.measurements], axis=0)
        return settled

    @property
    def settling_time(self) -> Array:
        """Of all phases of the last pass, one after the other, shape (K,) [s]; nan: no time."""
        times: Array = np.sum([each.settling_time for each in self.measurements], axis=0)
        return times

    @property
    def energy(self) -> Array:
        """From all sources, in all phases of the last pass, shape (K,) [J]; nan: no time."""
        energy: Array = np.sum([each.energy for each in self.measurements], axis=0)
        return energy

    @property
    def cautions(self) -> tuple[str, ...]:
        """What the solutions do not say by themselves, in sentences."""
        said = [self.refined.caution] if self.refined is not None else []
        if not self.settled.all():
            said.append(
                f"{int((~self.settled).sum())} of {len(self.settled)} right-hand sides did not "
                "settle in every phase: take a longer window or a smaller range"
            )
        if any(each.near_limit.any() for each in self.measurements):
            said.append("an amplifier rests near its limit: take a smaller range")
        return tuple(sentence for sentence in said if sentence)
