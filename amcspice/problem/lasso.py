"""Signed least squares with an L1 term (lasso): as it stands, or split as x = u - w, u and w >= 0.

``|[A, -A] (u, w) - b|^2 / 2 + lasso sum(u, w)`` has the same least value, and u and w are never
above zero together: it is what the non-negative circuits solve.  A circuit with soft thresholds
solves it as it stands.  Fewer rows than columns are allowed: the L1 term chooses.

Of complex numbers it is the problem of their real and imaginary parts, which counts both:
``lasso sum(|Re x| + |Im x|)``, not the sum of the magnitudes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import Circuit, as_matrix
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem.accuracy import relative_error
from amcspice.problem.form import CircuitForm
from amcspice.problem.l1 import lasso
from amcspice.problem.least_squares import (
    NonNegativeLeastSquares,
    unconstrained_least_squares,
)
from amcspice.problem.nonnegative import is_unique

__all__ = ["Lasso"]


class Lasso(NonNegativeLeastSquares):
    """x of any sign that minimises ``|A x - b|^2 / 2 + lasso |x|_1``."""

    name: ClassVar[str] = "lasso"
    title: ClassVar[str] = "least squares with an L1 term"
    circuit: ClassVar[str] = "ginv-classic"
    tall: ClassVar[bool] = False
    non_negative: ClassVar[bool] = False
    no_complex_form: ClassVar[str | None] = None

    def direct_form(
        self, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
    ) -> CircuitForm:
        """Return the problem as it stands; see `Problem.circuit_form`."""
        if not parameters.get("lasso"):
            raise InputError(
                "problem lasso needs the weight of its L1 term, such as lasso=0.1 (--lasso 0.1)"
            )
        if parameters.get("hold"):
            raise UnsupportedError(
                "hold needs a non-negative matrix, and problem lasso solves with [A, -A]: leave "
                "it out"
            )
        return super().circuit_form(A, b, parameters)

    def circuit_form(
        self, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
    ) -> CircuitForm:
        """Return the split as a non-negative problem; see `Problem.circuit_form`."""
        form = self.direct_form(A, b, parameters)
        matrix, restore = as_matrix(form.matrix), form.restore
        return replace(
            form,
            problem="nnls",
            matrix=np.hstack([matrix, -matrix]),
            restore=lambda split: restore(join_signs(split)),
            error=relative_error,
        )

    def answer(self, circuit: Circuit, vectors: Array) -> Array:
        """Return solutions of any sign, shape (K, n); see `Problem.answer`."""
        penalty = float(getattr(circuit, "lasso", 0.0))
        if not penalty:
            return unconstrained_least_squares(circuit.matrix, vectors)
        return lasso(circuit.matrix, vectors, penalty=penalty)

    def is_unique(self, circuit: Circuit, vectors: Array, answers: Array) -> NDArray[np.bool_]:
        """Return whether no entry can be exchanged for another, shape (K,)."""
        matrix, penalty = circuit.matrix, float(getattr(circuit, "lasso", 0.0))
        if not penalty:
            return np.full(len(vectors), np.linalg.matrix_rank(matrix) == matrix.shape[1])
        split = np.hstack([np.maximum(answers, 0.0), np.maximum(-answers, 0.0)])
        return is_unique(np.hstack([matrix, -matrix]), vectors, split, lasso=penalty)


def join_signs(split: Array) -> Array:
    """Return u - w of vectors (u, w), shape (..., 2n)."""
    positive, negative = np.split(split, 2, axis=-1)
    joined: Array = positive - negative
    return joined
