"""Directions and steps of a refinement, for K right-hand sides.

    d = T r;   x += alpha d;   r -= alpha A d

``plain``: alpha = 1.  ``line-search``: the alpha that makes the residual smallest.  ``gcr``: each
A d is made orthogonal to all before it (S. Eisenstat, H. Elman, M. Schultz, SIAM J. Numer. Anal.
20, 345 (1983)), which breaks down where the symmetric part of A T is not definite.  ``gmres``: the
same, but where a step brings nothing the next direction is T A d, so that directions span what
those of flexible GMRES span (Y. Saad, SIAM J. Sci. Comput. 14, 461 (1993)), for rotations too.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["METHODS", "Directions", "Method", "Move", "over"]

Method = Literal["plain", "line-search", "gcr", "gmres"]
METHODS: tuple[str, ...] = ("plain", "line-search", "gcr", "gmres")

NOTHING = 0.03
"""Cosine between A d and the residual below which a step brings nothing."""


DEPENDENT = 1e-8
"""Share of an image that is not in those before it below which its direction is no new one."""


class Move(NamedTuple):
    """What x and the residual are changed by, and what it took."""

    correction: Array
    image: Array
    flops: float


class Directions:
    """The directions of a method so far.

    Parameters
    ----------
    method : str
        One of `METHODS`.

    Attributes
    ----------
    cosine : ndarray, shape (K,)
        Between the last image and the residual, as a size.
    """

    def __init__(self, method: str) -> None:
        self.method = method
        self.cosine: Array = np.ones(1)
        self._before: list[tuple[Array, Array]] = []

    def ask(self, residual: Array) -> Array:
        """Return what the coarse inverse is asked, (n, K)."""
        if self.method != "gmres" or not self._before:
            return residual
        image = self._before[-1][1]
        return np.where(self.cosine < NOTHING, image, residual)

    def take(self, d: Array, image: Array, residual: Array) -> Move:
        """Return the step along a direction (n, K) with its product with A."""
        flops = 4.0 * d.size
        if self.method in ("gcr", "gmres"):
            whole = np.linalg.norm(image, axis=0)
            for before, their in self._before:
                share = over((their * image).sum(axis=0), (their * their).sum(axis=0))
                d, image = d - share * before, image - share * their
                flops += 8.0 * d.size
            new = np.linalg.norm(image, axis=0) > DEPENDENT * whole
            d, image = np.where(new, d, 0.0), np.where(new, image, 0.0)
            self._before.append((d, image))
        if self.method == "plain":
            return Move(d, image, flops)
        inner, square = (image * residual).sum(axis=0), (image * image).sum(axis=0)
        alpha = over(inner, square)
        size = np.sqrt(square) * np.linalg.norm(residual, axis=0)
        self.cosine = over(np.abs(inner), size)
        return Move(alpha * d, alpha * image, flops + 4.0 * d.size)


def over(values: Array, by: Array) -> Array:
    """Return ratios; what is divided by zero is left as it is."""
    shares: Array = values / np.where(by > 0, by, 1.0)
    return shares
