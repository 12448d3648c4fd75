"""Ratings for tests: MovieLens 100k where it is at hand, else a generated set of low rank."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from amcspice.workload.ratings import RatingTable, read_ratings

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
MOVIELENS = Path(os.environ.get("AMCSPICE_DATA", BESIDE)) / "ml-100k"


def generated(users=40, items=30, rank=2, share=0.5, seed=0, noise=0.3):
    """Return training and held-out ratings from 1 to 5 of a matrix of low rank."""
    draw = np.random.default_rng(seed)
    W, H = draw.random((users, rank)), draw.random((rank, items))
    true = 1 + 4 * (W @ H) / (W @ H).max() + noise * draw.standard_normal((users, items))
    values = np.clip(np.rint(true), 1, 5)
    fate = draw.random((users, items))
    tables = []
    for known in (fate < share, (fate >= share) & (fate < share + 0.1)):
        at, to = np.nonzero(known)
        tables.append(RatingTable(at + 1, 10 * (to + 1), values[known]))
    return tables


def movielens():
    """Return training and held-out ratings: u1, or a generated set of another size."""
    if not MOVIELENS.is_dir():
        return generated(120, 80, rank=4, share=0.3)
    return [read_ratings(MOVIELENS / name) for name in ("u1.base", "u1.test")]


def write(path, table, separator="\t"):
    """Write ratings as a text file."""
    rows = zip(table.users, table.items, table.values, strict=True)
    path.write_text("".join(separator.join(f"{v:g}" for v in row) + "\n" for row in rows))
