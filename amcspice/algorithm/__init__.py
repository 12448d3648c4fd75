"""Algorithms: alternating non-negative least squares over dense, masked and sparse data."""

from amcspice.algorithm.anls import nmf_many
from amcspice.algorithm.block_inverse import BlockInverse, BlockPhase, Comparison, Counts, Schedule
from amcspice.algorithm.data import DenseData, SparseData
from amcspice.algorithm.factorisation import Factorisation, Iteration
from amcspice.algorithm.factorise import complete, nmf
from amcspice.algorithm.iteration import Iterated, iterate
from amcspice.algorithm.preconditioner import AnalogPreconditioner, Coarse
from amcspice.algorithm.refinement import (
    CompensatedProduct,
    ExactProduct,
    Forecast,
    Refined,
    forecast,
    refine,
)
from amcspice.algorithm.sparse_solution import SparseSolution, solve_sparse
from amcspice.algorithm.task import FactorisationTask

__all__ = [
    "AnalogPreconditioner",
    "BlockInverse",
    "BlockPhase",
    "Coarse",
    "Comparison",
    "CompensatedProduct",
    "Counts",
    "DenseData",
    "ExactProduct",
    "Factorisation",
    "FactorisationTask",
    "Forecast",
    "Iterated",
    "Iteration",
    "Refined",
    "Schedule",
    "SparseData",
    "SparseSolution",
    "complete",
    "forecast",
    "iterate",
    "nmf",
    "nmf_many",
    "refine",
    "solve_sparse",
]
