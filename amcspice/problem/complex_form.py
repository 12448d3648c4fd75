"""Complex problems on real circuits: the form [[Re A, -Im A], [Im A, Re A]].

With x = (Re x, Im x) stacked, the real matrix times x is A x stacked, so products, linear
systems and least squares carry over; norms are those of the complex vectors, and so is the
relative error.  The real matrix is 2m x 2n and has negative entries, as a rule.  A Hermitian
matrix becomes a symmetric one in which every eigenvalue stands twice: what grows is a vector of
the plane of the dominant ones, the complex eigenvector up to a phase.  Constraints do not carry
over: a complex number is not above zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit.base import Array, check_size, finite_matrix, transposed
from amcspice.circuit.dense import as_dense
from amcspice.errors import InputError
from amcspice.problem.form import CircuitForm

__all__ = ["as_complex_matrix", "complex_form", "join_parts"]

Complex = NDArray[np.complex128]


def complex_form(
    problem: str,
    A: ArrayLike,
    b: ArrayLike | None,
    parameters: Mapping[str, Any],
    *,
    takes_vectors: bool = False,
) -> CircuitForm:
    """Return the real matrix and right-hand sides of a complex problem.

    Parameters
    ----------
    problem : str
    A : array_like, shape (m, n)
    b : array_like, shape (m,) or (m, K), optional
        ``takes_vectors``: (n,) or (n, K).
    parameters : mapping
        Of the circuit: a selection of rows is that of real and imaginary parts alike.
    takes_vectors : bool
        Whether ``b`` has an entry for each column.

    Returns
    -------
    CircuitForm
        The matrix has shape (2m, 2n); real parts stand above imaginary parts.

    Raises
    ------
    InputError
        If the values cannot be used.
    """
    matrix = as_complex_matrix(A)
    real = np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])
    changed: dict[str, Any] = {}
    if parameters.get("rows") is not None:
        changed["rows"] = np.tile(parameters["rows"], 2)
    stacked = None
    if b is not None:
        values = np.asanyarray(as_dense(b, "right-hand side"))
        columns = as_complex_matrix(
            values[:, None] if values.ndim == 1 else values, "right-hand side"
        )
        needed = matrix.shape[1 if takes_vectors else 0]
        if len(columns) != needed:
            hint = transposed(columns, needed)
            raise InputError(
                f"right-hand side: {len(columns)} rows, but the matrix needs {needed}{hint}"
            )
        stacked = np.vstack([columns.real, columns.imag])
        stacked = stacked[:, 0] if values.ndim == 1 else stacked
    return CircuitForm(problem, real, stacked, changed, join_parts)


def join_parts(stacked: Array) -> Complex:
    """Return complex vectors (..., n) of their real and imaginary parts, (..., 2n)."""
    real, imaginary = np.split(stacked, 2, axis=-1)
    joined: Complex = real + 1j * imaginary
    return joined


def as_complex_matrix(values: ArrayLike, what: str = "matrix") -> Complex:
    """Return ``values`` as a finite two-dimensional complex array that is not empty.

    Raises
    ------
    InputError
        If it is not one.
    """
    try:
        numbers = np.asanyarray(as_dense(values, what), dtype=complex)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not numbers ({error})") from None
    matrix: Complex = finite_matrix(numbers.real, what) + 1j * finite_matrix(numbers.imag, what)
    check_size(matrix, what)
    return matrix
