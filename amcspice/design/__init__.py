"""Design answers: what errors are made of, which circuit to take, what its parts have to be."""

from amcspice.design.budget import ErrorBudget, Share
from amcspice.design.compare import Candidate, CircuitComparison, compare
from amcspice.design.error_budget import error_budget, program_budget
from amcspice.design.margin import StabilityMargin, stability_margin

__all__ = [
    "Candidate",
    "CircuitComparison",
    "ErrorBudget",
    "Share",
    "StabilityMargin",
    "compare",
    "error_budget",
    "program_budget",
    "stability_margin",
]
