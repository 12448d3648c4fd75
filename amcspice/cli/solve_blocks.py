"""``amcspice solve inv`` in blocks, and refined."""

from __future__ import annotations

import time
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from amcspice.algorithm.block_inverse import BlockInverse, Comparison, Schedule
from amcspice.algorithm.block_solver import BlockSolver
from amcspice.algorithm.refinement import Refined
from amcspice.algorithm.solved import Solved
from amcspice.cli.block_options import program
from amcspice.cli.common import Settings
from amcspice.cli.quantity import si
from amcspice.engine import get_backend
from amcspice.problem import relative_error, relative_size
from amcspice.simulation.plain import plain_verification
from amcspice.simulation.provenance import versions_at
from amcspice.system import Chip, Cost, Work

__all__ = ["plain_comparison", "solve_blocks"]

LARGE = 32
"""Rows from which on a comparison is made with one draw of the cells."""

SHOWN = 24
"""Phases in the table."""


def solve_blocks(matrix: Any, b: Any, solver: BlockSolver, settings: Settings) -> Any:
    """Solve, print, write the JSON, and return the solution (n, K)."""
    started = time.perf_counter()
    blocks = program(solver, matrix, b, settings)
    inverse, chip = blocks.inverse, blocks.inverse.chip
    made = blocks.solve(b)
    solution, refined = made.x, made.refined
    reference: Any = np.linalg.solve(matrix, b)
    error = relative_error(solution.T, reference.T)
    verification = chip.verify(settings.verify) if settings.verify.count else None
    estimates = chip.estimates()
    cost = Cost(Work.of(chip.ledger, estimates), chip.technology)
    schedule, comparison = inverse.schedule(estimates), _compared(inverse, settings)
    content = {
        "problem": "inv", "circuit": "blocks", "fidelity": chip.analysis.fidelity,
        "simulator": _simulator(chip),
        "solution": list(solution.T), "reference": list(reference.T), "relative_error": error,
        "residual": relative_size((matrix @ solution - b).T, b.T),
        **_measured(made), **_hardware(inverse),
        "phases": len(schedule),
        "orders": {block.name: block.order_name for block in inverse.partition.halves},
        "schedule": schedule.rows(), **plain_comparison(comparison),
        **_refined(refined),
        "cautions": made.cautions, "cost": cost.to_json(), "ledger": chip.ledger.to_json(),
        **plain_verification(verification),
        "provenance": {
            **versions_at(chip.analysis), "solver": None, "options": "", "deck_sha256": None,
            "seed": settings.seed, "wall_time_s": time.perf_counter() - started,
        },
    }  # fmt: skip
    if str(settings.json) != "-":
        _show(inverse, schedule, refined, error)
        click.echo(str(cost))
        if verification is not None:
            click.echo(str(verification))
    notes = (*made.cautions, schedule.caution, comparison.caution if comparison else "")
    for sentence in filter(None, notes):
        click.echo(f"note: {sentence}", err=True)
    settings.write_json(content)
    settings.confirm(verification)
    return solution


def _simulator(chip: Chip) -> str:
    backend = get_backend(chip.analysis)
    return chip.analysis.simulator or "ngspice" if backend.uses_ngspice else backend.name


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


def _measured(made: Solved) -> dict[str, Any]:
    """Return what was measured of one pass through the blocks, an entry a right-hand side."""
    energy, time = made.energy, made.settling_time
    power = energy / np.where(time > 0, time, np.nan)
    return {
        "settled": made.settled, "settling_time_s": time, "energy_j": energy,
        "power_w": {"total": power},
    }  # fmt: skip


def _hardware(inverse: BlockInverse) -> dict[str, Any]:
    """Return counts, and how ranges were chosen: each phase has its own."""
    counts, chip = inverse.counts(), inverse.chip
    volts = None if isinstance(chip.range, str) else float(chip.range)
    repeats = sum(phase.repeats for phase in inverse.phases)
    return {
        "amplifiers": counts["amplifiers"], "cells": counts["cells"], "counts": counts,
        "range": {"choice": chip.range_choice, "volts_per_unit": volts, "repeats": repeats},
    }  # fmt: skip


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
        for name in ("iteration", "bits", "error", "residual", "exponent", "repeats"):
            steps.add_column(name, justify="right")
        for number, step in enumerate(refined.steps, 1):
            steps.add_row(
                str(number), f"{step.bits:.1f}", f"{step.error:.2e}", f"{step.residual:.2e}",
                str(step.exponent), str(step.repeats),
            )  # fmt: skip
        console.print(steps)
        console.print(f"{refined.iterations} iterations: {_end(refined)}")
    console.print(f"relative error: {np.max(error):.3g}", highlight=False)
