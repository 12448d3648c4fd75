"""Converters at the inputs and outputs of a circuit: rounding, saturation, offset, sampling.

Mid-tread: zero is a code.  With negative codes they run from -(2^(bits-1) - 1) to
2^(bits-1) - 1, so that both ends of the scale and zero are codes; without, from 0 to 2^bits - 1.
Non-linearity, noise, settling and the power of the converters themselves are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.errors import parameters

__all__ = ["ADC", "DAC", "Quantiser"]

Array = NDArray[np.float64]
Bits = Annotated[int, Field(ge=1, le=32)]
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Quantiser:
    """The steps of a converter.

    Parameters
    ----------
    bits : int
    full_scale : float
        Value of the largest code.
    bipolar : bool
        Whether there are negative codes.
    """

    bits: int
    full_scale: float
    bipolar: bool

    @property
    def largest(self) -> int:
        """Largest code."""
        return int(2 ** (self.bits - 1) - 1 if self.bipolar else 2**self.bits - 1)

    @property
    def step(self) -> float:
        """One step (LSB), in the unit of the full scale."""
        return self.full_scale / self.largest

    def codes(self, values: Array, offset: float = 0.0) -> tuple[Array, NDArray[np.bool_]]:
        """Return the codes of values, and which of them saturated.

        Parameters
        ----------
        values : ndarray
        offset : float
            Added before rounding, in steps.
        """
        rounded = np.rint(values / self.step + offset)
        lowest = -self.largest if self.bipolar else 0
        return np.clip(rounded, lowest, self.largest), (rounded < lowest) | (rounded > self.largest)


@parameters
class DAC:
    """Digital to analog converters, one an input.

    Parameters
    ----------
    bits : int
    full_scale : float, optional
        Input current of the largest code [A], or voltage [V] where the circuit drives its inputs
        (mvm); None is the largest of the right-hand sides.
    offset : float
        Added to the output, in steps (LSB).
    bipolar : bool, optional
        Whether there are negative codes; None: if a right-hand side is negative.
    """

    bits: Bits
    full_scale: Positive | None = None
    offset: float = 0.0
    bipolar: bool | None = None

    def __post_init__(self) -> None:
        """Refuse negative codes where there is one bit."""
        _check_sign(self.bits, self.bipolar)


@parameters
class ADC:
    """Analog to digital converters, one an output.

    Parameters
    ----------
    bits : int, optional
        None rounds nothing.
    full_scale : float, optional
        Output voltage of the largest code [V]; None is the positive output range.
    offset : float
        Added to the input, in steps (LSB).
    bipolar : bool, optional
        Whether there are negative codes; None: unless the circuit holds its solution at or above
        zero.
    sample_time : float, optional
        When the outputs are sampled, after the input step [s]; None is at rest.
    """

    bits: Bits | None = None
    full_scale: Positive | None = None
    offset: float = 0.0
    bipolar: bool | None = None
    sample_time: Positive | None = None

    def __post_init__(self) -> None:
        """Refuse what needs bits without any."""
        if self.bits is None and (self.full_scale is not None or self.offset):
            raise ValueError("full_scale and offset need bits")
        _check_sign(self.bits, self.bipolar)


def _check_sign(bits: int | None, bipolar: bool | None) -> None:
    if bits == 1 and bipolar:
        raise ValueError("one bit holds no negative codes: use at least two")
