"""Refinement: a coarse analog inverse and a fine product give solutions of any precision.

    d = T r;   x += alpha d;   r -= alpha A d

With alpha = 1 (plain) it converges for every right-hand side iff the spectral radius of I - A T is
below one, and gains -log2 of it in bits an iteration.  Line search takes the alpha that makes the
residual smallest, so that it never grows, but may crawl; GCR makes each A d orthogonal to all
before it, which takes digital dot products only, and breaks down where the symmetric part of A T is
not definite (S. Eisenstat, H. Elman, M. Schultz, SIAM J. Numer. Anal. 20, 345 (1983)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix, as_vectors
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.system import Chip, Ledger, ProgrammedMatrix

__all__ = [
    "METHODS",
    "CompensatedProduct",
    "ExactProduct",
    "Forecast",
    "Refined",
    "Step",
    "forecast",
    "refine",
]

Method = Literal["plain", "line-search", "gcr"]
METHODS: tuple[str, ...] = ("plain", "line-search", "gcr")

GROWN = 1e3
"""A residual this many times the smallest one will not come back."""

STALLED = 6
"""Iterations without a smaller residual after which nothing more is to be had."""

MOST_SLICES = 32


class Inverse(Protocol):
    """Whatever solves coarsely: a `BlockInverse`, or a matrix programmed for ``inv``."""

    def solve(self, b: ArrayLike) -> Any:
        """Return coarse solutions of (n, K)."""
        ...


class Product(Protocol):
    """Whatever multiplies: `ExactProduct`, `CompensatedProduct`, or a matrix for ``mvm``."""

    def __matmul__(self, v: Any) -> Any:
        """Return products with (n, K)."""
        ...


class ExactProduct:
    """The product in digital arithmetic, which a ledger counts.

    Parameters
    ----------
    matrix : ndarray, shape (n, n)
    ledger : Ledger
    """

    def __init__(self, matrix: Array, ledger: Ledger) -> None:
        self.matrix, self.ledger = matrix, ledger

    def __matmul__(self, v: Any) -> Any:
        self.ledger.compute("product", 2.0 * self.matrix.size * (v.size // len(v)))
        return self.matrix @ v


class CompensatedProduct:
    """The product by slices, each of which programs what those before it miss.

    What cells, wires and amplifiers make of a slice is read in place, by its products with the unit
    vectors; the next one programs the difference, in the full range of its cells (W. Song et al.,
    Science 383, 903 (2024), compensate errors of devices in this way).  Outputs of all slices are
    added up.

    Parameters
    ----------
    chip : Chip
    matrix : ndarray, shape (m, n)
    slices : int
        Number of arrays.

    Attributes
    ----------
    slices : tuple of ProgrammedMatrix
    matrix : ndarray, shape (m, n)
        What the slices together hold, as it was read.
    """

    def __init__(self, chip: Chip, matrix: ArrayLike, slices: int) -> None:
        if not isinstance(slices, int) or not 1 <= slices <= MOST_SLICES:
            raise InputError(f"slices = {slices!r}: must be a whole number from 1 to {MOST_SLICES}")
        values = as_matrix(matrix)
        left, made = values, []
        for number in range(slices):
            if not left.any():
                break
            arrays = chip.program(left, "mvm", label=f"slice {number}")
            left = left - arrays.run(np.eye(values.shape[1])).x
            chip.ledger.compute("reading in place", float(values.size))
            made.append(arrays)
        self.slices: tuple[ProgrammedMatrix, ...] = tuple(made)
        self.matrix: Array = values - left

    def __matmul__(self, v: Any) -> Any:
        return sum(arrays.run(v).x for arrays in self.slices)


@dataclass(frozen=True)
class Step:
    """An iteration.

    Parameters
    ----------
    residual : float
        ``|b - A x| / |b|`` as the system knows it, the largest of all right-hand sides.
    correction : float
        ``|alpha d| / |x|``, the largest.
    error : float
        ``|x - x*| / |x*|``, the largest: for studies, no system knows it.
    """

    residual: float
    correction: float
    error: float

    @property
    def bits(self) -> float:
        """Bits of x that are right."""
        return float(-np.log2(self.error)) if self.error > 0 else 53.0


@dataclass(frozen=True, eq=False)
class Refined:
    """What a refinement came to.

    Parameters
    ----------
    x : ndarray, shape (n,) or (n, K)
        Of the iteration with the smallest residual.
    steps : tuple of Step
        From the first coarse solution on.
    reason : str
        Why it ended: ``reached``, ``floor``, ``diverges`` or ``iterations``.
    """

    x: Array
    steps: tuple[Step, ...]
    reason: str

    @property
    def iterations(self) -> int:
        """How many coarse solutions it took."""
        return len(self.steps)

    @property
    def bits(self) -> float:
        """Bits of x that are right, by the exact answer."""
        return max((step.bits for step in self.steps), default=0.0)

    @property
    def caution(self) -> str:
        """What the solution does not say by itself; empty where the target was reached."""
        said = {
            "reached": "",
            "floor": "the residual falls no further before the target: the product sets a floor",
            "diverges": "the refinement diverges: the coarse inverse is too far from the matrix",
            "iterations": "the target was not reached in the iterations that were allowed",
        }
        return said[self.reason]


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
) -> Refined:
    """Refine coarse solutions.

    Parameters
    ----------
    inverse : Inverse
        Such as a `BlockInverse`.
    matrix : array_like, shape (n, n)
    b : array_like, shape (n,) or (n, K)
    product : Product, optional
        None multiplies digitally.
    ledger : Ledger, optional
        Takes the digital work.
    method : {"plain", "line-search", "gcr"}
    bits : float
        Bits of x that are aimed at.  The system ends where its last corrections say that they are
        there: their ratio tells how fast the rest falls.
    iterations : int
        At most.

    Returns
    -------
    Refined

    Raises
    ------
    InputError
        If something does not fit.
    """
    A = as_matrix(matrix)
    if method not in METHODS:
        raise InputError(f"method = {method!r}: choose from {', '.join(METHODS)}")
    if not isinstance(iterations, int) or iterations < 1 or not 0 < bits <= 50:
        raise InputError("iterations must be a whole number from 1, bits a number up to 50")
    right = as_vectors(b, len(A)).T
    ledger = Ledger() if ledger is None else ledger
    multiply: Any = ExactProduct(A, ledger) if product is None else product
    exact: Any = np.linalg.solve(A, right)
    run = _Run(inverse, multiply, right, exact, ledger, method)
    reason = run.until(2.0**-bits, iterations)
    solution = run.best[:, 0] if np.ndim(b) == 1 else run.best
    return Refined(solution, tuple(run.steps), reason)


class _Run:
    """The state of a refinement of K right-hand sides."""

    def __init__(
        self, inverse: Inverse, product: Any, right: Array, exact: Array, ledger: Ledger,
        method: str,
    ) -> None:  # fmt: skip
        self.inverse, self.product, self.right, self.exact = inverse, product, right, exact
        self.ledger, self.method = ledger, method
        self.x, self.residual = np.zeros_like(right), right.copy()
        self.best, self.smallest = self.x, np.inf
        self.steps: list[Step] = []
        self._before: list[tuple[Array, Array]] = []

    def until(self, target: float, iterations: int) -> str:
        since, last = 0, np.inf
        for _ in range(iterations):
            correction = self.step()
            residual = self.steps[-1].residual
            if residual < self.smallest:
                self.best, self.smallest, since = self.x.copy(), residual, 0
            else:
                since += 1
            if not np.isfinite(residual) or residual > GROWN * self.smallest:
                return "diverges"
            # Corrections that fall by q leave q / (1 - q) of the last one.
            ratio = min(correction / last, 0.99) if last else 0.0
            if len(self.steps) > 1 and correction * ratio / (1 - ratio) <= target:
                return "reached"
            if since >= STALLED:
                falls = self.steps[-1].correction < 0.5
                return "floor" if falls else "diverges"
            last = correction
        return "iterations"

    def step(self) -> float:
        n, count = self.right.shape
        scale = np.linalg.norm(self.residual, axis=0)
        asked = self.residual / np.where(scale > 0, scale, 1.0)  # block exponents
        d = self.inverse.solve(asked) * scale
        Ad = (self.product @ (d / np.where(scale > 0, scale, 1.0))) * scale
        flops = 4.0 * n * count
        if self.method == "gcr":
            for before, image in self._before:
                share = _over((image * Ad).sum(axis=0), (image * image).sum(axis=0))
                d, Ad = d - share * before, Ad - share * image
                flops += 8.0 * n * count
            self._before.append((d, Ad))
        alpha = np.ones(count)
        if self.method != "plain":
            alpha = _over((Ad * self.residual).sum(axis=0), (Ad * Ad).sum(axis=0))
            flops += 4.0 * n * count
        self.x, self.residual = self.x + alpha * d, self.residual - alpha * Ad
        self.ledger.compute("refinement", flops)
        size = np.linalg.norm(self.x, axis=0)
        correction = float(_over(np.linalg.norm(alpha * d, axis=0), size).max())
        self.steps.append(
            Step(
                float(_relative(self.residual, self.right).max()),
                correction,
                float(_relative(self.x - self.exact, self.exact).max()),
            )
        )
        return correction


def _over(values: Array, by: Array) -> Array:
    shares: Array = values / np.where(by > 0, by, 1.0)
    return shares


def _relative(values: Array, to: Array) -> Array:
    return _over(np.linalg.norm(values, axis=0), np.linalg.norm(to, axis=0))


@dataclass(frozen=True)
class Forecast:
    """What a refinement will do, from what the coarse inverse and the product really apply.

    Parameters
    ----------
    spectral_radius : float
        Of I - A T.
    floor_bits : float
        Bits of x beyond which the product allows none; infinite for an exact one.
    """

    spectral_radius: float
    floor_bits: float

    @property
    def converges(self) -> bool:
        """Whether plain refinement converges for every right-hand side."""
        return self.spectral_radius < 1

    @property
    def bits_per_iteration(self) -> float:
        """Of plain refinement; negative where it diverges."""
        return float(-np.log2(self.spectral_radius)) if self.spectral_radius else np.inf

    def iterations(self, bits: float) -> int | None:
        """Return how many plain iterations give so many bits; None where they do not."""
        if not self.converges or bits > self.floor_bits:
            return None
        return int(np.ceil(bits / self.bits_per_iteration))


def forecast(matrix: ArrayLike, transfer: Array, product: ArrayLike | None = None) -> Forecast:
    """Forecast a refinement.

    Parameters
    ----------
    matrix : array_like, shape (n, n)
        A.
    transfer : ndarray, shape (n, n)
        T, what the coarse inverse applies: ``x = T b``.
    product : array_like, shape (n, n), optional
        What the product applies; None is A itself.

    Notes
    -----
    A product with P in the place of A converges to ``P^-1 b``: the median of the relative error
    over random solutions is near ``|I - P^-1 A|_F / sqrt(n)``.
    """
    A = as_matrix(matrix)
    P = A if product is None else as_matrix(product)
    radius = float(np.abs(np.linalg.eigvals(np.eye(len(A)) - P @ transfer)).max())
    if product is None:
        return Forecast(radius, float("inf"))
    left = np.linalg.norm(np.eye(len(A)) - np.linalg.solve(P, A)) / np.sqrt(len(A))
    return Forecast(radius, float(-np.log2(left)) if left else float("inf"))
