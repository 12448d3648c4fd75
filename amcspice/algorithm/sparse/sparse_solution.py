"""Large sparse systems: a digital Krylov method with a preconditioner that may be analog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from amcspice.circuit import as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Ledger

__all__ = ["SparseSolution", "solve_sparse"]

DIRECTIONS = 20
"""Directions that are kept from one cycle to the next, and that a cycle adds."""


@dataclass(frozen=True, eq=False)
class SparseSolution:
    """What a preconditioned iteration came to.

    Parameters
    ----------
    x : ndarray, shape (n,)
    residual : float
        ``|b - A x| / |b|``, digital, of that x.
    iterations : int
        How often the preconditioner was applied.
    reason : str
        ``reached`` or ``iterations``.
    """

    x: Array
    residual: float
    iterations: int
    reason: str

    @property
    def caution(self) -> str:
        """What the solution does not say by itself; empty where the residual was reached."""
        if self.reason == "reached":
            return ""
        return (
            f"after {self.iterations} iterations the residual is {self.residual:.2g}: the "
            "preconditioner is too far from the inverse, or more iterations are needed"
        )


def solve_sparse(
    matrix: Any,
    b: ArrayLike,
    preconditioner: scipy.sparse.linalg.LinearOperator | None = None,
    *,
    residual: float = 1e-6,
    iterations: int = 400,
    ledger: Ledger | None = None,
) -> SparseSolution:
    """Solve a sparse linear system by a flexible GMRES.

    Converters, readings that fluctuate and offsets of amplifiers make an analog preconditioner
    another one each time.  GMRES and BiCGSTAB need one and the same linear operator throughout;
    conjugate gradients a symmetric one, too, which programming breaks.  This one keeps what each
    application returned (``scipy.sparse.linalg.gcrotmk``).

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
    b : array_like, shape (n,)
    preconditioner : scipy.sparse.linalg.LinearOperator, optional
        Such as an `AnalogPreconditioner`; None is the identity.
    residual : float
        ``|b - A x| / |b|`` that is aimed at.
    iterations : int
        At most, but for the rest of a cycle.
    ledger : Ledger, optional
        Takes the digital work: products with A, and orthogonalisation.

    Returns
    -------
    SparseSolution

    Raises
    ------
    InputError
        If something does not fit.
    """
    A = scipy.sparse.csr_array(matrix)
    n = A.shape[0]
    if A.shape != (n, n):
        raise InputError(f"matrix: {A.shape}: a linear system needs a square one")
    if not isinstance(iterations, int) or iterations < 1 or not 0 < residual < 1:
        raise InputError(
            "iterations must be a whole number from 1, residual a number between 0 and 1"
        )
    if preconditioner is not None and preconditioner.shape != A.shape:
        raise InputError(f"preconditioner of {preconditioner.shape} for a matrix of {A.shape}")
    if np.ndim(b) != 1:
        raise InputError("b: one right-hand side, of shape (n,)")
    right = as_vectors(b, n)[0]
    work = _Work(A, preconditioner, Ledger() if ledger is None else ledger)
    x, _ = scipy.sparse.linalg.gcrotmk(
        scipy.sparse.linalg.LinearOperator(A.shape, work.multiply, dtype=float),
        right,
        rtol=residual,
        atol=0.0,
        maxiter=-(-iterations // (2 * DIRECTIONS)),
        M=scipy.sparse.linalg.LinearOperator(A.shape, work.precondition, dtype=float),
        callback=work.begin,
        m=DIRECTIONS,
    )
    size = float(np.linalg.norm(right))
    left = float(np.linalg.norm(right - work.multiply(x))) / (size or 1.0)
    # The recurrence of the residual and the residual differ by rounding.
    reached = left <= residual * (1 + 1e-6)
    return SparseSolution(x, left, work.applied, "reached" if reached else "iterations")


class _Work:
    """Products and applications of a preconditioner, with an account of them."""

    def __init__(
        self,
        matrix: scipy.sparse.csr_array,
        preconditioner: scipy.sparse.linalg.LinearOperator | None,
        ledger: Ledger,
    ) -> None:
        self.matrix, self.preconditioner, self.ledger = matrix, preconditioner, ledger
        self.applied = self._cycles = self._in_cycle = 0

    def multiply(self, v: Array) -> Array:
        stored = self.matrix.nnz
        self.ledger.compute("sparse product", 2.0 * stored, 12.0 * stored + 16.0 * len(v))
        image: Array = self.matrix @ v
        return image

    def precondition(self, v: Array) -> Array:
        """Apply the preconditioner, and enter the orthogonalisation of what follows from it."""
        self.applied += 1
        self._in_cycle += 1
        before = self._in_cycle + min(self._cycles, DIRECTIONS)
        self.ledger.compute(
            "orthogonalisation", 4.0 * before * len(v), 16.0 * before * len(v)
        )  # a dot product and an update with each
        solved: Array = v if self.preconditioner is None else self.preconditioner.matvec(v)
        return solved

    def begin(self, _: Any) -> None:
        """Begin a cycle; the first one keeps nothing."""
        self._cycles += 1 if self._in_cycle else 0
        self._in_cycle = 0
