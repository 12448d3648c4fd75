"""A low-rank product on a chip: two products with copies of the factors, averaged by amplifiers.

R copies side by side, each driven by the same inputs, end at one transimpedance amplifier with R
times the feedback conductance: it gives their mean, and R copies take cells, not amplifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from amcspice.algorithm.low_rank.factors import Factors
from amcspice.circuit import as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Answers, Chip, ProgrammedMatrix

__all__ = ["Averaged", "LowRankProduct", "orthogonal_inputs"]

CALIBRATIONS = 16
"""Generic inputs that ranges are predicted from."""


@dataclass(frozen=True, eq=False)
class Averaged:
    """Copies of a matrix in one array, on as many amplifiers as it has rows.

    Parameters
    ----------
    arrays : ProgrammedMatrix
    copies : int
    row_gain : bool
        Whether each row has a gain, by which its output is multiplied when it is read.
    """

    arrays: ProgrammedMatrix
    copies: int
    row_gain: bool

    @classmethod
    def program(
        cls,
        chip: Chip,
        matrix: Array,
        copies: int,
        calibration: Array,
        label: str,
        *,
        row_gain: bool = True,
    ) -> Averaged:
        """Write the copies; ``calibration`` are inputs (n, K) like those to come."""
        tiled = np.tile(matrix / copies, (1, copies))
        made = chip.program(
            tiled, "mvm", calibration=np.tile(calibration, (copies, 1)), label=label,
            feedback=float(copies), row_gain="read-out" if row_gain else "one",
        )  # fmt: skip
        return cls(made, copies, row_gain)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one copy."""
        rows, columns = self.arrays.matrix.shape
        return rows, columns // self.copies

    def run(self, inputs: Array) -> Answers:
        """Return products with inputs (n, K)."""
        answers = self.arrays.run(np.tile(inputs, (self.copies, 1)))
        if self.row_gain:
            products = float(self.shape[0] * inputs.shape[1])
            self.arrays.chip.ledger.compute("gain a line", products)
        return answers


class LowRankProduct:
    """A matrix as the product of two factors on a chip; `LowRank.program` makes it.

    Parameters
    ----------
    chip : Chip
    factors : Factors
    rank : int
        Leading lines that are taken.
    repeats : (int, int)
        Copies of the arrays of the first and the second step.
    seed : int
        Of the inputs that ranges are predicted from.

    Attributes
    ----------
    first, second : Averaged
    chip : Chip
    """

    def __init__(
        self, chip: Chip, factors: Factors, rank: int, repeats: tuple[int, int], seed: int = 0
    ) -> None:
        self.chip = chip
        # The gain between both arrays is that of the rows of the first one.
        first = factors.gains[:rank, None] * factors.right[:rank]
        left = factors.left[:, :rank]
        inputs = np.random.default_rng(seed).standard_normal((first.shape[1], CALIBRATIONS))
        self.first = Averaged.program(chip, first, repeats[0], inputs, "first factor")
        between = self.first.run(inputs).x
        self.second = Averaged.program(
            chip, left, repeats[1], between, "second factor", row_gain=False
        )

    def run(self, x: ArrayLike) -> tuple[Answers, Answers]:
        """Multiply vectors, shape (n,) or (n, K), and return both steps.

        Raises
        ------
        InputError
            If they do not fit.
        """
        inputs = as_vectors(x, self.first.shape[1]).T
        first = self.first.run(inputs)
        return first, self.second.run(first.x)

    def __matmul__(self, x: ArrayLike) -> Any:
        """Return the product with vectors, shape (n,) or (n, K)."""
        product = self.run(x)[1].x
        return product[:, 0] if np.ndim(x) == 1 else product


def orthogonal_inputs(size: int, count: int | None, seed: int) -> Array:
    """Return so many orthogonal inputs of unit length, shape (size, count).

    All of them together weigh every direction alike: the sum of ``|A x|^2`` is ``|A|_F^2``, and of
    fewer that part of it in the mean.

    Raises
    ------
    InputError
        If there are not so many.
    """
    count = size if count is None else count
    if not isinstance(count, int) or not 1 <= count <= size:
        raise InputError(f"inputs = {count!r}: must be a whole number from 1 to {size}")
    square = np.random.default_rng(seed).standard_normal((size, size))
    basis: Array = np.linalg.qr(square)[0][:, :count]
    return basis
