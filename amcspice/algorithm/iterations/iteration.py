"""Iterations on products: linear systems solved by a matrix that is only multiplied with.

    p = direction(r);   x += alpha p;   r -= alpha A p

Richardson, Chebyshev and Jacobi iterations know alpha p beforehand; conjugate gradients take

    alpha = p'r / p'A p,   p = r + beta p,   beta = r'(r - r_before) / r_before'r_before

Programming breaks the symmetry that the usual beta, r'r over the one before, rests on.  This one
keeps each direction conjugate to the one before it even so, and is the same where A is symmetric
(G. Golub, Q. Ye, SIAM J. Sci. Comput. 21, 1305 (1999)).

All of them solve the system of the matrix that was programmed: they end at the error of its cells,
as the inverse of the same cells does in one step.  For more, see `amcspice.algorithm.refine`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amcspice.algorithm.iterations.iterated import Iterated
from amcspice.algorithm.iterations.iterative_methods import Method, method_of
from amcspice.algorithm.iterations.recorded_product import RecordedProduct
from amcspice.algorithm.iterations.spectrum import eigenvalue_bounds
from amcspice.algorithm.refinement import ExactProduct, Product, Step
from amcspice.algorithm.refinement.loop import answer_of
from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Ledger

__all__ = ["ITERATIONS", "Iterated", "iterate"]

Iteration = Literal["cg", "chebyshev", "richardson", "jacobi"]
ITERATIONS: tuple[str, ...] = ("cg", "chebyshev", "richardson", "jacobi")

GROWN = 1e3
"""A residual this many times the smallest one will not come back."""

STALLED = 20
"""Iterations without a smaller residual after which it is worked out anew."""

HARDLY = 0.1
"""Residual above which negative curvature is the matrix's own, not one of readings."""

SYMMETRIC = 1e-9


def iterate(
    product: Product | None,
    matrix: ArrayLike,
    b: ArrayLike,
    *,
    method: Iteration = "cg",
    residual: float = 1e-6,
    iterations: int = 200,
    bounds: tuple[float, float] | None = None,
    ledger: Ledger | None = None,
) -> Iterated:
    """Solve a linear system with products.

    Parameters
    ----------
    product : Product or None
        Such as a matrix that was programmed for ``mvm``, or a macro; None multiplies digitally.
    matrix : array_like, shape (n, n)
        What was programmed: its symmetry is checked, Jacobi iterations take its diagonal, and
        ``Step.error`` is told by it.
    b : array_like, shape (n,) or (n, K)
    method : {"cg", "chebyshev", "richardson", "jacobi"}
    residual : float
        ``|b - A x| / |b|`` that is aimed at.  It counts as reached when a product of x confirms it.
    iterations : int
        At most.
    bounds : tuple of float, optional
        Of the eigenvalues, for ``chebyshev`` and ``richardson``; None finds them by products.
    ledger : Ledger, optional
        Takes the digital work; products enter their own.

    Returns
    -------
    Iterated

    Raises
    ------
    InputError
        If something does not fit, or the method is not one for this matrix.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> from amcspice.algorithm import iterate
    >>> A, chip = np.eye(8) + 0.1, amc.Chip(gain=1e9)
    >>> made = iterate(chip.program(A, "mvm"), A, np.arange(8.0), ledger=chip.ledger)
    >>> made.reason, bool(abs(A @ made.x - np.arange(8.0)).max() < 1e-4)
    ('reached', True)
    """
    A = as_matrix(matrix)
    _check(A, method, residual, iterations)
    right = as_vectors(b, len(A)).T
    ledger = Ledger() if ledger is None else ledger
    multiply: Any = ExactProduct(A, ledger) if product is None else product
    counted = RecordedProduct(multiply)
    if method in ("chebyshev", "richardson"):
        given = bounds is not None
        bounds = _valid(bounds) if given else eigenvalue_bounds(counted, len(A), ledger=ledger)
    else:
        bounds = None
    run = _Run(counted, A, right, method_of(method, np.diag(A), bounds), ledger)
    reason = run.until(residual, iterations)
    solution = run.best[:, 0] if np.ndim(b) == 1 else run.best
    ledger.compute("residual of the given matrix", 2.0 * A.size * right.shape[1])
    given_residual = float(_relative(right - A @ run.best, right).max())
    return Iterated(
        solution, tuple(run.steps), reason, counted.products, run.method.restarts,
        run.settled, run.settling_time, run.energy, counted.repeats, counted.near_limit, bounds,
        given_residual,
    )  # fmt: skip


