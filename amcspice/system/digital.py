"""What a processor core of this machine takes for the same operation, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from threadpoolctl import threadpool_limits

from amcspice.circuit import Circuit
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.problem import nonnegative_least_squares

__all__ = ["Digital", "measure_digital"]

LONG_ENOUGH = 0.05
"""Processor time that a measurement takes at least [s]."""

BEST_OF = 3


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


def _solvers(circuit: Circuit) -> dict[str, tuple[str, Callable[[Array], Any]]]:
    """Return what solves right-hand sides (K, m) of a matrix, by problem."""
    matrix = circuit.matrix
    ridge, lasso = getattr(circuit, "ridge", 0.0), getattr(circuit, "lasso", 0.0)

    def inverse(vectors: Array) -> Any:
        return scipy.linalg.lu_solve(scipy.linalg.lu_factor(matrix), vectors.T)

    def least_squares(vectors: Array) -> Any:
        return np.linalg.lstsq(matrix, vectors.T, rcond=None)

    def constrained(vectors: Array) -> Any:
        return nonnegative_least_squares(matrix, vectors, ridge=ridge, lasso=lasso)

    return {
        "mvm": ("matrix product (BLAS)", lambda vectors: vectors @ matrix.T),
        "inv": ("LU decomposition once, two triangular solutions (LAPACK)", inverse),
        "lstsq": ("least squares by singular values (LAPACK)", least_squares),
        "nnls": ("block principal pivoting, compiled", constrained),
        "eig": ("symmetric eigenvectors (LAPACK)", lambda vectors: np.linalg.eigh(matrix)),
    }


def measure_digital(problem: str, circuit: Circuit, count: int = 256, seed: int = 0) -> Digital:
    """Measure what a right-hand side takes on one core, the matrix decomposed anew for all.

    Parameters
    ----------
    problem : str
    circuit : Circuit
        Its matrix, ridge and L1 term.
    count : int
        Right-hand sides that share a matrix.
    seed : int
        Of the right-hand sides.

    Raises
    ------
    InputError
        If nothing digital is known of the problem.
    """
    solvers = _solvers(circuit)
    if circuit.problem not in solvers:
        raise InputError(f"no digital peer of {problem} is known")
    method, solve = solvers[circuit.problem]
    count = 1 if circuit.problem == "eig" else count
    vectors = np.random.default_rng(seed).random((count, circuit.input_size))
    with threadpool_limits(1):
        solve(vectors)
        rounds, taken = 1, 0.0
        while taken < LONG_ENOUGH:
            taken = min(_timed(solve, vectors, rounds) for _ in range(BEST_OF))
            rounds = rounds if taken >= LONG_ENOUGH else rounds * 2
    return Digital(method, taken / rounds / count)


def _timed(solve: Callable[[Array], Any], vectors: Array, rounds: int) -> float:
    started = time.process_time()
    for _ in range(rounds):
        solve(vectors)
    return time.process_time() - started
