"""`RecordedProduct`: a product that keeps what was measured of its answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.refinement import CompensatedProduct, Product
from amcspice.circuit.base import Array
from amcspice.system import Answers, ProgrammedMatrix

__all__ = ["RecordedProduct"]


class RecordedProduct:
    """A product, and how its operations went.

    Parameters
    ----------
    product : Product
        What is digital has nothing to measure: it settles at once and takes no energy.

    Attributes
    ----------
    products : int
        How often it was asked.
    repeats : int
        How often an operation was repeated because something saturated.
    near_limit : bool
        Whether an amplifier ended near its limit.
    settled : ndarray of bool, shape (K,)
        Of the last K vectors, and so are the next two.
    settling_time, energy : ndarray, shape (K,)
        Of all slices, one after the other [s], [J]; nan where there is no time.
    """

    def __init__(self, product: Product) -> None:
        self.product, self.products, self.repeats, self.near_limit = product, 0, 0, False
        self.settled: NDArray[np.bool_] = np.ones(0, bool)
        self.settling_time: Array = np.zeros(0)
        self.energy: Array = np.zeros(0)

    def __matmul__(self, v: Array) -> Array:
        self.products += 1
        answers = self._answers(v)
        count = v.shape[1]
        self.settled, self.settling_time = np.ones(count, bool), np.zeros(count)
        self.energy = np.zeros(count)
        if answers is None:
            image: Array = self.product @ v
            return image
        for each in answers:
            self.settled &= each.settled
            self.settling_time += each.settling_time
            self.energy += each.energy
            self.repeats += int(np.sum(each.repeats))
            self.near_limit |= bool(np.any(each.operations.measurement.near_limit))
        total: Any = sum(each.x for each in answers)
        return np.asarray(total)

    def _answers(self, v: Array) -> list[Answers] | None:
        """Return the answers of every array; None of a product that is none on a chip."""
        if isinstance(self.product, CompensatedProduct):
            return self.product.run(v)
        if isinstance(self.product, ProgrammedMatrix):
            return [self.product.run(v, "mvm")]
        return None
