"""Design answers: what errors are made of, which circuit to take, what its parts have to be."""

from amcspice.design.budget import ErrorBudget, Share
from amcspice.design.error_budget import error_budget, program_budget

__all__ = ["ErrorBudget", "Share", "error_budget", "program_budget"]
