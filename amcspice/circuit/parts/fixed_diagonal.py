"""A diagonal c I of resistors that are made once, so that cells hold A - c I alone.

Cells hold entries up to g_max.  Where the diagonal is much larger than everything else, all of it
has to share one range, and levels and noise are those of the diagonal.  A resistor from output i
to inverting line i adds c x_i to row i without a cell: what remains uses the range to its end, and
what cells err by falls by r / max|A|, r the largest entry of A - c I.  The resistors err too, by
their mismatch: x + dx with A dx = -c E x, E = diag(e_i) their relative errors, to first order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from amcspice.circuit.base import Array
from amcspice.device.draws import normals
from amcspice.errors import InputError
from amcspice.schema import Quantity

__all__ = ["Diagonal", "FixedDiagonal", "ResistorMismatch", "matched_resistors"]

LARGEST_RATIO = 100.0
"""Conductance of a fixed resistor over g_max, at most: amplifiers must drive it.

A smaller remainder has g_max stand for a hundredth of c, where cells hardly disturb any more.
"""

ROUNDING = 1e-12
"""Of c: what diagonals of equal entries differ by; no cell is programmed to it."""

Diagonal = Annotated[
    Literal["programmed", "fixed"],
    Field(
        description="Where the diagonal stands: programmed into cells, or c I in fixed resistors "
        "from outputs to inverting lines, and only A - c I in cells, in their full range."
    ),
]

ResistorMismatch = Annotated[
    float,
    Field(
        ge=0,
        description="Relative standard deviation of the fixed resistors of the diagonal, drawn "
        "from the seed, log-normal; the same in every programming cycle.",
    ),
    Quantity("", (0, 1)),
]


@dataclass(frozen=True, eq=False)
class FixedDiagonal:
    """A matrix as c I and what remains.

    Parameters
    ----------
    value : float
        c, in units of the matrix.
    remainder : ndarray, shape (n, n)
        A - c I.
    """

    value: float
    remainder: Array

    @classmethod
    def of(cls, matrix: Array, *, signed: bool) -> FixedDiagonal:
        """Split a matrix.

        Parameters
        ----------
        matrix : ndarray, shape (n, n)
        signed : bool
            Whether cells can hold a negative remainder.  c is the middle of the diagonal then,
            which makes the largest remainder smallest; otherwise its smallest entry.

        Raises
        ------
        InputError
            If c is not above zero.
        """
        diagonal = np.diag(matrix)
        lowest, highest = float(diagonal.min()), float(diagonal.max())
        value = lowest + (highest - lowest) / 2 if signed else lowest
        if value <= 0:
            which = "the middle of its diagonal" if signed else "its smallest diagonal entry"
            raise InputError(
                f"matrix: {which} is {value:g}, but diagonal = 'fixed' makes it of resistors, "
                "which are positive: take diagonal = 'programmed'"
                + ("" if signed or highest <= 0 else ", or circuit inv-compensated")
            )
        rest = diagonal - value
        remainder = matrix.copy()
        np.fill_diagonal(remainder, np.where(np.abs(rest) > ROUNDING * value, rest, 0.0))
        return cls(value, remainder)

    @property
    def least_range(self) -> float:
        """Entry that g_max stands for at least."""
        return self.value / LARGEST_RATIO

    @property
    def largest(self) -> float:
        """Entry that g_max stands for, if nothing larger shares the range."""
        return max(float(np.abs(self.remainder).max()), self.least_range)


def matched_resistors(
    conductance: float, count: int, mismatch: float, seed: int, line: int
) -> Array:
    """Return resistors that are meant to be equal, as they were made, shape (count,) [S].

    Parameters
    ----------
    conductance : float
        What is meant [S].
    count : int
    mismatch : float
        Relative standard deviation; log-normal, so that none is negative.
    seed : int
        Of the device; the stream is of resistors alone, so no draw of a cell changes.
    line : int
        Which resistor of an amplifier: 0 at the inverting input, 1 at the other one.
    """
    if not mismatch:
        return np.full(count, conductance)
    made: Array = conductance * np.exp(mismatch * normals(seed, "resistor", (count,), line))
    return made
