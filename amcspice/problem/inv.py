"""Linear systems."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.problem.base import Problem

__all__ = ["LinearSystem"]


class LinearSystem(Problem):
    """x with A x = b; A is square and not singular."""

    name: ClassVar[str] = "inv"
    title: ClassVar[str] = "linear system"
    circuit: ClassVar[str] = "inv"
    signed_circuit: ClassVar[str | None] = "inv-compensated"
    square: ClassVar[bool] = True
    no_complex_form: ClassVar[str | None] = None
    generator: ClassVar[str] = "conditioned"

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return A^-1 b by LU, shape (K, n); see `Problem.answer`."""
        # One of them for what is said where A is singular, or nearly.
        first = np.asarray(scipy.linalg.solve(circuit.matrix, vectors[:1].T).T, dtype=float)
        if len(vectors) <= 1:
            return first
        factors = scipy.linalg.lu_factor(circuit.matrix)
        return np.asarray(scipy.linalg.lu_solve(factors, vectors.T).T, dtype=float)
