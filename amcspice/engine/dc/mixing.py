"""`Anderson`: fixed points of many right-hand sides at once, each by itself.

D. G. Anderson, J. ACM 12 (1965) 547; H. F. Walker, P. Ni, SIAM J. Numer. Anal. 49 (2011) 1715.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from amcspice.circuit.base import Array

__all__ = ["Anderson"]

MEMORY = 6
"""Steps that are mixed; more gain nothing on the curves of cells."""

INDEPENDENT = 1e-12
"""Smallest eigenvalue, over the largest one, of the products of steps that counts."""


class Anderson:
    """Mixes what a map gave so that what is left of its residual is smallest, row by row."""

    def __init__(self) -> None:
        self._steps: deque[tuple[Array, Array]] = deque(maxlen=MEMORY)
        self._last: tuple[Array, Array] | None = None

    def next(self, point: Array, image: Array) -> Array:
        """Return the next points to try, shape (K, E).

        Parameters
        ----------
        point, image : ndarray, shape (K, E)
            Where the map was asked, and what it gave.
        """
        residual = image - point
        if self._last is not None:
            self._steps.append((residual - self._last[0], image - self._last[1]))
        self._last = residual, image
        if not self._steps:
            return image
        turned, moved = (np.stack(part, axis=1) for part in zip(*self._steps, strict=True))
        products = turned @ turned.swapaxes(1, 2)
        inverse = np.linalg.pinv(products, rcond=INDEPENDENT, hermitian=True)
        share = inverse @ (turned @ residual[..., None])
        mixed: Array = image - (moved.swapaxes(1, 2) @ share)[..., 0]
        return mixed
