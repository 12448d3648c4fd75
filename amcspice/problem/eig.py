"""Dominant eigenvector of a symmetric matrix, or of a Hermitian one by its real form."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array, are_complex
from amcspice.errors import InputError
from amcspice.problem.accuracy import relative_size
from amcspice.problem.base import Problem
from amcspice.problem.form import CircuitForm

__all__ = ["DominantEigenvector", "dominant_space"]

EQUAL = 1e-9
"""Eigenvalues this close to the largest, as a fraction of it, count as equal to it."""


def dominant_space(matrix: Array) -> Array:
    """Return orthonormal eigenvectors of the largest eigenvalue, shape (n, multiplicity)."""
    values, vectors = np.linalg.eigh(matrix)
    dominant: Array = vectors[:, values >= values[-1] - EQUAL * abs(values[-1])]
    return dominant


class DominantEigenvector(Problem):
    """v of length one with A v = lambda v for the largest lambda.

    A real v is determined up to its sign, a complex one up to a phase, and where the largest
    eigenvalue stands more than once any direction of its space is one.  The error of a direction
    x of length one is what lies outside: ``|x - v <v, x>|``.
    """

    name: ClassVar[str] = "eig"
    title: ClassVar[str] = "dominant eigenvector"
    circuit: ClassVar[str] = "eigen"
    square: ClassVar[bool] = True
    symmetric: ClassVar[bool] = True
    takes_vectors: ClassVar[bool] = True
    single_input: ClassVar[bool] = True
    has_default_input: ClassVar[bool] = True
    no_complex_form: ClassVar[str | None] = None
    generator: ClassVar[str] = "covariance"

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return the direction that each start grows into, shape (K, n)."""
        space = dominant_space(circuit.matrix)
        along = vectors @ space
        length = np.linalg.norm(along, axis=1, keepdims=True)
        first = np.eye(1, space.shape[1])
        direction: Array = np.where(length > 0, along / np.where(length > 0, length, 1.0), first)
        return direction @ space.T

    def default_input(self, circuit: Circuit) -> Array:
        """Return a start drawn with the device's seed, shape (n,)."""
        draw = np.random.default_rng([circuit.device.seed, circuit.cycle])
        vector: Array = draw.uniform(-1.0, 1.0, circuit.input_size)
        return vector

    def error(self, circuit: Circuit, solutions: Array, answers: Array) -> Array:
        """Return ``|x - v <v, x>|`` of directions x, shape (K,)."""
        space = dominant_space(circuit.matrix)
        return relative_size(solutions - solutions @ space @ space.T, answers)

    def deviation(self, solutions: Array, others: Array) -> Array:
        """Return ``|x - y <y, x>|`` of directions x and y, which may point opposite ways."""
        along = (solutions * others).sum(axis=1, keepdims=True)
        return relative_size(solutions - along * others, others)

    def align(self, circuit: Circuit, answers: Array, solutions: Array) -> Array:
        """Return the eigenvector nearest to each solution where there is a plane of them."""
        space = dominant_space(circuit.matrix)
        if space.shape[1] == 1:  # the sign is that of the start
            return answers
        nearest = solutions @ space @ space.T
        length = np.linalg.norm(nearest, axis=1, keepdims=True)
        aligned: Array = np.where(length > 0, nearest / np.where(length > 0, length, 1.0), answers)
        return aligned

    def residual(self, circuit: Circuit, vectors: Array, solutions: Array) -> Array:
        """Return ``|A x - lambda x| / |A x|`` with lambda = <x, A x> / <x, x>, shape (K,)."""
        product = solutions @ circuit.matrix.T
        size = (solutions**2).sum(axis=1, keepdims=True)
        quotient = (solutions * product).sum(axis=1, keepdims=True) / np.where(size > 0, size, 1.0)
        return relative_size(product - quotient * solutions, product)

    def is_unique(
        self, circuit: Circuit, vectors: Array, answers: Array, *, multiplicity: int = 1
    ) -> NDArray[np.bool_]:
        """Return whether the largest eigenvalue stands no more often than ``multiplicity``."""
        space = dominant_space(circuit.matrix)
        return np.full(len(vectors), space.shape[1] <= multiplicity)

    def circuit_form(
        self, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
    ) -> CircuitForm:
        """See `Problem.circuit_form`; a complex matrix must be Hermitian."""
        form = super().circuit_form(A, b, parameters)
        if not any(are_complex(values) for values in (A, b) if values is not None):
            return form
        matrix = form.matrix
        if np.abs(matrix - matrix.T).max() > EQUAL * np.abs(matrix).max():
            raise InputError("matrix: it is not Hermitian; the eigenvector circuit needs that")
        # In the real form every eigenvalue of the matrix stands twice.
        return replace(form, is_unique=functools.partial(self.is_unique, multiplicity=2))
