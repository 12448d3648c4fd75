"""``amcspice solve --error-budget``: which effect has what part in the error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from amcspice.algorithm.block_solver import BlockSolver
from amcspice.algorithm.iterations.product_solver import ProductSolver
from amcspice.cli.common import Settings
from amcspice.cli.progress import progress
from amcspice.design import ErrorBudget, error_budget, program_budget
from amcspice.errors import UnsupportedError
from amcspice.settings.assemble import hardware_of
from amcspice.simulation.solve import PosedProblem
from amcspice.system import Chip

__all__ = ["budget_circuit", "budget_program", "show_budget"]


def budget_circuit(posed: PosedProblem, settings: Settings) -> ErrorBudget:
    """Return the budget of a circuit's error at dc."""
    with progress(_STEPS, "circuits") as advance:
        return error_budget(
            posed.circuit, posed.vectors, analysis=settings.analysis.at_rest(), form=posed.form,
            seed=settings.seed, progress=advance,
        )  # fmt: skip


def budget_program(
    solver: BlockSolver | ProductSolver, matrix: Any, b: Any, settings: Settings
) -> ErrorBudget:
    """Return the budget of a solution in blocks or by iterations, at dc."""
    if settings.analysis.range != "reference":
        raise UnsupportedError("--range: chips of an error budget predict their ranges")

    def program(chip: Chip) -> Any:
        programmed = solver.program(chip, matrix, b, **settings.circuit_options)
        return programmed.solve(b).x

    with progress(_STEPS, "chips") as advance:
        return program_budget(
            program, np.linalg.solve(matrix, b), hardware_of(settings.given), seed=settings.seed,
            read_voltage=settings.analysis.read_voltage, progress=advance,
        )  # fmt: skip


_STEPS = 180
"""About how many circuits a budget takes: two for every effect and draw."""


def show_budget(budget: ErrorBudget, plot: Path | None, settings: Settings) -> None:
    """Print a budget, and draw it if that was asked for."""
    if str(settings.json) != "-":
        click.echo(f"error budget at dc: {budget}")
    for sentence in budget.cautions:
        click.echo(f"note: {sentence}", err=True)
    if plot is not None:
        from amcspice.view.budget import budget_bars
        from amcspice.view.style import save

        save(budget_bars(budget), plot)
