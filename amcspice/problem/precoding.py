"""Precoding and projection: products with a matrix and the inverse of its Gram matrix."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.problem.accuracy import relative_size
from amcspice.problem.base import Problem
from amcspice.problem.least_squares import unconstrained_least_squares

__all__ = ["Precoding", "Projection"]


class Precoding(Problem):
    """x = A (A'A + ridge I)^-1 b: without a ridge the shortest x with A'x = b.

    With A the conjugate of the channel of a downlink it is zero-forcing precoding, with a ridge
    the regularised one.
    """

    name: ClassVar[str] = "precode"
    title: ClassVar[str] = "zero-forcing precoding"
    circuit: ClassVar[str] = "chain-precoder"
    tall: ClassVar[bool] = True
    takes_vectors: ClassVar[bool] = True
    no_complex_form: ClassVar[str | None] = None

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return the shortest solutions, by least squares of A', shape (K, m)."""
        return unconstrained_least_squares(circuit.matrix.T, vectors, ridge=_ridge(circuit))

    def residual(self, circuit: Circuit, vectors: Array, solutions: Array) -> Array:
        """Return ``|A'x - b| / |b|``: what users receive beside what was meant for them."""
        return relative_size(solutions @ circuit.matrix - vectors, vectors)


class Projection(Problem):
    """x = A (A'A + ridge I)^-1 A'b: without a ridge the part of b along the columns of A."""

    name: ClassVar[str] = "project"
    title: ClassVar[str] = "projection onto columns"
    circuit: ClassVar[str] = "chain-projector"
    tall: ClassVar[bool] = True
    no_complex_form: ClassVar[str | None] = None

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return A times the least-squares solutions, shape (K, m)."""
        inner = unconstrained_least_squares(circuit.matrix, vectors, ridge=_ridge(circuit))
        return np.asarray(inner @ circuit.matrix.T, dtype=float)

    def residual(self, circuit: Circuit, vectors: Array, solutions: Array) -> Array:
        """Return the error of the projection: there is no equation to fulfil."""
        return self.error(circuit, solutions, self.answer(circuit, vectors))


def _ridge(circuit: Circuit) -> float:
    return float(getattr(circuit, "ridge", 0.0))
