"""The problems that the comparisons share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

__all__ = ["hubble", "regressions", "scipy_nnls"]

Array = NDArray[np.float64]


def regressions(m: int, n: int, count: int = 1, seed: int = 0) -> tuple[Array, Array]:
    """Return a non-negative matrix (m, n) and right-hand sides (m, count).

    About two fifths of the true coefficients are zero, and noise of a tenth makes constraints
    active.
    """
    draw = np.random.default_rng([seed, m, n])
    matrix = draw.random((m, n))
    truth = draw.random((n, count)) * (draw.random((n, count)) > 0.4)
    return matrix, matrix @ truth + 0.1 * draw.standard_normal((m, count))


def scipy_nnls(matrix: Array, b: Array) -> Array:
    """Solve regressions by scipy, one right-hand side (m, count) after the other: (n, count)."""
    return np.stack([nnls(matrix, column)[0] for column in b.T], axis=1)


def hubble(rows: int, columns: int, *, grey: bool = False) -> Array:
    """Return a part of scikit-image's Hubble deep field.

    Returns
    -------
    ndarray, shape (rows, columns, 3 or 1)
        Fractions of full scale.
    """
    from skimage.data import hubble_deep_field

    field = hubble_deep_field()  # type: ignore[no-untyped-call]
    picture: Array = field[272 : 272 + rows, 64 : 64 + columns] / 255.0
    return picture.mean(axis=2, keepdims=True) if grey else picture
