"""Factorisations on a processor: alternating regressions, scikit-learn, and when they are as good.

Solvers differ in what an iteration does.  What they are compared by is the time until the relative
residual, over the entries that are known, is no larger than that of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from amcspice.algorithm.alternating.anls import reseed
from amcspice.algorithm.alternating.data import DenseData, SparseData
from amcspice.extras import extra
from amcspice.problem import nonnegative_least_squares, nonnegative_least_squares_rows

__all__ = ["anls", "iterations_until", "masked_als", "masked_anls", "scikit_learn"]

Array = NDArray[np.float64]
Factors = tuple[Array, Array]
"""W, shape (m, rank), and H transposed, shape (n, rank)."""
Solve = Callable[[Array], Array]
"""Takes one factor, returns the other."""

LARGEST = 1024
"""Iterations after which a solver is taken not to get there."""


def anls(data: DenseData, rank: int, iterations: int, seed: int = 0) -> Factors:
    """Factorise by alternating non-negative least squares, as the digital twin of `amc.nmf`."""
    rows, columns = np.ascontiguousarray(data.V), np.ascontiguousarray(data.V.T)
    return _alternate(
        data, rank, iterations, seed,
        lambda W: nonnegative_least_squares(W, columns, ridge=data.ridge),
        lambda H: nonnegative_least_squares(H, rows, ridge=data.ridge),
    )  # fmt: skip


def masked_anls(data: SparseData, rank: int, iterations: int, seed: int = 0) -> Factors:
    """Factorise what is known, as the digital twin of `amcspice.algorithm.complete`."""

    def solve(known: sp.csr_array) -> Solve:
        ridge = data.ridge * np.diff(known.indptr)
        return lambda factor: nonnegative_least_squares_rows(factor, known, ridge=ridge)

    return _alternate(data, rank, iterations, seed, solve(data.transpose), solve(data.V))


def masked_als(data: SparseData, rank: int, iterations: int, seed: int = 0) -> Factors:
    """Factorise what is known without constraint: alternating least squares with ridge, in numpy.

    Normal equations of all regressions at once: a sparse product with the pattern of what is known
    sums up the Gram matrices, LAPACK solves the batch.
    """

    def solve(known: sp.csr_array) -> Solve:
        pattern = sp.csr_array((np.ones(known.nnz), known.indices, known.indptr), known.shape)
        counts = np.maximum(np.diff(known.indptr), 1)
        ridge = (data.ridge * counts)[:, None, None] * np.eye(rank)

        def factor_for(factor: Array) -> Array:
            products = (factor[:, :, None] * factor[:, None, :]).reshape(len(factor), -1)
            grams = np.asarray(pattern @ products).reshape(-1, rank, rank) + ridge
            solutions: Array = np.linalg.solve(grams, (known @ factor)[..., None])[..., 0]
            return solutions

        return factor_for

    return _alternate(data, rank, iterations, seed, solve(data.transpose), solve(data.V))


def scikit_learn(
    data: DenseData, rank: int, iterations: int, solver: Literal["cd", "mu"]
) -> Factors:
    """Factorise by scikit-learn, from its own start.

    Parameters
    ----------
    data : DenseData
    rank, iterations : int
    solver : {"cd", "mu"}
        Coordinate descent, multiplicative updates.
    """
    with extra("sklearn"):
        from sklearn.decomposition import non_negative_factorization

    W, H, _ = non_negative_factorization(
        data.V, n_components=rank, solver=solver, max_iter=iterations, tol=0.0, random_state=0
    )
    return W, H.T


def iterations_until(residual_after: Callable[[int], float], target: float) -> int | None:
    """Return the fewest iterations after which a residual that falls is no larger than a target.

    Returns
    -------
    int, optional
        None if `LARGEST` of them do not suffice.
    """
    above, below = 0, 1
    while residual_after(below) > target:
        above, below = below, 2 * below
        if below > LARGEST:
            return None
    while below - above > 1:
        middle = (above + below) // 2
        above, below = (middle, below) if residual_after(middle) > target else (above, middle)
    return below


def _alternate(
    data: DenseData | SparseData,
    rank: int,
    iterations: int,
    seed: int,
    for_H: Solve,
    for_W: Solve,
) -> Factors:
    """Solve for H with W held fixed and the other way round, from the start of `amc.nmf`."""
    draw = np.random.default_rng(seed)
    W = draw.random((data.shape[0], rank)) * 2 * data.mean / rank
    H = np.zeros((data.shape[1], rank))
    for number in range(iterations):
        H = _alive(for_H(_alive(W, [seed, 2 * number])), [seed, 2 * number + 1])
        W = for_W(H)
    return W, H


def _alive(factor: Array, stream: list[int]) -> Array:
    """Give all-zero columns a new start, as `amc.nmf` does: only the constraint leaves any."""
    return reseed(factor, stream)[0] if factor.min() >= 0 else factor
