"""`CompensatedProduct`: slices, each of which programs what those before it miss."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from amcspice.algorithm.refinement.floor import MARGIN, floor_flops, product_bits
from amcspice.algorithm.refinement.products import (
    MOST_SLICES,
    checked_slices,
    converts,
    probed,
    real_matrix,
)
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Answers, Chip, ProgrammedMatrix

__all__ = ["CompensatedProduct"]


class CompensatedProduct:
    """The product by slices, each of which programs what those before it miss.

    What cells, wires and amplifiers make of a slice is read in place, by its products with the unit
    vectors; the next one programs the difference, in the full range of its cells (W. Song et al.,
    Science 383, 903 (2024), compensate errors of devices in this way).  Outputs of all slices are
    added up.

    Parameters
    ----------
    chip : Chip
    matrix : array_like, shape (m, n)
        Complex too, by its real form.
    slices : int, optional
        Number of arrays; None: as many as what was read in place says.
    bits : float
        Of solutions with the matrix as it is given, which choose the number.

    Attributes
    ----------
    slices : tuple of ProgrammedMatrix
    matrix : ndarray, shape (m, n)
        What the slices together hold, as it was read.
    deviation : float
        Rms error of an output for a random vector of length one beyond that: what fluctuates in
        time where the chip has noise; where it has converters what they round, found by probing.

    Raises
    ------
    InputError
        If the number cannot be, or slices bring nothing more before the bits are there.
    """

    def __init__(
        self, chip: Chip, matrix: ArrayLike, slices: int | None = None, *, bits: float = 24.0
    ) -> None:
        checked_slices(slices, bits)
        self._chip, self._given = chip, real_matrix(matrix)
        if slices is None and self._given.shape[0] != self._given.shape[1]:
            raise InputError("slices: bits of a solution need a square matrix; give a number")
        made: list[ProgrammedMatrix] = []
        left, fluctuation = self._given, 0.0
        for number in range(slices or MOST_SLICES):
            if not left.any() or (slices is None and self._suffices(left, bits)):
                break
            arrays = chip.program(left, "mvm", label=f"slice {number}")
            read, spread = self._read(arrays)
            left, fluctuation = left - read, float(np.hypot(fluctuation, spread))
            made.append(arrays)
        self.slices: tuple[ProgrammedMatrix, ...] = tuple(made)
        self.matrix: Array = self._given - left
        self.deviation, self.deviates_by = fluctuation, "noise"
        if slices is None and not self._suffices(left, bits):
            raise InputError(f"{bits:g} bits: not there after {MOST_SLICES} slices; give fewer")
        if converts(chip):  # readings of unit vectors do not know what is rounded of others
            seed = chip.hardware.device.seed
            self.deviation = probed(self, self.matrix, seed, chip.ledger)
            self.deviates_by = "steps"

    def _read(self, arrays: ProgrammedMatrix) -> tuple[Array, float]:
        """Return what arrays apply, and the rms by which a reading fluctuates."""
        units = np.eye(self._given.shape[1])
        first: Array = arrays.run(units, calibrates=True).x
        self._chip.ledger.compute("reading in place", float(first.size), prepares=True)
        if not self._chip.noise:
            return first, 0.0
        second: Array = arrays.run(units, calibrates=True).x
        return (first + second) / 2, float(np.sqrt(np.mean((first - second) ** 2) / 2))

    def _suffices(self, left: Array, bits: float) -> bool:
        if left is self._given:
            return False
        self._chip.ledger.compute("number of slices", floor_flops(len(left)), prepares=True)
        return product_bits(self._given, self._given - left) >= bits + MARGIN

    def run(self, v: Array) -> list[Answers]:
        """Return the answers of every slice to vectors (n,) or (n, K)."""
        return [arrays.run(v) for arrays in self.slices]

    def __matmul__(self, v: Array) -> Array:
        total: Array = np.zeros((len(self.matrix), *np.shape(v)[1:]))
        for answers in self.run(v):
            total += answers.x
        return total
