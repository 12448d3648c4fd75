"""``amcspice solve inv`` in blocks, and refined."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.algorithm.block_inverse import BlockInverse, Comparison, Schedule
from amcspice.algorithm.block_solver import BlockSolver
from amcspice.algorithm.refinement import Refined
from amcspice.cli.block_options import program
from amcspice.cli.common import Settings
from amcspice.cli.progress import activity
from amcspice.cli.quantity import si
from amcspice.cli.system_content import plain_solution
from amcspice.engine import get_backend
from amcspice.errors import counted
from amcspice.system import Cost, Work

__all__ = ["plain_comparison", "solve_blocks"]

LARGE = 32
"""Rows from which on a comparison is made with one draw of the cells."""

SHOWN = 24
"""Phases in the table."""


def solve_blocks(
    matrix: Any, b: Any, solver: BlockSolver, settings: Settings, more: Mapping[str, Any]
) -> Any:
    """Solve, print, write the JSON with what there is more, and return the solution (n, K).

    Where refinement diverges there is none: the command leaves with exit code 1.
    """
    started = time.perf_counter()
    with activity() as watch:
        blocks = program(solver, matrix, b, settings, watch)
        inverse, chip = blocks.inverse, blocks.inverse.chip
        made = blocks.solve(b)
        verification = chip.verify(settings.verify) if settings.verify.count else None
        estimates = chip.estimates()
        schedule, comparison = inverse.schedule(estimates), _compared(inverse, settings)
    refined, cost = made.refined, Cost(Work.of(chip.ledger, estimates), chip.technology)
    counts, repeats = inverse.counts(), sum(phase.repeats for phase in inverse.phases)
    content = {
        **plain_solution(
            made, matrix, b, chip, counts, repeats, cost, verification, settings, started
        ),
        "circuit": "blocks", "counts": counts, "phases": len(schedule),
        "orders": {block.name: block.order_name for block in inverse.partition.halves},
        "schedule": schedule.rows(), **plain_comparison(comparison),
        **_refined(refined),
    }  # fmt: skip
    if str(settings.json) != "-":
        _show(inverse, schedule, refined, content["relative_error"])
        click.echo(str(cost))
        if verification is not None:
            click.echo(str(verification))
    notes = (*made.cautions, schedule.caution, comparison.caution if comparison else "")
    for sentence in filter(None, notes):
        click.echo(f"note: {sentence}", err=True)
    settings.write_json({**content, **more})
    settings.confirm(verification)
    if refined is not None and refined.failed:
        click.get_current_context().exit(1)
    return made.x


def _compared(inverse: BlockInverse, settings: Settings) -> Comparison | None:
    """Foretell whether blocks help; None for one array, or where errors are zero by definition."""
    if len(inverse.arrays) == 1 or not get_backend(settings.analysis).simulates:
        return None
    # A forecast takes the time for more draws of large ones.
    return inverse.compare(1 if len(inverse.matrix) > LARGE else None)


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


def _refined(refined: Refined | None) -> dict[str, Any]:
    if refined is None:
        return {}
    return {
        "iterations": refined.iterations,
        "bits": refined.bits,
        "ended": refined.reason,
        "floor": refined.floor or None,
        "floor_bits": refined.floor_bits if np.isfinite(refined.floor_bits) else None,
        "history": [
            {"iteration": number, **vars(step), "bits": step.bits}
            for number, step in enumerate(refined.steps, 1)
        ],
    }


def _end(refined: Refined) -> str:
    return f"{refined.reason}, by {refined.floor}" if refined.floor else refined.reason


def _show(inverse: BlockInverse, schedule: Schedule, refined: Refined | None, error: Any) -> None:
    console, counts = Console(), inverse.counts()
    console.print(
        f"{len(inverse.matrix)} x {len(inverse.matrix)} in "
        f"{counted(len(inverse.arrays), 'array')}, "
        f"{counted(counts['phases'], 'phase')}: "
        f"{counted(counts['amplifiers'], 'amplifier')} in one bank, "
        f"{counts['amplifiers_unrolled']} unrolled; {counted(counts['cells'], 'cell')}, "
        f"{counted(counts['dacs'], 'line')} driven, {counts['adcs']} read, "
        f"{counted(counts['switches'], 'switch')}, "
        f"{counted(counts['sample_and_holds'], 'sample-and-hold')}; digital: "
        f"{counts['schur_flops']:.3g} "
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
        for name in ("iteration", "bits", "error", "residual", "exponent", "repeats"):
            steps.add_column(name, justify="right")
        for number, step in enumerate(refined.steps, 1):
            steps.add_row(
                str(number), f"{step.bits:.1f}", f"{step.error:.2e}", f"{step.residual:.2e}",
                str(step.exponent), str(step.repeats),
            )  # fmt: skip
        console.print(steps)
        console.print(f"{counted(refined.iterations, 'iteration')}: {_end(refined)}")
    console.print(f"relative error: {np.max(error):.3g}", highlight=False)
