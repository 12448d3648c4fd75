"""Complex problems on real circuits: the form [[Re A, -Im A], [Im A, Re A]].

With x = (Re x, Im x) stacked, the real matrix times x is A x stacked, so products, linear
systems and least squares carry over; norms are those of the complex vectors, and so is the
relative error.  The real matrix is 2m x 2n and has negative entries, as a rule.  Constraints do
not carry over: a complex number is not above zero.  Neither does the dominant eigenvector: every
eigenvalue of a Hermitian matrix stands twice in its real form, and what grows is some vector of
that plane.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.circuit import as_matrix
from amcspice.circuit.base import Array
from amcspice.errors import InputError, UnsupportedError
from amcspice.solver.result import Run
from amcspice.solver.trials import Trials

__all__ = ["COMPLEX_PROBLEMS", "as_complex", "as_complex_matrix", "real_form"]

Complex = NDArray[np.complex128]
R = TypeVar("R", Run, Trials)

COMPLEX_PROBLEMS = ("mvm", "inv", "lstsq")
"""Problems that have a complex form."""

_REASONS = {
    "nnls": "no complex number is above or below zero",
    "eig": "every eigenvalue stands twice in the real form, so its eigenvector is not determined",
}


def real_form(problem: str, A: ArrayLike, b: ArrayLike | None) -> tuple[Array, Array]:
    """Return the real matrix and right-hand sides of a complex problem.

    Parameters
    ----------
    problem : {"mvm", "inv", "lstsq"}
    A : array_like, shape (m, n)
    b : array_like, shape (m,) or (m, K); (n,) or (n, K) for mvm

    Returns
    -------
    matrix : ndarray, shape (2m, 2n)
    vectors : ndarray, shape (2m,) or (2m, K)
        Real parts above imaginary parts.

    Raises
    ------
    UnsupportedError
        If the problem has no complex form.
    InputError
        If the values cannot be used.
    """
    if problem not in COMPLEX_PROBLEMS:
        raise UnsupportedError(
            f"problem {problem} of complex numbers is not defined: {_REASONS[problem]}"
        )
    if b is None:
        raise InputError(f"problem {problem} needs right-hand sides")
    matrix = as_complex_matrix(A)
    real = np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])
    given = np.asarray(b)
    columns = as_complex_matrix(given[:, None] if given.ndim == 1 else given, "right-hand side")
    needed = matrix.shape[1 if problem == "mvm" else 0]
    if len(columns) != needed:
        raise InputError(f"right-hand side: {len(columns)} rows, but the matrix needs {needed}")
    stacked = np.vstack([columns.real, columns.imag])
    return real, stacked[:, 0] if given.ndim == 1 else stacked


def as_complex(result: R) -> R:
    """Return a run, or trials, of a real form with complex solution and reference.

    Waveforms and conversion stay those of the circuit: real parts, then imaginary ones.
    """
    entries = 1 if isinstance(result, Trials) else 0
    return replace(result, x=_joined(result.x, entries), reference=_joined(result.reference, 0))


def as_complex_matrix(values: ArrayLike, what: str = "matrix") -> Complex:
    """Return ``values`` as a finite two-dimensional complex array that is not empty.

    Raises
    ------
    InputError
        If it is not one.
    """
    try:
        given = np.asarray(values, dtype=complex)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not numbers ({error})") from None
    matrix: Complex = as_matrix(given.real, what) + 1j * as_matrix(given.imag, what)
    return matrix


def _joined(stacked: Array, axis: int) -> Any:
    real, imaginary = np.split(stacked, 2, axis)
    return real + 1j * imaginary
