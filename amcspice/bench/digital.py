"""What a processor takes for the work of the circuits, by what a careful user runs there.

Processor time of one thread.  Regressions have equal answers; factorisations run until they are as
good as those by alternating regressions, which circuits are compared with as their digital twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import nnls

from amcspice.algorithm.alternating.data import DenseData, SparseData
from amcspice.bench.alternating import (
    Factors,
    anls,
    iterations_until,
    masked_als,
    masked_anls,
    scikit_learn,
)
from amcspice.bench.problems import hubble, regressions, scipy_nnls, sparse_ratings
from amcspice.bench.row import Row
from amcspice.bench.timing import on_processor, side_by_side
from amcspice.problem import nonnegative_least_squares, nonnegative_least_squares_rows
from amcspice.workload.tiling import Picture, Tiling

__all__ = ["compare_dense", "compare_ratings", "compare_rows", "compare_tiles", "rows"]

NAME = "digital"
OURS, PEER = "block pivoting", "scipy nnls"
TOLERANCE = 1e-12
"""Of solutions."""
EQUAL = 0.02
"""Deviation of relative residuals: a solver stops at the first iteration that is as good."""

SHAPE, COUNT, QUICK_COUNT = (32, 8), 10_000, 500
RATINGS, QUICK_RATINGS = (943, 1682, 80_000), (94, 168, 2_000)
"""Users, items and ratings: MovieLens 100k without its test ratings, and a tenth each way."""
PICTURE, QUICK_PICTURE = (256, 256), (64, 64)
TILE, RANK, ITERATIONS, RIDGE = 32, 8, 8, 0.1
WANTED_DENSE, WANTED_ROWS = 5.0, 1.0


def rows(quick: bool) -> Iterator[Row]:
    """Yield regressions of dense tiles and of ratings, and factorisations of both."""
    yield compare_dense(*SHAPE, QUICK_COUNT if quick else COUNT, quick=quick)
    ratings = sparse_ratings(*(QUICK_RATINGS if quick else RATINGS))
    yield compare_rows(ratings, RANK, quick=quick)
    picture = hubble(*(QUICK_PICTURE if quick else PICTURE), grey=True)
    yield from compare_tiles(picture, TILE, RANK, ITERATIONS, quick=quick)
    yield compare_ratings(ratings, RANK, ITERATIONS, quick=quick)


def compare_dense(m: int, n: int, count: int, *, quick: bool = False) -> Row:
    """Solve regressions that share a matrix."""
    matrix, b = regressions(m, n, count)
    vectors = np.ascontiguousarray(b.T)
    return _regressions(
        f"{count} nnls regressions {m} x {n}",
        lambda: nonnegative_least_squares(matrix, vectors),
        lambda: scipy_nnls(matrix, b).T,
        quick,
        WANTED_DENSE,
    )


def compare_rows(ratings: sp.csr_array, n: int, *, quick: bool = False) -> Row:
    """Solve regressions that count some rows of a matrix each: a half-step for users."""
    matrix = np.random.default_rng(0).random((ratings.shape[1], n))

    def theirs() -> NDArray[np.float64]:
        cuts = zip(ratings.indptr[:-1], ratings.indptr[1:], strict=True)
        own = (slice(first, last) for first, last in cuts)
        return np.stack([nnls(matrix[ratings.indices[k]], ratings.data[k])[0] for k in own])

    return _regressions(
        f"{ratings.shape[0]} nnls regressions on {ratings.nnz} ratings, {n} unknowns",
        lambda: nonnegative_least_squares_rows(matrix, ratings),
        theirs,
        quick,
        WANTED_ROWS,
    )


def _regressions(
    case: str, ours: Callable[[], Any], theirs: Callable[[], Any], quick: bool, wanted: float
) -> Row:
    ours()
    measured = side_by_side({OURS: on_processor(ours), PEER: on_processor(theirs)}, quick=quick)
    expected = measured[PEER].answer
    return Row.of(
        NAME, case, measured, ours=OURS, peer=PEER, tolerance=TOLERANCE, headline=True,
        deviation=float(np.abs(measured[OURS].answer - expected).max() / expected.max()),
        note="processor time", **({} if quick else {"wanted_ratio": wanted}),
    )  # fmt: skip


def compare_tiles(
    picture: Picture, tile: int, rank: int, iterations: int, *, quick: bool = False
) -> Iterator[Row]:
    """Factorise the tiles of a picture, until scikit-learn's solvers are as good."""
    tiles = [DenseData(block) for block in Tiling(picture.shape, tile).split(picture)]
    case = f"nmf of {len(tiles)} tiles {tile} x {tile}, rank {rank}, {iterations} iterations"

    def by(solver: Literal["cd", "mu"]) -> Callable[[int], list[Factors]]:
        return lambda count: [scikit_learn(each, rank, count, solver) for each in tiles]

    for solver in ("cd", "mu"):
        yield _factorisations(
            case, tiles, iterations, quick,
            lambda count: [anls(each, rank, count) for each in tiles],
            f"scikit-learn {solver}", by(solver),
        )  # fmt: skip


def compare_ratings(
    ratings: sp.csr_array, rank: int, iterations: int, *, quick: bool = False
) -> Row:
    """Factorise ratings with constraint, and without until that is as good."""
    data = SparseData(ratings, ridge=RIDGE)
    users, items = ratings.shape
    return _factorisations(
        f"nmf of {ratings.nnz} ratings, {users} x {items}, rank {rank}, {iterations} iterations",
        [data], iterations, quick,
        lambda count: [masked_anls(data, rank, count)],
        "ALS without constraint", lambda count: [masked_als(data, rank, count)],
    )  # fmt: skip


def _factorisations(
    case: str,
    data: Sequence[DenseData | SparseData],
    iterations: int,
    quick: bool,
    ours: Callable[[int], list[Factors]],
    peer: str,
    theirs: Callable[[int], list[Factors]],
) -> Row:
    """Time a factorisation, and a peer until its residual is no larger."""

    def residual(factors: Sequence[Factors]) -> float:
        pairs = zip(data, factors, strict=True)
        missed = [each.relative_residual(*both) * each.norm for each, both in pairs]
        return float(np.linalg.norm(missed) / np.linalg.norm([each.norm for each in data]))

    target = residual(ours(iterations))
    count = iterations_until(lambda count: residual(theirs(count)), target)
    if count is None:
        return Row(
            comparison=NAME, case=case, ours=OURS, peer=peer, status="not run", headline=True,
            note=f"does not reach the relative residual {target:.4f}",
        )  # fmt: skip
    sides = {
        OURS: on_processor(lambda: ours(iterations)),
        peer: on_processor(lambda: theirs(count)),
    }
    measured = side_by_side(sides, quick=quick)
    found, reached = (residual(measured[name].answer) for name in (OURS, peer))
    return Row.of(
        NAME, case, measured, ours=OURS, peer=peer, tolerance=EQUAL, headline=True,
        deviation=abs(reached / found - 1),
        note=f"processor time; {peer}: {count} iterations to relative residual {reached:.4f}, "
        f"ours {found:.4f}; deviation: of relative residuals",
    )  # fmt: skip
