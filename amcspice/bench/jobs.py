"""A small picture factorised through ngspice by two processes and by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from amcspice.bench.problems import hubble
from amcspice.bench.row import NotRun, Row
from amcspice.bench.timing import side_by_side
from amcspice.pool import Pool, usable_cores
from amcspice.workload import ImageFactorisation, factorise_image

__all__ = ["compare", "rows"]

NAME = "jobs"
OURS, PEER = "two jobs", "one job"
TOLERANCE = 0.0
"""The number of jobs changes no result."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the only case."""
    if quick:
        yield compare(48, tile=16, rank=4, iterations=2, quick=True)
    else:
        yield compare(128, tile=32, rank=8, iterations=3)


def compare(side: int, *, tile: int, rank: int, iterations: int, quick: bool = False) -> Row:
    """Factorise a square grey picture again and again, with processes that have started.

    Raises
    ------
    NotRun
        If there is one core only.
    """
    if usable_cores() < 2:
        raise NotRun("two jobs need two cores, and there is one")
    picture = hubble(side, side, grey=True)
    load = os.getloadavg()[0]

    def factorise(jobs: int | Pool) -> Callable[[], ImageFactorisation]:
        options: dict[str, Any] = {"tile": tile, "rank": rank, "iterations": iterations}
        return lambda: factorise_image(picture, jobs=jobs, tolerance=0.0, **options)

    with Pool(2) as pool:
        for warm_up in (1, pool):
            factorise_image(picture[:8, :8], jobs=warm_up, tile=4, rank=1, iterations=1)
        measured = side_by_side({OURS: factorise(pool), PEER: factorise(1)}, quick=quick)
    ours, peer = measured[OURS].answer, measured[PEER].answer
    return Row.of(
        NAME,
        f"nmf, {side} x {side} pixels, {iterations} iterations",
        measured,
        ours=OURS,
        peer=PEER,
        tolerance=TOLERANCE,
        deviation=float(np.abs(ours.analog - peer.analog).max()),
        note=f"processes and simulators started before; load average {load:.1f} before",
        headline=True,
    )
