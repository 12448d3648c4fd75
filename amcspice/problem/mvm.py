"""Product of a matrix with vectors."""

from __future__ import annotations

from typing import ClassVar

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.problem.base import Problem

__all__ = ["MatrixProduct"]


class MatrixProduct(Problem):
    """y = A x for vectors x."""

    name: ClassVar[str] = "mvm"
    title: ClassVar[str] = "product with a matrix"
    circuit: ClassVar[str] = "mvm"
    takes_vectors: ClassVar[bool] = True
    no_complex_form: ClassVar[str | None] = None

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return A x, shape (K, m); see `Problem.answer`."""
        product: Array = vectors @ circuit.matrix.T
        return product

    def residual(self, circuit: Circuit, vectors: Array, solutions: Array) -> Array:
        """Return the error of the product: there is no equation to fulfil."""
        return self.error(circuit, solutions, self.answer(circuit, vectors))
