"""The problems that the comparisons share."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import nnls

from amcspice.extras import extra

__all__ = ["hubble", "regressions", "scipy_nnls", "sparse_ratings"]

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
    with extra("images"):
        from skimage.data import hubble_deep_field

    field = hubble_deep_field()  # type: ignore[no-untyped-call]
    picture: Array = field[272 : 272 + rows, 64 : 64 + columns] / 255.0
    return picture.mean(axis=2, keepdims=True) if grey else picture


def sparse_ratings(users: int, items: int, count: int, seed: int = 0) -> sp.csr_array:
    """Return about so many ratings from 1 to 5 of a noisy matrix of rank 8, shape (users, items).

    A few items have most of the ratings, as in sets that people gave.
    """
    draw = np.random.default_rng([seed, users, items])
    popular = draw.lognormal(sigma=1.0, size=items)
    at = np.repeat(np.arange(users), -(-count // users))
    to = draw.choice(items, size=at.size, p=popular / popular.sum())
    at, to = np.unique(np.stack([at, to]), axis=1)
    W, H = draw.random((users, 8)), draw.random((items, 8))
    true = 2 + 0.75 * np.einsum("kr,kr->k", W[at], H[to]) + 0.5 * draw.standard_normal(at.size)
    return sp.csr_array((np.clip(np.rint(true), 1, 5), (at, to)), shape=(users, items))
