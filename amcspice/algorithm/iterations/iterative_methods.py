"""The methods that iterations on products take: where to go next, and how far."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["Method", "method_of"]


class Method(abc.ABC):
    """Directions and lengths of the steps of K right-hand sides.

    Attributes
    ----------
    flops : float
        Digital operations an entry of the residual and step, beside the updates of x and r.
    restarts : int
    curved : int
        How often a direction of a curvature that is not positive was met.
    """

    flops = 1.0
    restarts = 0
    curved = 0

    @abc.abstractmethod
    def direction(self, residual: Array) -> Array:
        """Return where to go from residuals (n, K)."""

    def length(self, p: Array, image: Array, residual: Array) -> Any:
        """Return how far to go along p, shape (K,) or a number; None where it cannot.

        Parameters
        ----------
        p, image, residual : ndarray, shape (n, K)
            Directions, their products, residuals.
        """
        return 1.0

    def restart(self) -> None:
        """Forget earlier directions."""
        self.restarts += 1


class Richardson(Method):
    """x += omega r, with the omega that is best between two bounds of the eigenvalues."""

    def __init__(self, bounds: tuple[float, float]) -> None:
        self.omega = 2 / sum(bounds)

    def direction(self, residual: Array) -> Array:
        return self.omega * residual


class Jacobi(Method):
    """x += D^-1 r, with the diagonal D of the matrix."""

    def __init__(self, diagonal: Array) -> None:
        self.diagonal = diagonal[:, None]

    def direction(self, residual: Array) -> Array:
        return residual / self.diagonal


class Chebyshev(Method):
    """The polynomial that is smallest between two bounds of the eigenvalues.

    Y. Saad, Iterative Methods for Sparse Linear Systems, 2nd ed., algorithm 12.1.
    """

    flops = 3.0

    def __init__(self, bounds: tuple[float, float]) -> None:
        self.middle, self.half = sum(bounds) / 2, (bounds[1] - bounds[0]) / 2
        self._before: tuple[Array, float] | None = None

    def direction(self, residual: Array) -> Array:
        if self._before is None:
            # The ratio of two polynomials, times the half width, which may be zero.
            p, ratio = residual / self.middle, 1 / self.middle
        else:
            p, ratio = self._before
            ratio = 1 / (2 * self.middle - ratio * self.half**2)
            p = ratio * (2 * residual + self._before[1] * self.half**2 * p)
        self._before = p, ratio
        return p

    def restart(self) -> None:
        super().restart()
        self._before = None


class ConjugateGradients(Method):
    """Directions that are conjugate to the one before.

    Where the curvature p'A p is not positive, a right-hand side starts again from its residual; if
    it is not positive there either, the matrix is not positive definite.
    """

    flops = 8.0

    def __init__(self) -> None:
        self._before: tuple[Array, Array] | None = None
        self._wrong: Any = False  # where the last direction led nowhere
        self._fresh: Any = True  # where the direction is the residual

    def direction(self, residual: Array) -> Array:
        p, self._fresh = residual, np.ones(residual.shape[1], bool)
        if self._before is not None:
            before, direction = self._before
            size = (before * before).sum(axis=0)
            beta = (residual * (residual - before)).sum(axis=0) / np.where(size > 0, size, 1.0)
            beta = np.where(self._wrong, 0.0, beta)
            p, self._fresh = residual + beta * direction, beta == 0
        self._before = residual, p
        return p

    def length(self, p: Array, image: Array, residual: Array) -> Any:
        curvature, asked = (p * image).sum(axis=0), p.any(axis=0)
        good = asked & (curvature > 0)
        self._wrong = asked & ~good
        if (self._wrong & self._fresh).any():
            return None
        self.curved += int(self._wrong.sum())
        self.restarts += int(self._wrong.sum())
        return np.where(good, (p * residual).sum(axis=0) / np.where(good, curvature, 1.0), 0.0)

    def restart(self) -> None:
        super().restart()
        self._before = None


def method_of(name: str, diagonal: Array, bounds: tuple[float, float] | None) -> Method:
    """Return a method by its name, ready to begin."""
    if name == "jacobi":
        return Jacobi(diagonal)
    if name == "cg":
        return ConjugateGradients()
    assert bounds is not None
    return Chebyshev(bounds) if name == "chebyshev" else Richardson(bounds)
