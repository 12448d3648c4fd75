"""Many nnls regressions with the behavioural engine, and a loop over scipy's nnls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import amcspice as amc
from amcspice.bench.problems import regressions, scipy_nnls
from amcspice.bench.row import NotRun, Row
from amcspice.bench.timing import on_processor, side_by_side

__all__ = ["behavioural_analysis", "compare", "rows"]

NAME = "behavioural"
OURS, PEER = "behavioural", "scipy nnls"
TOLERANCE = 1e-3
"""Deviation of the solutions, over the largest, that finite gain of amplifiers may cause."""

SHAPE, COUNT, QUICK_COUNT = (32, 8), 10_000, 500
WANTED_RATIO = 0.2
"""Waveforms may take five times as long as the bare solution."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the only case."""
    if quick:
        yield compare(*SHAPE, QUICK_COUNT, quick=True)
    else:
        yield compare(*SHAPE, COUNT, wanted_ratio=WANTED_RATIO)


def behavioural_analysis() -> amc.Analysis:
    """Return an analysis with the behavioural fidelity.

    Raises
    ------
    NotRun
        If this installation cannot do it.
    """
    options: dict[str, Any] = {"fidelity": "behavioural"}
    try:
        analysis = amc.Analysis(**options)
        amc.simulate(amc.CompactGINV([[1.0], [0.5]]), [1.0, 0.5], analysis=analysis)
    except (amc.InputError, ImportError) as reason:
        raise NotRun(f"no behavioural fidelity here ({reason})") from None
    return analysis


def compare(m: int, n: int, count: int, *, quick: bool = False, **more: Any) -> Row:
    """Solve the same regressions both ways; a first run of both compiles and loads.

    Raises
    ------
    NotRun
        If there is no behavioural engine.
    """
    analysis = behavioural_analysis()
    matrix, b = regressions(m, n, count)
    circuit = amc.CompactGINV(matrix, constraint=amc.NonNegative(hold=True))

    def ours(vectors: NDArray[np.float64]) -> amc.Run:
        return amc.simulate(circuit, vectors, analysis=analysis, keep_waveforms=False)

    ours(b[:, :10])
    scipy_nnls(matrix, b[:, :10])
    measured = side_by_side(
        {
            OURS: on_processor(lambda: ours(b)),
            PEER: on_processor(lambda: scipy_nnls(matrix, b)),
        },
        quick=quick,
    )
    run, expected = measured[OURS].answer, measured[PEER].answer
    return Row.of(
        NAME,
        f"{count} nnls regressions {m} x {n}",
        measured,
        ours=OURS,
        peer=PEER,
        deviation=float(np.abs(run.x - expected).max() / expected.max()),
        tolerance=TOLERANCE,
        note=f"{np.mean(run.settled):.2%} settled; processor time; both warmed up before",
        headline=True,
        **more,
    )
