"""Alternating non-negative least squares: V ~ W H for one matrix or many in lockstep.

Each half-step programs the arrays with the factor that is held fixed and solves one regression
for every row or column of V.  A digital twin, the same iteration with exact solutions from the
same start, runs beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amcspice.algorithm.alternating.analog import AnalogSolver
from amcspice.algorithm.alternating.block import solve
from amcspice.algorithm.alternating.checkpoint import Checkpoint
from amcspice.algorithm.alternating.factorisation import Factorisation
from amcspice.algorithm.alternating.regression import (
    DigitalSolver,
    HalfStep,
    Solution,
    Solver,
)
from amcspice.algorithm.alternating.state import Factors, State
from amcspice.algorithm.alternating.task import FactorisationTask
from amcspice.circuit.base import Array
from amcspice.engine import Analysis
from amcspice.errors import SimulationError
from amcspice.measure import Measurement
from amcspice.pool import Pool, Report, as_pool
from amcspice.simulation.verify import Verifier
from amcspice.threads import one_thread

__all__ = ["nmf_many", "reseed"]

DEAD = 1e-9
"""A column whose largest entry is below this fraction of the factor's largest is all zero."""


def nmf_many(
    tasks: Sequence[FactorisationTask],
    analysis: Analysis | None = None,
    *,
    jobs: int | Pool = 1,
    verifier: Verifier | None = None,
    progress: Report | None = None,
) -> list[Factorisation]:
    """Factorise several matrices in lockstep, which changes no result.

    Parameters
    ----------
    tasks : sequence of FactorisationTask
    analysis : Analysis, optional
        How each regression is simulated.
    jobs : int or Pool
        Processes that share the regressions of a half-step; changes no result.
    verifier : Verifier, optional
        Is shown every regression; its index is that of the task, the half-step and the
        right-hand side.
    progress : callable, optional
        Called with the number of regressions finished since the last call.

    Raises
    ------
    SimulationError
        If regressions find no rest.
    """
    analysis = analysis or Analysis()
    checkpoints = [Checkpoint(item.checkpoint, item.identity(analysis)) for item in tasks]
    states = []
    for task, checkpoint in zip(tasks, checkpoints, strict=True):
        content = checkpoint.load() if task.resume else None
        states.append(State.from_checkpoint(*content) if content else State.start(task))
    analog, digital = AnalogSolver(analysis), DigitalSolver()
    with as_pool(jobs) as pool, one_thread():
        while running := [
            number for number, task in enumerate(tasks) if not states[number].is_over(task)
        ]:
            active = [tasks[number] for number in running]
            iterations = [len(states[number].history) for number in running]
            W = [states[number].W for number in running]
            digital_W = [states[number].digital_W for number in running]
            factors = _alternate(active, W, iterations, analog, pool, verifier, progress)
            digital_factors = _alternate(active, digital_W, iterations, digital, pool)
            for number, *pair in zip(running, factors, digital_factors, strict=True):
                task = tasks[number]
                state = states[number] = states[number].after(task, *pair)
                checkpoints[number].save(state.to_checkpoint, last=state.is_over(task))
                if task.on_iteration is not None:
                    task.on_iteration(len(state.history), state.history[-1])
    return [state.factorisation() for state in states]


def _alternate(
    tasks: Sequence[FactorisationTask],
    factors: Sequence[Array],
    iterations: Sequence[int],
    solver: Solver,
    pool: Pool,
    verifier: Verifier | None = None,
    progress: Report | None = None,
) -> list[Factors]:
    """Solve for H with W held fixed, then for W with H held fixed, in every task."""
    half_steps: list[HalfStep] = []
    reseeded = np.zeros(len(tasks), int)
    solutions: list[list[Solution]] = []
    for half in (0, 1):
        half_steps.clear()
        for number, task in enumerate(tasks):
            cycle = 2 * iterations[number] + half
            factor, count = reseed(factors[number], [task.seed, cycle])
            half_steps.append(task.half_step(factor, cycle))
            reseeded[number] += count
        solutions.append(solve(half_steps, solver, pool, verifier=verifier, progress=progress))
        factors = [solution.values for solution in solutions[-1]]
        for values, iteration in zip(factors, iterations, strict=True):
            _refuse_without_rest(values, "HW"[half], iteration + 1)
    return [
        Factors(
            W=for_W.values,
            H=half_step.factor,
            measured=Measurement.join([for_H.measured, for_W.measured]),
            provenance=for_W.provenance or for_H.provenance,
            ledger=for_H.ledger.joined(for_W.ledger),
            reseeded=int(count),
        )
        for half_step, for_H, for_W, count in zip(half_steps, *solutions, reseeded, strict=True)
    ]


def _refuse_without_rest(factor: Array, name: str, iteration: int) -> None:
    """Refuse a factor with rows that no circuit found.

    Raises
    ------
    SimulationError
    """
    lost = np.flatnonzero(~np.isfinite(factor).all(axis=1))
    if len(lost):
        raise SimulationError(
            f"iteration {iteration}: {len(lost)} of {len(factor)} regressions for {name} found no "
            "rest: with these cells the factor that was programmed has lost its rank, or nearly; "
            "give a ridge, a smaller rank, or cells with less noise"
        )


def reseed(factor: Array, stream: Sequence[int]) -> tuple[Array, int]:
    """Give all-zero columns of a factor a new random start, of the size of the others.

    Parameters
    ----------
    factor : ndarray, shape (m, rank)
    stream : sequence of int
        Seed of the draw.

    Returns
    -------
    factor : ndarray, shape (m, rank)
    count : int
        Columns that were reseeded.
    """
    peak = factor.max(axis=0)
    dead = peak <= DEAD * peak.max()
    if not dead.any():
        return factor, 0
    draw = np.random.default_rng(stream)
    start = draw.random(factor.shape) * (peak.max() or 1.0)
    return np.where(dead, start, factor), int(dead.sum())
