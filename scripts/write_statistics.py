"""Writes models/technology/write-verify.json: what write-verify of the default cell takes.

    .venv/bin/python scripts/write_statistics.py [FILE]

Targets are 16 levels from 5 to 100 uS, drawn at random; cell, schedule and tolerance are those of
`amcspice program --levels 16`.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np

from amcspice.device import WriteVerify
from amcspice.device.draws import uniforms
from amcspice.programming import WriteStatistics, write_verify

FILE = Path(__file__).parents[1] / "models" / "technology" / "write-verify.json"
LEVELS, SHAPE = 16, (64, 64)


def measured(shape: tuple[int, int] = SHAPE, seed: int = 0) -> WriteStatistics:
    grid = np.linspace(5e-6, 100e-6, LEVELS)
    targets = grid[(uniforms(seed, "level", shape) * LEVELS).astype(int)]
    schedule = WriteVerify()
    tolerance = min(schedule.tolerance, (grid[1] - grid[0]) / 3)
    schedule = dataclasses.replace(schedule, tolerance=tolerance)
    return WriteStatistics.of(write_verify(targets, schedule=schedule, seed=seed), schedule)


if __name__ == "__main__":
    measured().save(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
