"""A large synthetic table of ratings, streamed from disk through the behavioural engine.

Generates ratings of low rank (1,000,000 users, 10,000 items, 10,000,000 ratings by default),
writes them to a folder by user and by item, and solves half-steps of the masked factorisation:
the whole one for the items, whose factor has a word line for every user, and as many regressions
of the one for the users as asked for.  Prints rates and the largest memory of every process.

    scripts/large_ratings.py --folder /tmp/ratings --jobs 2
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.sparse as sp

import amcspice as amc
from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.block import solve
from amcspice.algorithm.alternating.data import stored_rows
from amcspice.algorithm.alternating.regression import DigitalSolver, HalfStep
from amcspice.pool import Pool
from amcspice.workload.rating_store import open_rating_store, write_rating_store

TRUE_RANK, RATED, BLOCK = 4, 10, 50_000
"""Rank of the truth; ratings of each user, one in each of as many groups of items; users that are
generated at a time."""

RIDGE = 0.1


class Synthetic:
    """Blocks of users with their ratings from 1 to 5; the same every time they are gone through."""

    def __init__(self, users: int, items: int, seed: int) -> None:
        self.users, self.items, self.seed = users, items // RATED * RATED, seed
        self.truth = np.random.default_rng(seed).random((self.items, TRUE_RANK))

    def __iter__(self) -> Iterator[sp.csr_array]:
        group = self.items // RATED
        for first in range(0, self.users, BLOCK):
            count = min(BLOCK, self.users - first)
            draw = np.random.default_rng([self.seed, first])
            rated = draw.integers(group, size=(count, RATED)) + group * np.arange(RATED)
            taste = draw.random((count, TRUE_RANK)) * 2 / TRUE_RANK
            exact = 1 + 4 * np.einsum("ur,ukr->uk", taste, self.truth[rated])
            noisy = exact + 0.3 * draw.standard_normal(exact.shape)
            values = np.clip(np.rint(noisy), 1, 5).astype(np.float32)
            starts = RATED * np.arange(count + 1)
            yield sp.csr_array((values.ravel(), rated.ravel(), starts), shape=(count, self.items))


def memory(who: int) -> float:
    """Return the largest resident memory so far [GB]; of children, of the largest one."""
    return resource.getrusage(who).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for the ratings")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--some-users", type=int, default=20_000, help="regressions of users")
    parser.add_argument("--some-items", type=int, help="regressions of items [all]")
    parser.add_argument("--array-rows", type=int, default=1024)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    blocks = Synthetic(options.users, options.items, seed=0)
    write_rating_store(options.folder, blocks, (options.users, blocks.items))
    by_user, by_item = open_rating_store(options.folder)
    say(step="written", ratings=by_user.nnz, seconds=time.perf_counter() - started)
    draw = np.random.default_rng(0)
    W = draw.random((options.users, options.rank)) * 6 / options.rank
    with Pool(options.jobs) as pool:
        parameters = {"array_rows": options.array_rows}
        H = half_step("items", W, by_item[: options.some_items], 0, parameters, pool)
        if len(H) == blocks.items:
            half_step("users", H, by_user[: options.some_users], 1, parameters, pool)
    say(step="done", seconds=time.perf_counter() - started,
        memory_gb=memory(resource.RUSAGE_SELF),
        memory_of_a_process_gb=memory(resource.RUSAGE_CHILDREN))  # fmt: skip


def half_step(
    what: str, factor: np.ndarray, ratings: sp.csr_array, cycle: int, parameters: dict[str, int],
    pool: Pool,
) -> np.ndarray:  # fmt: skip
    """Solve for one factor, compare with its digital twin, and say what it took."""

    def regressions() -> list[HalfStep]:
        return [
            HalfStep(
                factor,
                stored_rows(ratings, RIDGE),
                ratings.shape[0],
                cycle,
                parameters=parameters,
                separate=True,
            )
        ]

    began = time.perf_counter()
    (analog,) = solve(regressions(), AnalogSolver(amc.Analysis(fidelity="behavioural")), pool)
    seconds = time.perf_counter() - began
    (digital,) = solve(regressions(), DigitalSolver(), pool)
    error = np.linalg.norm(analog.values - digital.values) / np.linalg.norm(digital.values)
    say(step=what, word_lines=len(factor), regressions=len(analog.measured.settled),
        ratings=ratings.nnz, settled=int(analog.measured.settled.sum()), seconds=seconds,
        a_second=len(analog.measured.settled) / seconds, relative_error=float(error),
        settling_time_median_s=float(np.nanmedian(analog.measured.settling_time)),
        memory_gb=memory(resource.RUSAGE_SELF))  # fmt: skip
    return analog.values


def say(**figures: object) -> None:
    """Print figures as one line of JSON."""
    shown = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps(shown), flush=True)


if __name__ == "__main__":
    main()
