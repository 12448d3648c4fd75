"""Algorithms: programs on a chip, and alternating least squares over dense and sparse data."""

from amcspice.algorithm.alternating import (
    DenseData,
    Factorisation,
    FactorisationTask,
    Iteration,
    SparseData,
    complete,
    nmf,
    nmf_many,
)
from amcspice.algorithm.block_inverse import BlockInverse, BlockPhase, Comparison, Counts, Schedule
from amcspice.algorithm.block_solver import BlockForecast, BlockSolver
from amcspice.algorithm.iterations import Iterated, ProductSolver, iterate
from amcspice.algorithm.low_rank import LowRank, LowRankPlan
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
from amcspice.algorithm.sparse import (
    AnalogPreconditioner,
    Coarse,
    SparseSolution,
    solve_sparse,
)
from amcspice.algorithm.system import Point, System

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
