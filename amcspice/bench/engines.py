"""Every fidelity that simulates, over the size of a regression, and a loop over scipy's nnls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import amcspice as amc
from amcspice.bench.problems import regressions, scipy_nnls
from amcspice.bench.row import Row
from amcspice.bench.timing import on_processor, side_by_side

__all__ = ["compare", "rows"]

NAME = "engines"
PEER = "scipy nnls"
TOLERANCE = 1e-3
"""Deviation of the solutions, over the largest, that finite gain of amplifiers may cause."""

ROWS = 4
"""Rows of a regression for each unknown."""

COUNT, QUICK_COUNT = 16, 2
SIZES, QUICK_SIZES = (4, 8, 16, 32, 64), (2, 4)
LARGEST = {"flat": 16, "reduced": 32}
"""Unknowns up to which an engine is run: beyond, a row takes minutes."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each fidelity and size."""
    engines = [name for name, backend in amc.BACKENDS.items() if backend.simulates]
    for n in QUICK_SIZES if quick else SIZES:
        fitting = [name for name in engines if n <= LARGEST.get(name, n)]
        yield from compare(n, QUICK_COUNT if quick else COUNT, fitting, quick=quick)


def compare(n: int, count: int, engines: Sequence[str], *, quick: bool = False) -> Iterator[Row]:
    """Solve the same regressions with each engine, interleaved; wires are ideal."""
    matrix, b = regressions(ROWS * n, n, count)
    circuit = amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=True))

    def solved(engine: str) -> Callable[[], Any]:
        return lambda: amc.simulate(circuit, b, fidelity=engine, keep_waveforms=False)

    sides = {engine: solved(engine) for engine in engines}
    for warm_up in sides.values():
        warm_up()
    sides[PEER] = lambda: scipy_nnls(matrix, b)
    measured = side_by_side({name: on_processor(side) for name, side in sides.items()}, quick=quick)
    expected = measured[PEER].answer
    for engine in engines:
        yield Row.of(
            NAME,
            f"{count} nnls regressions {ROWS * n} x {n}, {engine}",
            measured,
            ours=engine,
            peer=PEER,
            deviation=float(np.abs(measured[engine].answer.x - expected).max() / expected.max()),
            tolerance=TOLERANCE,
            note="processor time",
            size=float(n),
        )
