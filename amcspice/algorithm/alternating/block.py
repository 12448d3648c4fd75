"""The regressions of half-steps, cut into blocks and solved block by block.

A block describes some regressions with just what they need of the factors.  Solving one is a pure
function, so that neither the number of processes nor what is solved beside it changes a result.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import RightHandSides
from amcspice.algorithm.alternating.regression import HalfStep, Share, Solution, Solver
from amcspice.pool import Pool, Report
from amcspice.simulation.verify import Verifier
from amcspice.system.ledger import Ledger

__all__ = ["Block", "blocks", "solve", "solve_block"]

BLOCKS_AT_ONCE = 32
"""Blocks for each process that are in memory at the same time."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some regressions with just what they need: picklable, and solved by a pure function.

    Parameters
    ----------
    solver : AnalogSolver or DigitalSolver
    shares : tuple of Share
    verifier : Verifier, optional
        An empty one, to draw from these regressions.
    """

    solver: Solver
    shares: tuple[Share, ...]
    verifier: Verifier | None = None


def solve_block(
    block: Block, report: Report, jobs: int | Pool = 1
) -> tuple[list[Solution], Verifier | None]:
    """Return the solutions of every share, and what was drawn of their regressions."""
    verifier = None if block.verifier is None else block.verifier.part()
    return block.solver.solve(block.shares, report, jobs, verifier), verifier


def solve(
    half_steps: Sequence[HalfStep],
    solver: Solver,
    pool: Pool,
    *,
    verifier: Verifier | None = None,
    progress: Report | None = None,
) -> list[Solution]:
    """Solve all regressions of half-steps, such as those of several factorisations.

    The caller limits BLAS to one thread, as processes do, so that jobs change no bit.

    Parameters
    ----------
    half_steps : sequence of HalfStep
    solver : AnalogSolver or DigitalSolver
    pool : Pool
        Shares the blocks out; where there is only one, its streams.
    verifier : Verifier, optional
        Is shown every regression.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    """
    reported: float = 0

    def report(count: float) -> None:
        nonlocal reported
        reported += count
        if progress is not None:
            progress(count)

    parts: list[list[Solution]] = [[] for _ in half_steps]
    factor = functools.cache(lambda number: solver.factor(half_steps[number]))
    waiting = blocks(half_steps, solver, verifier, factor)
    while group := list(islice(waiting, BLOCKS_AT_ONCE * pool.jobs)):
        if min(pool.jobs, len(group)) > 1:
            solved = pool.map(solve_block, group, report, short=solver.short)
        else:
            solved = [solve_block(block, report, pool) for block in group]
        for block, (solutions, part_verifier) in zip(group, solved, strict=True):
            for share, solution in zip(block.shares, solutions, strict=True):
                parts[share.half_step].append(solution)
            if verifier is not None and part_verifier is not None:
                verifier.merge(part_verifier)
    report(sum(half_step.count for half_step in half_steps) - reported)  # nothing was known of them
    joined = []
    for number, (half_step, part) in enumerate(zip(half_steps, parts, strict=True)):
        ledger = Ledger()
        if part:
            solver.write(ledger, factor(number), half_step, part)
        joined.append(Solution.join(half_step.count, half_step.factor.shape[1], part, ledger))
    return joined


def blocks(
    half_steps: Sequence[HalfStep],
    solver: Solver,
    verifier: Verifier | None = None,
    factor: Callable[[int], Any] | None = None,
) -> Iterator[Block]:
    """Cut half-steps into blocks, in the order of their streams.

    A sparse half-step is read as blocks are asked for.

    Parameters
    ----------
    half_steps : sequence of HalfStep
    solver : Solver
    verifier : Verifier, optional
    factor : callable, optional
        Returns the factor of a half-step by its number, made ready once.
    """
    factor = factor or functools.cache(lambda number: solver.factor(half_steps[number]))
    streams = (
        (number, right)
        for number, half_step in enumerate(half_steps)
        for right in half_step.right_hand_sides
    )
    while group := list(islice(streams, solver.streams)):
        members: dict[int, list[RightHandSides]] = {}
        for number, right in group:
            members.setdefault(number, []).append(right)
        yield Block(
            solver,
            tuple(
                Share(
                    number, factor(number).part(_needed(rights, len(half_steps[number].factor))),
                    tuple(rights), half_steps[number].index,
                )
                for number, rights in members.items()
            ),
            None if verifier is None else verifier.part(),
        )  # fmt: skip


def _needed(right_hand_sides: Sequence[RightHandSides], height: int) -> NDArray[np.intp]:
    """Return the word lines that right-hand sides select."""
    lines = [right.lines for right in right_hand_sides]
    some = [selected for selected in lines if selected is not None]
    return np.unique(np.concatenate(some)) if len(some) == len(lines) else np.arange(height)
