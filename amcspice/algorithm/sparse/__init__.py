"""Sparse systems: analog blocks as the preconditioner of a digital Krylov method."""

from amcspice.algorithm.sparse.preconditioner import AnalogPreconditioner, Coarse
from amcspice.algorithm.sparse.sparse_solution import SparseSolution, solve_sparse

__all__ = ["AnalogPreconditioner", "Coarse", "SparseSolution", "solve_sparse"]
