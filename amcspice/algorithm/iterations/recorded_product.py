"""`RecordedProduct`: a product that keeps what was measured of its answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.refinement import CompensatedProduct, ExactProduct, Product
from amcspice.circuit.base import Array
from amcspice.system import Answers, ProgrammedMatrix

__all__ = ["RecordedProduct"]


class RecordedProduct:
    """A product, and how its operations went.

    Parameters
    ----------
    product : Product
        What is digital has nothing to measure: it settles at once and takes no energy.  Of products
        that are neither on a chip by themselves nor digital, settling times and energies are nan.

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
        known = answers is not None or isinstance(self.product, ExactProduct)
        self.settled = np.ones(count, bool)
        self.settling_time, self.energy = np.full((2, count), 0.0 if known else np.nan)
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
        """Return the answers of every array; None where a product keeps them to itself."""
        if isinstance(self.product, CompensatedProduct):
            return self.product.run(v)
        if isinstance(self.product, ProgrammedMatrix):
            return [self.product.run(v, "mvm")]
        return None
