"""``amcspice solve inv`` in blocks, and refined."""

from __future__ import annotations

import time
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.algorithm.block_inverse import BlockInverse, Comparison, Schedule
from amcspice.algorithm.refinement import Refined, refine
from amcspice.circuit.base import are_complex
from amcspice.cli.block_options import Blocks, real_form
from amcspice.cli.common import Settings
from amcspice.cli.quantity import si
from amcspice.errors import caution
from amcspice.problem.complex_form import complex_form, join_parts
from amcspice.simulation.plain import plain_verification
from amcspice.system import Cost, Work

__all__ = ["plain_comparison", "solve_blocks"]

SHOWN = 24
"""Phases in the table."""


def solve_blocks(matrix: Any, b: Any, blocks: Blocks, settings: Settings) -> Any:
    """Solve, print, write the JSON, and return the solution (n, K)."""
    started = time.perf_counter()
    chip = blocks.chip(settings)
    inverse = blocks.inverse(chip, matrix, b, settings)
    refined = None
    if blocks.refine is None:
        solution = inverse.solve(b)
    else:
        product = blocks.product(chip, matrix)
        is_complex = are_complex(matrix)
        right: Any = complex_form("inv", matrix, b, {}).vectors if is_complex else b
        real: Any = _Real(inverse) if is_complex else inverse
        refined = refine(
            real, real_form(matrix), right, product=product, ledger=chip.ledger,
            method=blocks.method or "gcr", bits=blocks.refine, iterations=blocks.iterations or 60,
        )  # fmt: skip
        solution = join_parts(refined.x.T).T if is_complex else refined.x
    reference = np.linalg.solve(matrix, b)
    error = np.linalg.norm(solution - reference, axis=0) / np.linalg.norm(reference, axis=0)
    verification = chip.verify(settings.verify) if settings.verify.count else None
    estimates = chip.estimates()
    cost = Cost(Work.of(chip.ledger, estimates), chip.technology)
    schedule, comparison = inverse.schedule(estimates), _compared(inverse, settings)
    content = {
        "problem": "inv", "circuit": "blocks", "fidelity": chip.analysis.fidelity,
        "solution": list(solution.T), "reference": list(reference.T), "relative_error": error,
        "phases": len(schedule), "counts": inverse.counts(),
        "orders": {block.name: block.order_name for block in inverse.partition.halves},
        "schedule": schedule.rows(), **plain_comparison(comparison),
        **_refined(refined),
        "cost": cost.to_json(), "ledger": chip.ledger.to_json(),
        **plain_verification(verification),
        "provenance": {"seed": settings.seed, "wall_time_s": time.perf_counter() - started},
    }  # fmt: skip
    if str(settings.json) != "-":
        _show(inverse, schedule, refined, error)
        click.echo(str(cost))
        if verification is not None:
            click.echo(str(verification))
    for note in (schedule.caution, comparison.caution if comparison else ""):
        if note:
            click.echo(f"note: {note}", err=True)
    if refined is not None and refined.caution:
        click.echo(f"note: {refined.caution}", err=True)
        caution(refined.caution)
    settings.write_json(content)
    settings.confirm(verification)
    return solution


def _compared(inverse: BlockInverse, settings: Settings) -> Comparison | None:
    """Foretell whether blocks help; None for one array, or where errors are zero by definition."""
    if len(inverse.arrays) == 1 or settings.analysis.fidelity == "ideal":
        return None
    return inverse.compare()


def plain_comparison(comparison: Comparison | None) -> dict[str, Any]:
    """Return a comparison for the JSON."""
    if comparison is None:
        return {}
    one = comparison.one_array
    return {
        "comparison": {
            "error": comparison.blocks if np.isfinite(comparison.blocks) else None,
            "error_one_array": one if np.isfinite(one) else None,
            "draws": comparison.draws,
            "caution": comparison.caution,
        }
    }


class _Real:
    """A complex inverse by its real form."""

    def __init__(self, inverse: BlockInverse) -> None:
        self.inverse = inverse

    def solve(self, b: Any) -> Any:
        complex_solution = self.inverse.solve(join_parts(b.T).T)
        return np.vstack([complex_solution.real, complex_solution.imag])


def _refined(refined: Refined | None) -> dict[str, Any]:
    if refined is None:
        return {}
    return {
        "iterations": refined.iterations,
        "bits": refined.bits,
        "ended": refined.reason,
        "history": [
            {"iteration": number, "error": step.error, "residual": step.residual, "bits": step.bits}
            for number, step in enumerate(refined.steps, 1)
        ],
    }


def _show(inverse: BlockInverse, schedule: Schedule, refined: Refined | None, error: Any) -> None:
    console, counts = Console(), inverse.counts()
    console.print(
        f"{len(inverse.matrix)} x {len(inverse.matrix)} in {len(inverse.arrays)} arrays, "
        f"{counts['phases']} phases: {counts['amplifiers']} amplifiers in one bank, "
        f"{counts['amplifiers_unrolled']} unrolled; {counts['cells']} cells, "
        f"{counts['dacs']} lines driven, {counts['adcs']} read, {counts['switches']} switches, "
        f"{counts['sample_and_holds']} sample-and-holds; digital: {counts['schur_flops']:.3g} "
        f"operations for Schur complements, {counts['order_flops']:.3g} for their order",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    table = Table()
    for name in ("phase", "operation", "matrix", "bank", "settling", "largest output", "repeats"):
        table.add_column(name, justify="right" if name in ("phase", "settling") else "left")
    for number, phase in enumerate(schedule.phases[:SHOWN], 1):
        table.add_row(
            str(number), phase.operation, phase.block, "1", si(phase.settling_time, "s"),
            si(phase.voltage, "V"), str(phase.repeats),
        )  # fmt: skip
    console.print(table)
    if len(schedule) > SHOWN:
        console.print(f"{len(schedule) - SHOWN} more phases: --json has them all")
    if refined is not None:
        steps = Table()
        for name in ("iteration", "bits", "error", "residual"):
            steps.add_column(name, justify="right")
        for number, step in enumerate(refined.steps, 1):
            steps.add_row(
                str(number), f"{step.bits:.1f}", f"{step.error:.2e}", f"{step.residual:.2e}"
            )
        console.print(steps)
        console.print(f"{refined.iterations} iterations: {refined.reason}")
    console.print(f"relative error: {np.max(error):.3g}", highlight=False)
