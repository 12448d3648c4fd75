"""Sparse systems by a preconditioned Krylov method, and sparse vectors from few equations."""

from amcspice.algorithm.sparse.preconditioner import AnalogPreconditioner, Coarse
from amcspice.algorithm.sparse.recovery import (
    debiased,
    fista,
    least_squares_on,
    matching_pursuit,
)
from amcspice.algorithm.sparse.sparse_solution import SparseSolution, solve_sparse

__all__ = [
    "AnalogPreconditioner",
    "Coarse",
    "SparseSolution",
    "debiased",
    "fista",
    "least_squares_on",
    "matching_pursuit",
    "solve_sparse",
]
