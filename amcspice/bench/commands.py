"""Whole commands, from the start of the process to the file of results, as processor time.

Nothing is warm but the disk: each run is a process of its own, which imports what it uses.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.bench.problems import regressions, scipy_nnls, sparse_ratings
from amcspice.bench.row import Row
from amcspice.bench.timing import of_commands, on_processor, side_by_side
from amcspice.errors import SimulationError

__all__ = ["compare_ratings", "compare_regressions", "compare_small", "compare_start", "rows"]

NAME = "commands"
TOLERANCE = 1e-3
"""Deviation of the solutions, over the largest, that finite gain of amplifiers may cause."""

COUNT, QUICK_COUNT = 10_000, 500
RATINGS, QUICK_RATINGS = (943, 1682, 74_500), (40, 60, 800)
TWIN = 0.05
"""Deviation of the training error from that of the digital twin."""

WANTED_RATIO = 1 / 12
"""A command may take twelve times as long as a loop over scipy's nnls."""

WANTED_SMALL = 0.9
WANTED_RATINGS = {"behavioural": 10.0, "dc": 5.0}
"""Of a quiet machine [s]."""

NOTE = "processor time of the whole process"

SCIPY = """
import json, sys
import numpy as np
from scipy.optimize import nnls
A, b = (np.loadtxt(name, delimiter=",") for name in sys.argv[1:3])
with open(sys.argv[3], "w") as file:
    json.dump({"solution": [nnls(A, b)[0].tolist()]}, file)
"""
START = """
import json, sys
import numpy as np
import amcspice as amc
A, b = (np.loadtxt(name, delimiter=",") for name in sys.argv[1:3])
with open(sys.argv[3], "w") as file:
    json.dump({"solution": [amc.solve("nnls", A, b, fidelity="dc").x.tolist()]}, file)
"""

Array = NDArray[np.float64]


def rows(quick: bool) -> Iterator[Row]:
    """Yield many regressions, one, the start of the library, and ratings at two fidelities."""
    count = QUICK_COUNT if quick else COUNT
    yield compare_regressions(32, 8, count, quick=quick)
    yield compare_small(quick=quick)
    yield compare_start(quick=quick)
    for fidelity in WANTED_RATINGS:
        shape = QUICK_RATINGS if quick else RATINGS
        yield compare_ratings(*shape, fidelity=fidelity, quick=quick)


def compare_regressions(m: int, n: int, count: int, *, quick: bool = False) -> Row:
    """Solve regressions by a command that writes JSON, and by a loop over scipy's nnls alone."""
    matrix, b = regressions(m, n, count)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "A.npy", matrix)
        np.save(place / "B.npy", b)
        ours = _command(
            place, "solve", "nnls", "--matrix", "A.npy", "--rhs", "B.npy", "--hold",
            "--fidelity", "behavioural", "--json", "run.json",
        )  # fmt: skip
        return _row(
            f"solve nnls, {count} right-hand sides {m} x {n}, JSON",
            "behavioural",
            lambda: _solution(ours()),
            "scipy nnls, the loop alone",
            on_processor(lambda: scipy_nnls(matrix, b)),
            quick=quick,
            wanted_ratio=None if quick else WANTED_RATIO,
        )


def compare_small(*, quick: bool = False) -> Row:
    """Solve one regression of two unknowns in ngspice by a command, and by a program with scipy."""
    with tempfile.TemporaryDirectory() as folder:
        place = _small(Path(folder))
        ours = _command(
            place, "solve", "nnls", "--matrix", "A.csv", "--rhs", "b.csv", "--json", "run.json"
        )
        return _row(
            "solve nnls 3 x 2, JSON",
            "ngspice",
            lambda: _solution(ours()),
            "scipy nnls, a program",
            of_commands(lambda: _solution(_program(place, SCIPY))),
            quick=quick,
            wanted_s=WANTED_SMALL,
        )


def compare_start(*, quick: bool = False) -> Row:
    """Import amcspice and solve one regression at rest, and with scipy."""
    with tempfile.TemporaryDirectory() as folder:
        place = _small(Path(folder))
        return _row(
            "cold start: import, solve nnls 3 x 2",
            "dc",
            lambda: _solution(_program(place, START)),
            "scipy nnls, a program",
            of_commands(lambda: _solution(_program(place, SCIPY))),
            quick=quick,
        )


def compare_ratings(
    users: int, items: int, count: int, *, fidelity: str, quick: bool = False
) -> Row:
    """Factorise ratings, as many as in a published set; a time by itself."""
    known = sparse_ratings(users, items, count).tocoo()
    triples = np.stack([*known.coords, known.data], axis=1).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.savetxt(place / "ratings.tsv", triples, fmt="%d", delimiter="\t")
        ours = _command(
            place, "nmf", "ratings", "ratings.tsv", "--fidelity", fidelity, "--overwrite",
            "--json", "run.json",
        )  # fmt: skip
        name = f"{fidelity}, all processes"
        measured = side_by_side({name: of_commands(ours)}, quick=quick)
    run = measured[name].answer
    return Row.of(
        NAME,
        f"nmf ratings, {known.nnz} of {users} x {items}, rank 8, 8 iterations",
        measured,
        ours=name,
        deviation=abs(run["rmse_train"] / run["digital"]["rmse_train"] - 1),
        tolerance=TWIN,
        note=f"{NOTE}; deviation: of the training error from the digital twin's",
        headline=True,
        wanted_s=None if quick else WANTED_RATINGS[fidelity],
    )


def _row(
    case: str,
    ours: str,
    our_side: Callable[[], Array],
    peer: str,
    peer_side: Callable[[], Any],
    *,
    quick: bool,
    **more: Any,
) -> Row:
    measured = side_by_side({ours: of_commands(our_side), peer: peer_side}, quick=quick)
    x, expected = measured[ours].answer, measured[peer].answer
    return Row.of(
        NAME,
        case,
        measured,
        ours=ours,
        peer=peer,
        deviation=float(np.abs(x - expected).max() / np.abs(expected).max()),
        tolerance=TOLERANCE,
        note=NOTE,
        headline=True,
        **more,
    )


def _small(place: Path) -> Path:
    matrix, b = regressions(3, 2)
    np.savetxt(place / "A.csv", matrix, delimiter=",")
    np.savetxt(place / "b.csv", b, delimiter=",")
    return place


def _command(place: Path, *arguments: str) -> Callable[[], Any]:
    """Return a side that runs a command in a folder and returns its JSON."""
    return lambda: _run(place, "-m", "amcspice", *arguments)


def _program(place: Path, text: str) -> Any:
    return _run(place, "-c", text, "A.csv", "b.csv", "run.json")


def _run(place: Path, *arguments: str) -> Any:
    process = subprocess.run(
        [sys.executable, *arguments], cwd=place, capture_output=True, text=True, check=False
    )
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        name = " ".join(arguments[1:3]) if arguments[0] == "-m" else "the program"
        raise SimulationError(f"{name} ended with exit code {process.returncode}: {last}")
    return json.loads((place / "run.json").read_text())


def _solution(run: Any) -> Array:
    """Return the solutions that a run wrote, shape (n, K)."""
    return np.array(run["solution"], dtype=float).T
