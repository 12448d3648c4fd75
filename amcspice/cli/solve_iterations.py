"""``amcspice solve inv --iterate``: with products of the programmed matrix alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.algorithm.iteration import Iterated, iterate
from amcspice.algorithm.refinement import CompensatedProduct
from amcspice.cli.block_options import make_chip
from amcspice.cli.common import Settings
from amcspice.errors import caution
from amcspice.problem import PROBLEMS
from amcspice.simulation.plain import plain_verification

__all__ = ["solve_iterations"]

SHOWN = 24
"""Iterations in the table, the last ones."""


def solve_iterations(
    matrix: Any,
    b: Any,
    method: Any,
    residual: float | None,
    blocks: Mapping[str, Any],
    settings: Settings,
) -> Any:
    """Solve, print, write the JSON, and return the solution (n, K)."""
    started = time.perf_counter()
    chip = make_chip(settings)
    form = PROBLEMS["inv"].circuit_form(matrix, b, {})
    assert form.vectors is not None
    slices = blocks.get("slices")
    product: Any = (
        chip.program(form.matrix, "mvm", label="A")
        if slices is None
        else CompensatedProduct(chip, form.matrix, slices)
    )
    made = iterate(
        product,
        form.matrix,
        form.vectors,
        method=method,
        residual=residual or 1e-6,
        iterations=blocks.get("iterations") or 200,
        ledger=chip.ledger,
    )
    solution = form.restore(made.x.T).T
    reference = np.linalg.solve(matrix, b)
    error = np.linalg.norm(solution - reference, axis=0) / np.linalg.norm(reference, axis=0)
    verification = chip.verify(settings.verify) if settings.verify.count else None
    cost = chip.cost()
    content = {
        "problem": "inv",
        "circuit": "products",
        "fidelity": chip.analysis.fidelity,
        "solution": list(solution.T),
        "reference": list(reference.T),
        "relative_error": error,
        "method": method,
        **_iterated(made),
        "cost": cost.to_json(),
        "ledger": chip.ledger.to_json(),
        **plain_verification(verification),
        "provenance": {"seed": settings.seed, "wall_time_s": time.perf_counter() - started},
    }
    if str(settings.json) != "-":
        _show(made, method, error)
        click.echo(str(cost))
        if verification is not None:
            click.echo(str(verification))
    if made.caution:
        click.echo(f"note: {made.caution}", err=True)
        caution(made.caution)
    settings.write_json(content)
    settings.confirm(verification)
    if made.failed:
        click.get_current_context().exit(1)
    return solution


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
    console.print(
        f"{method}: {made.iterations} iterations, {made.products} products, "
        f"{made.restarts} restarts: {made.reason}"
    )
    console.print("residuals are those of the matrix as it was programmed, errors those of A")
    console.print(f"relative error: {np.max(error):.3g}")
