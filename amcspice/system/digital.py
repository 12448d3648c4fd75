"""What a processor core of this machine takes for the same operation, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from threadpoolctl import threadpool_limits

from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.problem import nonnegative_least_squares, nonnegative_least_squares_rows
from amcspice.system.ledger import CALIBRATION, Ledger

__all__ = ["Digital", "digital_peer", "measure_digital"]

LONG_ENOUGH = 0.03
"""Processor time that a measurement takes at least [s]."""

BEST_OF = 3

PEERS = ("mvm", "inv", "lstsq", "nnls", "eig")
"""Problems that a digital peer is known of."""


@dataclass(frozen=True)
class Digital:
    """A digital peer, measured where it ran.

    Parameters
    ----------
    method : str
        What a careful user runs.
    time : float
        Of a right-hand side, processor time of one core [s].
    """

    method: str
    time: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"method": self.method, "time_s": self.time}


def measure_digital(
    problem: str,
    matrix: Array,
    *,
    count: int = 256,
    rows: int | None = None,
    ridge: float = 0.0,
    lasso: float = 0.0,
    seed: int = 0,
) -> Digital:
    """Measure what a right-hand side takes on one core; what depends on the matrix alone included.

    Parameters
    ----------
    problem : {"mvm", "inv", "lstsq", "nnls", "eig"}
    matrix : ndarray, shape (m, n)
    count : int
        Right-hand sides that share the matrix.
    rows : int, optional
        Of nnls: rows that each right-hand side selects for itself, as ratings do.
    ridge, lasso : float
        Of nnls.
    seed : int
        Of the right-hand sides.

    Raises
    ------
    InputError
        If nothing digital is known of the problem.

    Examples
    --------
    >>> import numpy as np
    >>> measure_digital("mvm", np.eye(8)).time < 1e-3
    True
    """
    draw = np.random.default_rng(seed)
    count = 1 if problem == "eig" else count
    inputs = matrix.shape[1] if problem == "mvm" else len(matrix)
    vectors = draw.random((count, inputs))

    def selected() -> Any:
        places = np.sort(draw.random((count, inputs)).argsort(axis=1)[:, :rows], axis=1)
        return scipy.sparse.csr_array(
            (draw.random(places.size), places.ravel(), np.arange(count + 1) * places.shape[1]),
            shape=vectors.shape,
        )

    solvers: dict[str, tuple[str, Callable[[], Any]]] = {
        "mvm": ("matrix product (BLAS)", lambda: vectors @ matrix.T),
        "inv": (
            "LU decomposition and triangular solutions (LAPACK)",
            lambda: scipy.linalg.lu_solve(scipy.linalg.lu_factor(matrix), vectors.T),
        ),
        "lstsq": (
            "least squares by singular values (LAPACK)",
            lambda: np.linalg.lstsq(matrix, vectors.T, rcond=None),
        ),
        "nnls": (
            "block principal pivoting, compiled",
            lambda: nonnegative_least_squares(matrix, vectors, ridge=ridge, lasso=lasso),
        ),
        "eig": ("symmetric eigenvectors (LAPACK)", lambda: np.linalg.eigh(matrix)),
    }
    if problem not in solvers:
        raise InputError(f"no digital peer of {problem} is known")
    method, solve = solvers[problem]
    if rows is not None and rows < len(matrix):
        known = selected()
        method += ", rows selected by each"

        def solve() -> Any:
            return nonnegative_least_squares_rows(matrix, known, ridge=ridge, lasso=lasso)

    with threadpool_limits(1):
        solve()
        rounds, taken = 1, 0.0
        while taken < LONG_ENOUGH:
            taken = min(_timed(solve, rounds) for _ in range(BEST_OF))
            rounds = rounds if taken >= LONG_ENOUGH else rounds * 4
    return Digital(method, taken / rounds / count)


def digital_peer(ledger: Ledger) -> Digital | None:
    """Measure what the operations of a ledger take digitally; None where no peer is known.

    It is that of the arrays that were asked most, with a generated matrix of their shape, as many
    right-hand sides a matrix as there were in the mean, and rows selected by each where the inputs
    that were driven say so.
    """
    rows = [
        (held, row)
        for held, row in ledger.sums("operation")
        if not held.kind.startswith(CALIBRATION) and held.kind in PEERS
    ]
    if not rows:
        return None
    held, row = max(rows, key=lambda pair: int(pair[1]["count"]))
    goes = int(row["count"] + row["repeats"])
    driven = max(round(int(row["dac"]) / goes), 1)
    written = sum(int(each["count"]) for _, each in ledger.sums("writing")) or 1
    count = max(round(sum(int(each["count"]) for _, each in rows) / written), 1)
    matrix = np.random.default_rng(0).random(held.shape)
    if held.kind in ("inv", "eig"):
        matrix = matrix + matrix.T + len(matrix) * np.eye(len(matrix))
    selects = held.kind == "nnls" and driven < held.shape[0]
    return measure_digital(
        held.kind, matrix, count=min(count, 4096), rows=driven if selects else None
    )


def _timed(solve: Callable[[], Any], rounds: int) -> float:
    started = time.process_time()
    for _ in range(rounds):
        solve()
    return time.process_time() - started
