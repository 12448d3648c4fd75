"""`refine`: iterations on a coarse inverse and a fine product, until the bits are there.

With alpha = 1 (plain) it converges for every right-hand side iff the spectral radius of I - A T is
below one, and gains -log2 of it in bits an iteration; other methods stand in `methods`.

The system knows its residual through its product alone, so it would refine towards what the
product holds.  Where that ends is predicted from what was read in place (`floor`), and a target
beyond is told, with the part that sets the floor.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from amcspice.algorithm.refinement.converters import FixedConverters
from amcspice.algorithm.refinement.floor import floor_of
from amcspice.algorithm.refinement.methods import METHODS, NOTHING, Directions, Method, over
from amcspice.algorithm.refinement.products import (
    Coding,
    ExactProduct,
    Product,
    real_matrix,
    saturated_in,
)
from amcspice.algorithm.refinement.result import Refined, Step
from amcspice.circuit import as_vectors
from amcspice.circuit.base import Array, are_complex
from amcspice.errors import InputError
from amcspice.problem.complex_form import complex_form, join_parts
from amcspice.system import Ledger

__all__ = ["Inverse", "answer_of", "refine"]

GROWN = 1e3
"""A residual this many times the smallest one will not come back."""

STALLED = 6
"""Iterations without a smaller residual after which nothing more is to be had."""

PROGRESS = 0.99
"""What the smallest residual must be multiplied by to count as smaller."""

SPARE = 0.5
"""Of the target: what corrections foretell is right to a bit, and all bits must be there."""

FALLEN = 0.5
"""Correction over solution below which a refinement that stands still did converge."""


class Inverse(Protocol):
    """Whatever solves coarsely: a `BlockInverse`, or a matrix programmed for ``inv``."""

    def solve(self, b: ArrayLike) -> Any:
        """Return coarse solutions of (n, K)."""
        ...


def refine(
    inverse: Inverse,
    matrix: ArrayLike,
    b: ArrayLike,
    *,
    product: Product | None = None,
    ledger: Ledger | None = None,
    method: Method = "plain",
    bits: float = 24.0,
    iterations: int = 60,
    ranged: bool = True,
) -> Refined:
    """Refine coarse solutions.

    Parameters
    ----------
    inverse : Inverse
        Such as a `BlockInverse`.
    matrix : array_like, shape (n, n)
        Complex too, by its real form.
    b : array_like, shape (n,) or (n, K)
    product : Product, optional
        Of the real form; None multiplies digitally.
    ledger : Ledger, optional
        Takes the digital work; None is that of the chip that the inverse stands on.
    method : {"plain", "line-search", "gcr", "gmres"}
    bits : float
        Bits of x with the matrix as it is given.  The system ends where its last corrections say
        that they are there: their ratios tell how fast the rest falls.
    iterations : int
        At most.
    ranged : bool
        Whether every iteration is ranged by its residual.  If not, the converters of the chip keep
        the full scales of the first iteration.

    Returns
    -------
    Refined

    Raises
    ------
    InputError
        If something does not fit.
    """
    if method not in METHODS:
        raise InputError(f"method = {method!r}: choose from {', '.join(METHODS)}")
    if not isinstance(iterations, int) or iterations < 1 or not 0 < bits <= 50:
        raise InputError("iterations must be a whole number from 1, bits a number up to 50")
    A, right, single = _real_problem(matrix, b)
    exact = answer_of(A, right)
    if ledger is None:
        ledger = getattr(getattr(inverse, "chip", None), "ledger", None) or Ledger()
    part, floor_bits = floor_of(A, product, ledger)
    multiply: Any = ExactProduct(A, ledger) if product is None else product
    converters = None if ranged else FixedConverters.of(inverse)
    asked = _RealInverse(inverse) if are_complex(matrix) else inverse
    run = _Run(asked, multiply, right, exact, ledger, method, converters)
    target = 2.0 ** -min(bits, floor_bits)
    beyond = saturated_in(product)
    reason = run.until(target, float(np.linalg.norm(A, 2)), iterations)
    if reason == "reached" and saturated_in(product) > beyond:
        # What was lost is in no residual that the system knows.
        reason, part, floor_bits = "floor", "range", float("inf")
    elif reason == "reached" and bits > floor_bits:
        reason = "floor"
    elif reason == "floor":
        part, floor_bits = ("inverse" if converters is None else "converters"), float("inf")
    solution: Any = join_parts(run.best.T).T if are_complex(matrix) else run.best
    return Refined(
        solution[:, 0] if single else solution,
        tuple(run.steps),
        reason,
        part if reason == "floor" else "",
        floor_bits,
        tuple(getattr(product, "cautions", ())),
    )


def _real_problem(matrix: ArrayLike, b: ArrayLike) -> tuple[Array, Array, bool]:
    """Return matrix and right-hand sides (n, K) in real form, and whether it was a vector."""
    A = real_matrix(matrix)
    if A.shape[0] != A.shape[1]:
        raise InputError(f"matrix: {A.shape}: a linear system needs a square one")
    single = np.ndim(b) == 1
    if are_complex(matrix):
        b = complex_form("inv", matrix, b, {}).vectors  # type: ignore[assignment]
    return A, as_vectors(b, len(A)).T, single


def answer_of(matrix: Array, right: Array) -> Array:
    """Return the exact solution, which errors are told by.

    Raises
    ------
    InputError
        If the matrix is singular.
    """
    try:
        exact: Any = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        raise InputError("matrix: it is singular, there is no solution to iterate to") from None
    return exact  # type: ignore[no-any-return]


class _RealInverse:
    """The coarse inverse of a complex matrix, by its real form."""

    def __init__(self, inverse: Inverse) -> None:
        self._inverse = inverse

    def solve(self, b: ArrayLike) -> Array:
        solutions = self._inverse.solve(join_parts(np.asarray(b).T).T)
        return np.vstack([solutions.real, solutions.imag])


class _Run:
    """The state of a refinement of K right-hand sides."""

    def __init__(
        self,
        inverse: Inverse,
        product: Any,
        right: Array,
        exact: Any,
        ledger: Ledger,
        method: str,
        converters: FixedConverters | None,
    ) -> None:
        self.inverse, self.product, self.right, self.exact = inverse, product, right, exact
        self.ledger, self.converters = ledger, converters
        self.directions = Directions(method)
        self.x, self.residual = np.zeros_like(right), right.copy()
        self.best, self.smallest = self.x, np.inf
        self.steps: list[Step] = []

    def until(self, target: float, size: float, iterations: int) -> str:
        """Iterate; return why it ended.

        Parameters
        ----------
        target : float
            Relative error of x.
        size : float
            ``|A|``: an error e leaves a residual ``|A e|``, which must be there for the target.
        iterations : int
        """
        since, last, before = 0, np.inf, 0.0
        for _ in range(iterations):
            self.step()
            residual, correction = self.steps[-1].residual, self.steps[-1].correction
            since = 0 if residual < PROGRESS * self.smallest else since + 1
            if residual < self.smallest:
                self.best, self.smallest = self.x.copy(), residual
            if not np.isfinite(residual) or residual > GROWN * self.smallest:
                return "diverges"
            # Corrections that fall by q leave q / (1 - q) of the last one; q is the slower of two,
            # as one good step promises no other.
            ratio = min(correction / last, 0.99) if last else 0.0
            slow = max(ratio, before)
            small = len(self.steps) > 1 and correction * slow / (1 - slow) <= SPARE * target
            if residual == 0 or (small and self._can_be(target, size)):
                return "reached"
            if since >= STALLED:
                return self._stalled()
            last, before = correction, ratio
        return "iterations"

    def _can_be(self, target: float, size: float) -> bool:
        """Whether residuals are as small as an error of the target leaves them at most."""
        left = np.linalg.norm(self.residual, axis=0)
        return bool((left <= target * size * np.linalg.norm(self.x, axis=0)).all())

    def _stalled(self) -> str:
        if self.directions.method == "plain":
            return "floor" if self.steps[-1].correction < FALLEN else "diverges"
        if self.directions.method == "gmres" or self.converters is not None:
            return "floor"
        return "breakdown" if (self.directions.cosine < NOTHING).any() else "floor"

    def step(self) -> None:
        """Take one iteration: a coarse solution, a product, and a step along it."""
        count = self._counted()
        asked = self.directions.ask(self.residual)
        scale = np.linalg.norm(asked, axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        d = self._solve(asked, scale)
        if isinstance(self.product, Coding):
            d = self.product.coded(d)
        image = (self.product @ (d / scale)) * scale
        move = self.directions.take(d, image, self.residual)
        self.x, self.residual = self.x + move.correction, self.residual - move.image
        self.ledger.compute("refinement", move.flops)
        repeats, saturated = self._counted() - count
        largest = float(over(scale, np.linalg.norm(self.right, axis=0)).max())
        self.steps.append(
            Step(
                float(_relative(self.residual, self.right).max()),
                float(_relative(move.correction, self.x).max()),
                float(_relative(self.x - self.exact, self.exact).max()),
                math.frexp(largest)[1],
                int(repeats),
                int(saturated),
            )
        )

    def _solve(self, asked: Array, scale: Array) -> Array:
        """Return coarse solutions (n, K); every right-hand side has a block exponent."""
        if self.converters is None:
            d: Array = self.inverse.solve(asked / scale) * scale
            return d
        # What converters of a fixed range give may be nothing at all, which needs no operation.
        sent = self.converters.sent(asked)
        d = np.zeros_like(sent)
        driven = sent.any(axis=0)
        if driven.any():
            d[:, driven] = self.inverse.solve(sent[:, driven] / scale[driven]) * scale[driven]
        return self.converters.read(d)

    def _counted(self) -> Array:
        """Return operations that were repeated and that saturated so far."""
        rows = [(row["repeats"], row["saturated"]) for _, row in self.ledger.sums("operation")]
        total: Array = np.sum([(0, saturated_in(self.product)), *rows], axis=0)
        return total


def _relative(values: Array, to: Array) -> Array:
    return over(np.linalg.norm(values, axis=0), np.linalg.norm(to, axis=0))
