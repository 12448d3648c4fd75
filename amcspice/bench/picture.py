"""A picture in colour from end to end with the behavioural engine: a time by itself."""

from __future__ import annotations

from collections.abc import Iterator

from amcspice.bench.behavioural import behavioural_analysis
from amcspice.bench.problems import hubble
from amcspice.bench.row import Row
from amcspice.bench.timing import side_by_side
from amcspice.pool import usable_cores
from amcspice.workload import factorise_image

__all__ = ["measure", "rows"]

NAME = "picture"
OURS = "behavioural"
TOLERANCE = 0.02
"""Deviation of the relative residual from that of the digital twin."""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the only case; a small part of the picture with ``quick``."""
    height, width, iterations = (64, 96, 2) if quick else (468, 700, 8)
    yield measure(height, width, tile=32, rank=8, iterations=iterations)


def measure(rows: int, columns: int, *, tile: int, rank: int, iterations: int) -> Row:
    """Factorise a part of the Hubble deep field with a process a core.

    Raises
    ------
    NotRun
        If there is no behavioural engine.
    """
    analysis, jobs, picture = behavioural_analysis(), usable_cores(), hubble(rows, columns)
    measured = side_by_side(
        {
            OURS: lambda: factorise_image(
                picture, tile=tile, rank=rank, iterations=iterations, analysis=analysis, jobs=jobs
            )
        },
        quick=True,
    )
    result = measured[OURS].answer
    ours, twin = result.analog_score, result.digital_score
    return Row.of(
        NAME,
        f"nmf of {rows} x {columns} pixels in colour, {result.tiling.count} tiles, "
        f"rank {rank}, at most {iterations} iterations",
        measured,
        ours=OURS,
        tolerance=TOLERANCE,
        headline=True,
        deviation=abs(ours.relative_residual / twin.relative_residual - 1),
        note=f"{jobs} jobs; {ours.psnr_db:.2f} dB, digital twin {twin.psnr_db:.2f} dB; "
        "deviation: of the relative residual from the twin's",
    )
