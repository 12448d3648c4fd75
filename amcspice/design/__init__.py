"""Design answers: what errors are made of, which circuit to take, what its parts have to be."""

from amcspice.design.answers import Answer, Requirement, Requirements
from amcspice.design.budget import ErrorBudget, Share
from amcspice.design.compare import Candidate, CircuitComparison, compare
from amcspice.design.error_budget import error_budget, program_budget
from amcspice.design.margin import StabilityMargin, stability_margin
from amcspice.design.require import require

__all__ = [
    "Answer",
    "Candidate",
    "CircuitComparison",
    "ErrorBudget",
    "Requirement",
    "Requirements",
    "Share",
    "StabilityMargin",
    "compare",
    "error_budget",
    "program_budget",
    "require",
    "stability_margin",
]
