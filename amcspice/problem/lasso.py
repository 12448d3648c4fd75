"""Signed least squares with an L1 term (lasso), by the split x = u - w with u, w >= 0.

``|[A, -A] (u, w) - b|^2 / 2 + lasso sum(u, w)`` has the same least value, and u and w are never
above zero together: it is what the non-negative circuits solve.  Fewer rows than columns are
allowed: the L1 term chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnsupportedError
from amcspice.problem.accuracy import relative_error
from amcspice.problem.form import CircuitForm
from amcspice.problem.least_squares import NonNegativeLeastSquares

__all__ = ["Lasso"]


class Lasso(NonNegativeLeastSquares):
    """x of any sign that minimises ``|A x - b|^2 / 2 + lasso |x|_1``."""

    name: ClassVar[str] = "lasso"
    title: ClassVar[str] = "least squares with an L1 term"
    circuit: ClassVar[str] = "ginv-classic"
    tall: ClassVar[bool] = False
    non_negative: ClassVar[bool] = False
    no_complex_form: ClassVar[str | None] = (
        "the L1 norm of complex entries is not that of their real and imaginary parts; stack "
        "these yourself for the lasso of the real parts"
    )

    def circuit_form(
        self, A: ArrayLike, b: ArrayLike | None, parameters: Mapping[str, Any]
    ) -> CircuitForm:
        """Return the split as a non-negative problem; see `Problem.circuit_form`."""
        form = super().circuit_form(A, b, parameters)
        if not parameters.get("lasso"):
            raise InputError(
                "problem lasso needs the weight of its L1 term, such as lasso=0.1 (--lasso 0.1)"
            )
        if parameters.get("hold"):
            raise UnsupportedError(
                "hold needs a non-negative matrix, and problem lasso solves with [A, -A]: leave "
                "it out"
            )
        matrix = as_matrix(A)
        return CircuitForm(
            "nnls", np.hstack([matrix, -matrix]), form.vectors, {}, join_signs, relative_error
        )


def join_signs(split: Array) -> Array:
    """Return u - w of vectors (u, w), shape (..., 2n)."""
    positive, negative = np.split(split, 2, axis=-1)
    joined: Array = positive - negative
    return joined
