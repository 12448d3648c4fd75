"""What multiplies in a refinement, and what each product holds in the place of the matrix."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix
from amcspice.circuit.base import Array, are_complex
from amcspice.errors import InputError
from amcspice.problem.complex_form import complex_form
from amcspice.system import Ledger, ProgrammedMatrix

__all__ = [
    "MOST_SLICES",
    "Coding",
    "ExactProduct",
    "Product",
    "checked_slices",
    "converts",
    "deviation_of",
    "held_by",
    "probed",
    "real_matrix",
    "saturated_in",
]

MOST_SLICES = 32

PROBES = 16
"""Random vectors that a product with converters is tried with."""


class Product(Protocol):
    """Whatever multiplies: an `ExactProduct`, products by slices, or a matrix for ``mvm``."""

    def __matmul__(self, v: Any) -> Any:
        """Return products with (n, K)."""
        ...


@runtime_checkable
class Coding(Protocol):
    """A product of vectors that are codes: what is added to x must be the same codes."""

    def coded(self, v: Array) -> Array:
        """Return the vectors (n, K) that are multiplied in the place of those given."""
        ...


class ExactProduct:
    """The product in digital arithmetic, which a ledger counts.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
    ledger : Ledger
    """

    def __init__(self, matrix: Array, ledger: Ledger) -> None:
        self.matrix, self.ledger = matrix, ledger

    def __matmul__(self, v: Any) -> Any:
        self.ledger.compute("product", 2.0 * self.matrix.size * (v.size // len(v)))
        return self.matrix @ v


def held_by(product: Any, matrix: Array) -> Array:
    """Return the matrix that a product really multiplies with, as far as it can be read.

    A programmed matrix is read in place, by its products with the unit vectors.
    """
    if isinstance(product, ProgrammedMatrix):
        held: Array = product.run(np.eye(matrix.shape[1]), "mvm").x
        return held
    return getattr(product, "matrix", matrix)


def deviation_of(product: Any, held: Array, ledger: Ledger) -> tuple[float, str]:
    """Return the rms error of an output for a random vector of length one, and what it is by.

    Parameters
    ----------
    product : Product
        A programmed matrix with converters is probed.
    held : ndarray, shape (m, n)
        What it multiplies with, beyond which it deviates.
    ledger : Ledger
        Takes the digital work.
    """
    if isinstance(product, ProgrammedMatrix) and converts(product.chip):
        return probed(product, held, product.device.seed, ledger), "steps"
    return float(getattr(product, "deviation", 0.0)), getattr(product, "deviates_by", "noise")


def converts(chip: Any) -> bool:
    """Whether the converters of a chip round what it is sent, or what is read."""
    dac, adc = chip.hardware.dac, chip.hardware.adc
    return dac is not None or (adc is not None and adc.bits is not None)


def probed(product: Any, held: Array, seed: int, ledger: Ledger) -> float:
    """Return the rms error of an output beyond a matrix, for random vectors of length one.

    Parameters
    ----------
    product : Product
    held : ndarray, shape (m, n)
    seed : int
        Of the vectors.
    ledger : Ledger
        Takes the digital work.
    """
    vectors = np.random.default_rng([seed, PROBES]).standard_normal((held.shape[1], PROBES))
    vectors /= np.linalg.norm(vectors, axis=0)
    sent = product.coded(vectors) if isinstance(product, Coding) else vectors
    off = product @ vectors - held @ sent
    ledger.compute("probing", 2.0 * held.size * PROBES)
    return float(np.sqrt(np.mean(off**2)))


def saturated_in(product: Any) -> int:
    """Return how many partial sums of a product saturated so far."""
    return int(getattr(product, "saturated", 0))


def real_matrix(matrix: ArrayLike) -> Array:
    """Return a matrix, or the real form of a complex one.

    Raises
    ------
    InputError
        If it is none.
    """
    if are_complex(matrix):
        matrix = complex_form("inv", matrix, None, {}).matrix
    return as_matrix(matrix)


def checked_slices(slices: int | None, bits: float) -> None:
    """Refuse numbers of slices, and bits that choose it, which cannot be.

    Raises
    ------
    InputError
    """
    given = slices is not None
    if given and (not isinstance(slices, int) or not 1 <= slices <= MOST_SLICES):
        raise InputError(f"slices = {slices!r}: must be a whole number from 1 to {MOST_SLICES}")
    if not 0 < bits <= 50:
        raise InputError(f"bits = {bits!r}: must be a number up to 50")
