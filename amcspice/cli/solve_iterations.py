"""``amcspice solve inv --iterate``: with products of the programmed matrix alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.algorithm.iterations.iterated import Iterated
from amcspice.algorithm.iterations.product_solver import ProductSolver
from amcspice.cli.block_options import make_chip
from amcspice.cli.common import Settings
from amcspice.cli.progress import activity
from amcspice.cli.system_content import plain_solution
from amcspice.errors import caution, counted

__all__ = ["solve_iterations"]

SHOWN = 24
"""Iterations in the table, the last ones."""


def solve_iterations(
    matrix: Any, b: Any, solver: ProductSolver, settings: Settings, more: Mapping[str, Any]
) -> Any:
    """Solve, print, write the JSON with what there is more, and return the solution (n, K).

    Where the iteration fails there is none: the command leaves with exit code 1.
    """
    started = time.perf_counter()
    with activity() as watch:
        chip = make_chip(settings, watch)
        product = solver.program(chip, matrix, b, **settings.circuit_options)
        made = product.solve(b)
        verification = chip.verify(settings.verify) if settings.verify.count else None
        cost = chip.cost()
    content = {
        **plain_solution(
            made,
            matrix,
            b,
            chip,
            product.counts(),
            made.repeats,
            cost,
            verification,
            settings,
            started,
        ),
        "circuit": "products",
        "method": solver.iterate,
        **_iterated(made),
    }
    if str(settings.json) != "-":
        _show(made, str(solver.iterate), content["relative_error"])
        click.echo(str(cost))
        if verification is not None:
            click.echo(str(verification))
    for sentence in made.cautions:
        click.echo(f"note: {sentence}", err=True)
    if made.caution:
        caution(made.caution)
    settings.write_json({**content, **more})
    settings.confirm(verification)
    if made.failed:
        click.get_current_context().exit(1)
    return made.x


def _iterated(made: Iterated) -> dict[str, Any]:
    return {
        "iterations": made.iterations,
        "products": made.products,
        "restarts": made.restarts,
        "eigenvalue_bounds": None if made.bounds is None else list(made.bounds),
        "ended": made.reason,
        "history": [
            {"iteration": number, "error": step.error, "residual": step.residual, "bits": step.bits}
            for number, step in enumerate(made.steps, 1)
        ],
    }


def _show(made: Iterated, method: str, error: Any) -> None:
    console, table = Console(highlight=False), Table()
    for name in ("iteration", "residual", "error"):
        table.add_column(name, justify="right")
    first = max(made.iterations - SHOWN, 0)
    for number, step in enumerate(made.steps[first:], first + 1):
        table.add_row(str(number), f"{step.residual:.2e}", f"{step.error:.2e}")
    console.print(table)
    if first:
        console.print(f"{counted(first, 'iteration')} before these: --json has them all")
    console.print(
        f"{method}: {counted(made.iterations, 'iteration')}, {counted(made.products, 'product')}, "
        f"{counted(made.restarts, 'restart')}: {made.reason}"
    )
    console.print("residuals are those of the matrix as it was programmed, errors those of A")
    console.print(f"relative error: {np.max(error):.3g}")
