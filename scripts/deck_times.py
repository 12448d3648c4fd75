"""Measure what decks take inside ngspice, and fill the table of docs/fidelities.md.

Every circuit is run with the deck that is chosen for it and with every output and limit in the
deck, in turns.  With a file of ratings, such as MovieLens' u1.base, the regressions of forty users
on a factor of rank 8 are measured instead, and printed.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import numpy as np
from update_readme import fill, table

import amcspice as amc
from amcspice.algorithm.alternating.data import SparseData
from amcspice.bench.alternating import masked_anls
from amcspice.engine import get_simulator
from amcspice.netlist.core import Core
from amcspice.problem import make_circuit
from amcspice.workload.ratings import Ratings, read_ratings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fidelities.md"
TURNS = 5
"""The least of the times counts: what others do on the machine only adds to it."""

HOLD, FLOOR = amc.NonNegative(hold=True), amc.NonNegative(hold=False)
USERS, RANK, RIDGE = 40, 8, 0.1


class Clock:
    """Adds up the processor time of every run of the simulator."""

    def __init__(self):
        self.seconds, self.decks = 0.0, 0
        kind = type(get_simulator())
        run = kind.run

        def timed(simulator, *args, **options):
            started = time.process_time()
            try:
                return run(simulator, *args, **options)
            finally:
                self.seconds += time.process_time() - started
                self.decks += 1

        kind.run = timed

    def of(self, work):
        """Return the processor time inside the simulator [s] and what the work gave."""
        self.seconds = 0.0
        return work(), self.seconds


@contextlib.contextmanager
def whole_decks(*, wanted):
    """Leave nothing out of decks, if that is wanted."""
    chosen = Core.__dict__["of"]
    if wanted:
        Core.of = classmethod(lambda *_: None)
    try:
        yield
    finally:
        Core.of = chosen


def circuits():
    """Yield name, circuit and right-hand sides."""
    for name, topology, shape, count, options in (
        ("inv", "inv", (16, 16), 8, {}),
        ("least squares", "ginv-classic", (8, 4), 8, {}),
        ("least squares", "ginv-compact", (32, 8), 16, {}),
        ("nnls, floor", "ginv-compact", (32, 8), 16, {"constraint": FLOOR}),
        ("nnls, hold", "ginv-compact", (32, 8), 16, {"constraint": HOLD}),
        ("nnls, hold", "ginv-compact", (64, 16), 8, {"constraint": HOLD}),
        ("nnls, hold", "ginv-compact", (64, 32), 4, {"constraint": HOLD}),
    ):
        draw = np.random.default_rng(0)
        A = draw.random(shape) + (shape[1] / 2 * np.eye(*shape) if topology == "inv" else 0)
        b = A @ np.maximum(draw.standard_normal((shape[1], count)), 0)
        b += 0.1 * draw.standard_normal(b.shape) * (topology != "inv")
        circuit = amc.CIRCUITS[topology](A, **options)
        yield f"{name}, {topology} {shape[0]} x {shape[1]}", [(circuit, b)]


def regressions(path):
    """Return the circuits of some users' regressions, each with its right-hand side."""
    known = Ratings.of(read_ratings(path)).matrix
    _, H = masked_anls(SparseData(known, ridge=RIDGE), RANK, 3)
    cases = []
    for user in np.random.default_rng(0).permutation(known.shape[0])[:USERS]:
        part = slice(known.indptr[user], known.indptr[user + 1])
        order = np.argsort(known.indices[part])
        lines, values = known.indices[part][order], known.data[part][order]
        ridge = RIDGE * len(values)
        cases.append((make_circuit("nnls", H[lines], scaling="columns", ridge=ridge), values))
    return cases


def compare(clock, cases):
    """Return right-hand sides, seconds of whole and chosen decks for each, and how far apart."""
    least, runs = [np.inf, np.inf], [[], []]
    for _ in range(TURNS):
        for number, wanted in enumerate((True, False)):
            with whole_decks(wanted=wanted):
                runs[number], seconds = clock.of(
                    lambda: [amc.simulate(circuit, b) for circuit, b in cases]
                )
            least[number] = min(least[number], seconds)
    whole, chosen = runs
    count = sum(np.size(run.settling_time) for run in chosen)
    solutions = max(
        np.abs(one.x - other.x).max() / np.abs(one.x).max()
        for one, other in zip(whole, chosen, strict=True)
    )
    settling = max(
        np.abs(other.settling_time / one.settling_time - 1).max()
        for one, other in zip(whole, chosen, strict=True)
    )
    return count, *(seconds / count for seconds in least), solutions, settling


def main(names):
    clock = Clock()
    given = [(Path(name).name, regressions(Path(name))) for name in names]
    rows = []
    for name, cases in given or circuits():
        count, whole, chosen, solutions, settling = compare(clock, cases)
        rows.append((
            name, f"{count}", f"{whole * 1e3:.2g} ms", f"{chosen * 1e3:.2g} ms",
            f"{chosen / whole:.2f}", f"{solutions:.0e}", f"{settling:.0e}",
        ))  # fmt: skip
    head = ("circuit", "right-hand sides", "whole", "chosen", "ratio", "solutions apart",
            "settling apart")  # fmt: skip
    text = table(head, rows)
    if given:
        print(text)
    else:
        fill(PAGE, "decks", text)


if __name__ == "__main__":
    main(sys.argv[1:])
