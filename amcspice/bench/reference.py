"""The reference of non-negative least squares: block pivoting, and a loop over scipy's nnls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from amcspice.bench.problems import regressions, scipy_nnls
from amcspice.bench.row import Row
from amcspice.bench.timing import side_by_side
from amcspice.problem import nonnegative_least_squares

__all__ = ["compare", "rows"]

NAME = "reference"
OURS, PEER = "block pivoting", "scipy nnls"
TOLERANCE = 1e-12
SHAPE, COUNT, QUICK_COUNT = (32, 8), 10_000, 500
WANTED_RATIO = 5.0


def rows(quick: bool) -> Iterator[Row]:
    """Yield the only case."""
    if quick:
        yield compare(*SHAPE, QUICK_COUNT, quick=True)
    else:
        yield compare(*SHAPE, COUNT, wanted_ratio=WANTED_RATIO)


def compare(
    m: int, n: int, count: int, *, quick: bool = False, wanted_ratio: float | None = None
) -> Row:
    """Solve the same regressions both ways."""
    matrix, b = regressions(m, n, count)
    vectors = np.ascontiguousarray(b.T)

    def ours() -> NDArray[np.float64]:
        return nonnegative_least_squares(matrix, vectors)

    def theirs() -> NDArray[np.float64]:
        return scipy_nnls(matrix, b).T

    ours()
    measured = side_by_side({OURS: ours, PEER: theirs}, quick=quick)
    expected = measured[PEER].answer
    return Row.of(
        NAME,
        f"{count} nnls regressions {m} x {n}",
        measured,
        ours=OURS,
        peer=PEER,
        deviation=float(np.abs(measured[OURS].answer - expected).max() / expected.max()),
        tolerance=TOLERANCE,
        headline=True,
        **({} if wanted_ratio is None else {"wanted_ratio": wanted_ratio}),
    )
