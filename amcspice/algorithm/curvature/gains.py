"""`Gains`: speed of a second-order step with inverses on a chip, over width and batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amcspice.algorithm.curvature.core import Core
from amcspice.algorithm.curvature.step import LayerStep, break_even_width
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Technology

__all__ = ["Gains"]


@dataclass(frozen=True, eq=False)
class Gains:
    """How much faster steps get, over those of one core.

    Parameters
    ----------
    widths, batches : tuple of int
        Of the layer; examples times positions.
    every : int
        Steps between two inversions.
    limit, counted, ignored : ndarray, shape (len(batches), len(widths))
        With a chip that takes no time; with one of a technology, writing counted, and ignored.
    break_even : int or None
        Width from which on an inverse takes less time on the chip, writing counted.
    core : Core
        What was measured.
    technology : str
    """

    widths: tuple[int, ...]
    batches: tuple[int, ...]
    every: int
    limit: Array
    counted: Array
    ignored: Array
    break_even: int | None
    core: Core
    technology: str

    @classmethod
    def of(
        cls,
        core: Core,
        technology: Technology,
        widths: Sequence[int],
        batches: Sequence[int],
        *,
        every: int = 1,
        applies: bool = True,
    ) -> Gains:
        """Work them out; see `LayerStep` for the parameters.

        Raises
        ------
        InputError
            If there are no widths or batches, or some are no numbers from 1 that ascend.
        """
        for name, values in (("widths", widths), ("batches", batches)):
            if not len(values) or min(values) < 1 or (np.diff(values) <= 0).any():
                raise InputError(f"{name} = {list(values)}: must be numbers from 1, ascending")

        def over(measure: Callable[[LayerStep], float]) -> Array:
            return np.array(
                [[measure(LayerStep(n, N, every)) for n in widths] for N in batches], float
            )

        return cls(
            tuple(widths),
            tuple(batches),
            every,
            over(lambda step: step.limit(core, applies=applies)),
            over(lambda step: step.gain(core, technology, applies=applies)),
            over(lambda step: step.gain(core, technology, applies=applies, writing=False)),
            break_even_width(core, technology),
            core,
            technology.name,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values; maps by batch and width, times in seconds."""
        return {
            "widths": list(self.widths), "batches": list(self.batches), "every": self.every,
            "limit": self.limit.tolist(), "counted": self.counted.tolist(),
            "ignored": self.ignored.tolist(), "break_even_width": self.break_even,
            "technology": self.technology, "core": self.core.to_json(),
        }  # fmt: skip
