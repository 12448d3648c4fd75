"""`Slicing`: how a product by slices of digits is cut, and the digits themselves."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.schema import parameters
from amcspice.system import Chip

__all__ = ["Slicing", "check_levels", "digits_of", "slicing_of"]


@parameters
class Slicing:
    """How a product by slices of digits is cut: cells, inputs, lines, converters."""

    cell_bits: Annotated[
        int, Field(ge=1, le=8, description="Bits of a digit that a cell holds.")
    ] = 3
    input_bits: Annotated[
        int, Field(ge=1, le=8, description="Bits of a vector that are sent at once.")
    ] = 1
    vector_bits: Annotated[
        int,
        Field(
            ge=1, le=32, description="Bits of the vectors that are multiplied, beside their sign."
        ),
    ] = 8
    rows_at_once: Annotated[
        int | None,
        Field(
            ge=1,
            description="Inputs whose products are summed up before a converter rounds; none: as "
            "many as round rightly by what was read in place.",
        ),
    ] = None
    sum_bits: Annotated[
        int | None,
        Field(
            ge=2,
            le=32,
            description="Bits of the converters of partial sums; none: as many as the largest sum "
            "needs.",
        ),
    ] = None
    on_grid: Annotated[
        bool,
        Field(
            description="Whether a step of the converters is one level times one input unit; if "
            "not, sums are taken as the converters of the chip give them."
        ),
    ] = True

    @property
    def largest_digit(self) -> int:
        """Largest digit of a cell."""
        return int(2**self.cell_bits - 1)

    @property
    def largest_input(self) -> int:
        """Largest digit that is sent."""
        return int(2**self.input_bits - 1)

    @property
    def steps(self) -> int:
        """How many digits of a vector follow each other."""
        return -(-self.vector_bits // self.input_bits)

    @property
    def input_variance(self) -> float:
        """Mean square of a digit that is sent, all of them alike."""
        return float(np.mean(np.arange(self.largest_input + 1.0) ** 2))

    def codes(self, rows: int) -> int:
        """Return the largest whole number that a converter of sums gives."""
        if self.sum_bits is None:
            return rows * self.largest_digit * self.largest_input
        return int(2 ** (self.sum_bits - 1) - 1)


def slicing_of(options: dict[str, Any]) -> Slicing:
    """Return how a product is cut, by the names of its parameters.

    Raises
    ------
    InputError
        If one is unknown or does not fit.
    """
    unknown = sorted(options.keys() - Slicing.__dataclass_fields__.keys())
    if unknown:
        raise InputError(f"SlicedProduct has no parameter {unknown[0]}")
    return Slicing(**options)


def check_levels(chip: Chip, slicing: Slicing) -> None:
    """Refuse cells without a level for every digit, and inputs without a code for every digit."""
    levels, dac = getattr(chip.hardware.device, "levels", None), chip.hardware.dac
    if levels is not None and (levels - 1) % slicing.largest_digit:
        raise InputError(
            f"levels = {levels}: a digit of {slicing.cell_bits} bits needs "
            f"{slicing.largest_digit + 1}, or give cell_bits"
        )
    if dac is not None and slicing.input_bits > 1:
        raise InputError(
            f"input_bits = {slicing.input_bits}: the converters of the chip send digits of one "
            "bit exactly, no others: take input_bits=1, or a chip without dac_bits"
        )


def digits_of(matrix: Array, slices: int, cell_bits: int) -> tuple[Array, float]:
    """Return digits with their signs, (slices, m, n), the coarsest first, and the last one's unit.

    The number is rounded in its last place.
    """
    largest = np.abs(matrix).max()
    if not largest:
        raise InputError("matrix: all zero")
    unit = float(largest) / (2.0 ** (cell_bits * slices) - 1)
    left, signs = np.rint(np.abs(matrix) / unit), np.sign(matrix)
    digits = np.empty((slices, *matrix.shape))
    for place in range(slices - 1, -1, -1):
        digits[place] = signs * (left % 2**cell_bits)
        left = left // 2**cell_bits
    return digits, unit
