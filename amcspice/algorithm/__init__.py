"""Algorithms: programs on a chip, and alternating least squares over dense and sparse data."""

from amcspice.algorithm.anls import nmf_many
from amcspice.algorithm.block_inverse import BlockInverse, BlockPhase, Comparison, Counts, Schedule
from amcspice.algorithm.block_solver import BlockForecast, BlockSolver
from amcspice.algorithm.data import DenseData, SparseData
from amcspice.algorithm.factorisation import Factorisation, Iteration
from amcspice.algorithm.factorise import complete, nmf
from amcspice.algorithm.iterated import Iterated
from amcspice.algorithm.iteration import iterate
from amcspice.algorithm.low_rank import LowRank, LowRankPlan
from amcspice.algorithm.preconditioner import AnalogPreconditioner, Coarse
from amcspice.algorithm.product_solver import ProductSolver
from amcspice.algorithm.refinement import (
    CompensatedProduct,
    ExactProduct,
    Forecast,
    Refined,
    SlicedProduct,
    Slicing,
    forecast,
    refine,
    rehearse,
    slices_for,
)
from amcspice.algorithm.sparse_solution import SparseSolution, solve_sparse
from amcspice.algorithm.system import Point, System
from amcspice.algorithm.task import FactorisationTask

__all__ = [
    "AnalogPreconditioner",
    "BlockForecast",
    "BlockInverse",
    "BlockPhase",
    "BlockSolver",
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
    "LowRank",
    "LowRankPlan",
    "Point",
    "ProductSolver",
    "Refined",
    "Schedule",
    "SlicedProduct",
    "Slicing",
    "SparseData",
    "SparseSolution",
    "System",
    "complete",
    "forecast",
    "iterate",
    "nmf",
    "nmf_many",
    "refine",
    "rehearse",
    "slices_for",
    "solve_sparse",
]
