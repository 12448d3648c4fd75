"""Converters around a coarse inverse that keep the range of the first iteration."""

from __future__ import annotations

from typing import Any

import numpy as np

from amcspice.circuit.base import Array
from amcspice.device.converter import Quantiser
from amcspice.errors import InputError

__all__ = ["FixedConverters"]

HEADROOM = 2.0
"""Full scale of output converters, over the largest output of the first iteration."""


class FixedConverters:
    """Converters whose full scales stay those of the first iteration.

    Every iteration of a refinement is ranged by its residual; without that, what falls below half
    a step of these converters is lost.

    Parameters
    ----------
    dac, adc : int, optional
        Bits; None: there is no such converter.
    """

    def __init__(self, dac: int | None, adc: int | None) -> None:
        self._bits = dac, adc
        self._full: list[Array | None] = [None, None]

    @classmethod
    def of(cls, inverse: Any) -> FixedConverters:
        """Return those of the chip that a coarse inverse stands on.

        Raises
        ------
        InputError
            If it has none.
        """
        chip = getattr(inverse, "chip", None)
        dac = None if chip is None or chip.hardware.dac is None else chip.hardware.dac.bits
        adc = None if chip is None or chip.hardware.adc is None else chip.hardware.adc.bits
        if dac is None and adc is None:
            raise InputError(
                "converters that are not ranged: there are none; give dac and adc bits"
            )
        return cls(dac, adc)

    def sent(self, vectors: Array) -> Array:
        """Return right-hand sides (n, K) as the input converters give them."""
        return self._converted(0, vectors, 1.0)

    def read(self, solutions: Array) -> Array:
        """Return solutions (n, K) as the output converters read them, with one bit spare."""
        return self._converted(1, solutions, HEADROOM)

    def _converted(self, side: int, values: Array, headroom: float) -> Array:
        bits = self._bits[side]
        if bits is None:
            return values
        full = self._full[side]
        if full is None:
            peak = np.abs(values).max(axis=0)
            full = self._full[side] = headroom * np.where(peak > 0, peak, 1.0)
        converter = Quantiser(bits, full, bipolar=True)
        read: Array = converter.codes(values)[0] * converter.step
        return read
