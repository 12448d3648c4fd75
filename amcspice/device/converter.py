"""Converters at the inputs and outputs of a circuit: rounding, saturation, offset, sampling.

Mid-tread: zero is a code.  With negative codes they run from -(2^(bits-1) - 1) to
2^(bits-1) - 1, so that both ends of the scale and zero are codes; without, from 0 to 2^bits - 1.
Non-linearity, noise, settling and the power of the converters themselves are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from amcspice.schema import Name, Quantity, parameters

__all__ = ["ADC", "DAC", "Quantiser"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Quantiser:
    """The steps of a converter.

    Parameters
    ----------
    bits : int
    full_scale : float or ndarray
        Value of the largest code; of each row of values, shape (K, 1).
    bipolar : bool
        Whether there are negative codes.
    """

    bits: int
    full_scale: Any
    bipolar: bool

    @property
    def largest(self) -> int:
        """Largest code."""
        return int(2 ** (self.bits - 1) - 1 if self.bipolar else 2**self.bits - 1)

    @property
    def step(self) -> Any:
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


_OFFSET = Quantity("", (0, 1000))


@parameters
class DAC:
    """Digital to analog converters, one an input.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0]
    >>> amc.solve("inv", A, b, fidelity="dc", dac=amc.DAC(bits=4)).x.round(3)
    array([0.8, 1.4])
    """

    bits: Annotated[
        int,
        Field(ge=1, le=32, description="Inputs are rounded to this many bits."),
        Name("dac_bits"),
    ]
    full_scale: Annotated[
        float | None,
        Field(
            gt=0,
            description="Input current [A] of the largest code, or voltage [V] where the circuit "
            "drives its inputs (mvm); none is the largest of the right-hand sides.",
        ),
        Quantity("A", also="V"),
        Name("dac_full_scale"),
    ] = None
    offset: Annotated[
        float,
        Field(description="Added to every input, in steps (LSB)."),
        _OFFSET,
        Name("dac_offset"),
    ] = 0.0
    bipolar: Annotated[
        bool | None,
        Field(
            description="Whether inputs have negative codes; none: if a right-hand side is negative"
        ),
        Name("dac_bipolar"),
    ] = None

    def __post_init__(self) -> None:
        """Refuse negative codes where there is one bit."""
        _check_sign(self.bits, self.bipolar)


@parameters
class ADC:
    """Analog to digital converters, one an output.

    Examples
    --------
    >>> import amcspice as amc
    >>> A, b = [[2.0, 1.0], [1.0, 3.0]], [3.0, 5.0]
    >>> [amc.solve("inv", A, b, fidelity="dc", adc=amc.ADC(bits=n)).x.round(3) for n in (6, 12)]
    [array([0.813, 1.355]), array([0.8  , 1.399])]
    """

    bits: Annotated[
        int | None,
        Field(
            ge=1, le=32, description="Outputs are rounded to this many bits; none rounds nothing."
        ),
        Name("adc_bits"),
    ] = None
    full_scale: Annotated[
        float | None,
        Field(
            gt=0,
            description="Output voltage of the largest code; none is one bit above the read "
            "voltage; the positive output range where no cell sees the outputs (mvm), rails end "
            "them (eig) or the range is a number; a chip that predicts ranges takes one bit above "
            "what mvm gave when it was calibrated.",
        ),
        Quantity("V", (1e-6, 100)),
        Name("adc_full_scale"),
    ] = None
    offset: Annotated[
        float,
        Field(description="Added to every output before it is rounded, in steps (LSB)."),
        _OFFSET,
        Name("adc_offset"),
    ] = 0.0
    bipolar: Annotated[
        bool | None,
        Field(
            description="Whether outputs have negative codes; none: unless the circuit holds its "
            "solution at or above zero."
        ),
        Name("adc_bipolar"),
    ] = None
    sample_time: Annotated[
        float | None,
        Field(gt=0, description="Outputs are read this long after the input step; none: at rest."),
        Quantity("s", (1e-12, 1)),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what needs bits without any."""
        if self.bits is None and (self.full_scale is not None or self.offset):
            raise ValueError("full_scale and offset need bits")
        if self.bits is None and self.bipolar is not None:
            raise ValueError("bipolar needs bits")
        _check_sign(self.bits, self.bipolar)


def _check_sign(bits: int | None, bipolar: bool | None) -> None:
    if bits == 1 and bipolar:
        raise ValueError("one bit holds no negative codes: use at least two")
