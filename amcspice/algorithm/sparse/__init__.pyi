from .preconditioner import AnalogPreconditioner, Coarse
from .recovery import (
    debiased,
    fista,
    least_squares_on,
    matching_pursuit,
)
from .sparse_solution import SparseSolution, solve_sparse

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
