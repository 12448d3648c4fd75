"""Problems: what is asked, its ideal answer, and the circuit that takes it by default."""

from amcspice.problem.accuracy import relative_error, relative_size
from amcspice.problem.base import Problem
from amcspice.problem.choice import PROBLEMS, make_circuit, problem_of
from amcspice.problem.form import CircuitForm
from amcspice.problem.least_squares import unconstrained_least_squares
from amcspice.problem.nonnegative import (
    nonnegative_least_squares,
    nonnegative_least_squares_rows,
)

__all__ = [
    "PROBLEMS",
    "CircuitForm",
    "Problem",
    "make_circuit",
    "nonnegative_least_squares",
    "nonnegative_least_squares_rows",
    "problem_of",
    "relative_error",
    "relative_size",
    "unconstrained_least_squares",
]
