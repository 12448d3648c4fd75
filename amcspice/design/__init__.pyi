from .answers import Answer, Requirement, Requirements
from .budget import ErrorBudget, Share
from .compare import Candidate, CircuitComparison, compare
from .error_budget import error_budget, program_budget
from .margin import StabilityMargin, stability_margin
from .require import require

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
