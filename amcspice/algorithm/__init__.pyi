from .alternating import (
    DenseData,
    Factorisation,
    FactorisationTask,
    Iteration,
    SparseData,
    complete,
    nmf,
    nmf_many,
)
from .block_inverse import BlockInverse, BlockPhase, Comparison, Counts, Schedule
from .block_solver import BlockForecast, BlockSolver
from .curvature import AnalogInverse, CurvatureInverse, ExactInverse
from .iterations import Iterated, ProductSolver, iterate
from .low_rank import LowRank, LowRankPlan
from .refinement import (
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
from .sparse import (
    AnalogPreconditioner,
    Coarse,
    SparseSolution,
    solve_sparse,
)
from .system import Point, System

__all__ = [
    "AnalogInverse",
    "AnalogPreconditioner",
    "BlockForecast",
    "BlockInverse",
    "BlockPhase",
    "BlockSolver",
    "Coarse",
    "Comparison",
    "CompensatedProduct",
    "Counts",
    "CurvatureInverse",
    "DenseData",
    "ExactInverse",
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
