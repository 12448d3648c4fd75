"""``amcspice solve inv`` by a program on a chip: in blocks and refined, or by iterations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amcspice.algorithm.block_solver import BlockSolver
from amcspice.algorithm.iterations.product_solver import ProductSolver
from amcspice.cli.block_options import solver_given
from amcspice.cli.common import Settings
from amcspice.cli.error_budget import budget_program, show_budget
from amcspice.cli.solve_blocks import solve_blocks
from amcspice.cli.solve_iterations import solve_iterations
from amcspice.errors import UnsupportedError

__all__ = ["choose_solver", "solve_system"]


def choose_solver(
    problem: str, chosen: Mapping[str, Any], **files: Any
) -> BlockSolver | ProductSolver:
    """Return the solver that options ask for.

    Parameters
    ----------
    problem : str
    chosen : mapping
        Parameters of solvers that were given.
    **files
        Options that a program on a chip does not go with; None is not given.

    Raises
    ------
    InputError, UnsupportedError
        If options do not fit together, or to the problem.
    """
    solver = solver_given(problem, chosen)
    named = [f"--{name}" for name, value in files.items() if value is not None]
    if named:
        raise UnsupportedError(f"{', '.join(named)}: not of a solution in blocks or by iterations")
    return solver


def solve_system(
    solver: BlockSolver | ProductSolver,
    matrix: Any,
    b: Any,
    settings: Settings,
    error_budget: bool,
    plot: Path | None,
) -> Any:
    """Solve, print, write the JSON and return the solution (n, K).

    Where there is none, the command leaves with exit code 1.

    Parameters
    ----------
    solver : BlockSolver or ProductSolver
    matrix : ndarray, shape (n, n)
    b : ndarray, shape (n, K)
    settings : Settings
    error_budget : bool
        Whether it is told which effect has what part in the error.
    plot : Path, optional
        Where these parts are drawn.
    """
    budget = budget_program(solver, matrix, b, settings) if error_budget else None
    more = {} if budget is None else {"error_budget": budget.to_json()}
    if isinstance(solver, BlockSolver):
        solution = solve_blocks(matrix, b, solver, settings, more)
    else:
        solution = solve_iterations(matrix, b, solver, settings, more)
    if budget is not None:
        show_budget(budget, plot, settings)
    return solution