def _check(A: Array, method: str, residual: float, iterations: int) -> None:
    if method not in ITERATIONS:
        raise InputError(f"method = {method!r}: choose from {', '.join(ITERATIONS)}")
    if A.shape[0] != A.shape[1]:
        raise InputError(f"matrix: {A.shape}: a linear system needs a square one")
    if not isinstance(iterations, int) or iterations < 1 or not 0 < residual < 1:
        raise InputError(
            "iterations must be a whole number from 1, residual a number between 0 and 1"
        )
    symmetric = np.abs(A - A.T).max() <= SYMMETRIC * np.abs(A).max()
    if method in ("cg", "chebyshev") and not symmetric:
        raise InputError(
            f"method {method} needs a symmetric matrix: take richardson or jacobi, or refinement "
            "with gcr"
        )
    if method == "jacobi" and not np.diag(A).all():
        raise InputError("method jacobi needs a diagonal without zeros")


def _valid(bounds: Any) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in bounds)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not 0 < low <= high < np.inf:
        raise InputError(f"bounds = {bounds!r}: must be two numbers, 0 < lowest <= highest")
    return low, high


class _Run:
    """The state of an iteration of K right-hand sides; those that are solved rest."""

    def __init__(
        self, product: RecordedProduct, matrix: Array, right: Array, method: Method, ledger: Ledger
    ) -> None:
        self.product, self.right, self.method, self.ledger = product, right, method, ledger
        self.exact = answer_of(matrix, right)
        self.x, self.residual = np.zeros_like(right), right.copy()
        self.best, self.smallest = self.x, np.inf
        self.steps: list[Step] = []
        count = right.shape[1]
        self.settled: NDArray[np.bool_] = np.ones(count, bool)
        self.settling_time, self.energy = np.zeros(count), np.zeros(count)

    def until(self, target: float, iterations: int) -> str:
        confirmed, held, since = np.inf, self.x, 0
        for _ in range(iterations):
            if not self.step(target):
                return "indefinite"
            size = self.steps[-1].residual
            if not np.isfinite(size) or size > GROWN * self.smallest:
                return "diverges"
            since += 1
            if size < self.smallest:
                self.best, self.smallest, since = self.x, size, 0
            if size > target and since < STALLED:
                continue
            size = self._go_back()
            if size <= target:
                return "reached"
            if size > confirmed / 2 or size >= 1:
                self.best = held if size > confirmed else self.best
                return self._stalled(min(size, confirmed))
            confirmed, held, since = size, self.best, 0
            self.method.restart()
        return "iterations"

    def _stalled(self, size: float) -> str:
        """Say why a residual falls no further; readings alone leave little of it."""
        if size >= 1:
            return "diverges"
        return "indefinite" if self.method.curved and size > HARDLY else "floor"

    def step(self, target: float) -> bool:
        """Take a step; False where the method cannot."""
        waiting = _relative(self.residual, self.right) > target
        p = self.method.direction(self.residual) * waiting
        image = self._multiply(p)
        alpha = self.method.length(p, image, self.residual)
        if alpha is None:
            return False
        self.x, self.residual = self.x + alpha * p, self.residual - alpha * image
        self.ledger.compute("iteration", (8.0 + self.method.flops) * p.size)
        self.steps.append(self._state(float(_relative(alpha * p, self.x).max())))
        return True

    def _go_back(self) -> float:
        """Return to the best x, with the residual that a product of it says.

        The recurrence does not know what readings did to the residual since.
        """
        self.x = self.best
        self.residual = self.right - self._multiply(self.x)
        self.ledger.compute("iteration", 3.0 * self.x.size)
        self.steps[-1] = self._state(self.steps[-1].correction)
        self.smallest = self.steps[-1].residual
        return self.smallest

    def _state(self, correction: float) -> Step:
        return Step(
            residual=float(_relative(self.residual, self.right).max()),
            correction=correction,
            error=float(_relative(self.x - self.exact, self.exact).max()),
        )

    def _multiply(self, vectors: Array) -> Array:
        """Multiply, each vector with a block exponent of its own; what is zero is not asked."""
        scale = np.linalg.norm(vectors, axis=0)
        asked, image = scale > 0, np.zeros_like(vectors)
        if asked.any():
            image[:, asked] = (self.product @ (vectors[:, asked] / scale[asked])) * scale[asked]
            self.settled[asked] &= self.product.settled
            self.settling_time[asked] += self.product.settling_time
            self.energy[asked] += self.product.energy
        return image


def _relative(values: Array, to: Array) -> Array:
    size = np.linalg.norm(to, axis=0)
    shares: Array = np.linalg.norm(values, axis=0) / np.where(size > 0, size, 1.0)
    return shares
