"""Alternating non-negative least squares: V ~ W H for one matrix or many in lockstep.

Each half-step programs the arrays with the factor that is held fixed and solves one regression
for every row or column of V.  A digital twin, the same iteration with scipy's solver from the
same start, runs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from amcspice.algorithm.checkpoint import Checkpoint
from amcspice.algorithm.data import Data
from amcspice.algorithm.factorisation import Factorisation, Iteration, Scores, has_converged
from amcspice.algorithm.regression import AnalogSolver, DigitalSolver, HalfStep, Solver, solve
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.pool import Pool, Report, as_pool
from amcspice.solver.result import Analysis
from amcspice.solver.statistics import Statistics
from amcspice.solver.verify import Verifier

__all__ = ["Problem", "nmf_many", "reseed"]

DEAD = 1e-9
"""A column whose largest entry is below this fraction of the factor's largest is all zero."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """What is factorised, on which circuit and for how long.

    Parameters
    ----------
    data : Data
        Such as `DenseData` or `SparseData`.
    rank : int
        Columns of W; at most min(m, n).
    iterations : int
        Largest number of iterations.
    tolerance : float
        Stop once the relative residual falls by less than this fraction in an iteration;
        0 runs all iterations.
    seed : int
        Of the initial factors.
    circuit : str, optional
    parameters : mapping
        Of the circuit, see `amcspice.make_circuit`; ``lasso`` is the digital twin's, too.
    score : callable, optional
        Takes W (m, rank) and H' (n, rank) after an iteration; returns figures to keep.
    checkpoint : Path, optional
        File that is replaced after an iteration, at most once a second, and at the end.
    resume : bool
        Continue from the checkpoint if there is one.
    on_iteration : callable, optional
        Called with the number of the iteration (from 1) and its figures.
    number : int
        Tells it from others whose regressions are verified together.

    Raises
    ------
    InputError
        If a value does not fit.
    """

    data: Data
    rank: int
    iterations: int
    tolerance: float
    seed: int
    circuit: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    score: Callable[[Array, Array], Scores] | None = None
    checkpoint: Path | None = None
    resume: bool = False
    on_iteration: Callable[[int, Iteration], None] | None = None
    number: int = 0

    def __post_init__(self) -> None:
        """Validate."""
        shape = self.data.shape
        if not 1 <= self.rank <= min(shape):
            raise InputError(f"rank = {self.rank} must be from 1 to {min(shape)} (V is {shape})")
        if self.iterations < 1:
            raise InputError(f"iterations = {self.iterations} must be at least 1")
        if not 0 <= self.tolerance < 1:
            raise InputError(f"tolerance = {self.tolerance} must be from 0 to below 1")

    def identity(self, analysis: Analysis) -> list[Any]:
        """Return everything that the state after an iteration depends on."""
        return [
            *self.data.identity, self.rank, self.tolerance, self.seed, self.circuit,
            repr(sorted(self.parameters.items())), repr(analysis),
        ]  # fmt: skip

    def start(self) -> _State:
        """Draw W such that W H has the size of V for an H of about one; H is not used yet."""
        m, n = self.data.shape
        draw = np.random.default_rng(self.seed)
        W = draw.random((m, self.rank)) * 2 * self.data.mean / self.rank
        H = np.zeros((n, self.rank))
        return _State(W, H, W, H)

    def is_over(self, state: _State) -> bool:
        """Tell whether there is nothing more to do."""
        return (
            len(state.history) >= self.iterations
            or not self.data.norm
            or has_converged(state.history, self.tolerance)
        )

    def half_step(self, factor: Array, cycle: int) -> HalfStep:
        """Return the regressions on a factor; those of even cycles are for H."""
        m, n = self.data.shape
        transpose = cycle % 2 == 0
        return HalfStep(
            factor=factor,
            right_hand_sides=self.data.right_hand_sides(transpose=transpose),
            count=n if transpose else m,
            cycle=cycle,
            circuit=self.circuit,
            parameters=self.parameters,
            index=(self.number, cycle),
        )

    def scores(self, W: Array, H: Array) -> tuple[Scores, ...]:
        """Return the figures of merit of a pair of factors, if there are any."""
        return () if self.score is None else (self.score(W, H),)


@dataclass(frozen=True, eq=False)
class _Factors:
    """A pair of factors after an iteration; H has a row for every column of V."""

    W: Array
    H: Array
    measured: Statistics
    provenance: dict[str, Any]
    reseeded: int


@dataclass(frozen=True, eq=False)
class _State:
    """Everything that one iteration hands to the next; H has a row for every column of V."""

    W: Array
    H: Array
    digital_W: Array
    digital_H: Array
    measured: Statistics = field(default_factory=lambda: Statistics.of([]))
    history: tuple[Iteration, ...] = ()
    scores: tuple[Scores, ...] = ()
    digital_scores: tuple[Scores, ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    def after(self, problem: Problem, analog: _Factors, digital: _Factors) -> _State:
        """Return the state with one more iteration."""
        residual = problem.data.relative_residual
        iteration = Iteration.of(
            analog.measured,
            relative_residual=residual(analog.W, analog.H),
            digital_relative_residual=residual(digital.W, digital.H),
            reseeded=analog.reseeded,
        )
        return _State(
            W=analog.W,
            H=analog.H,
            digital_W=digital.W,
            digital_H=digital.H,
            measured=Statistics.join([self.measured, analog.measured]),
            history=(*self.history, iteration),
            scores=self.scores + problem.scores(analog.W, analog.H),
            digital_scores=self.digital_scores + problem.scores(digital.W, digital.H),
            provenance=analog.provenance or self.provenance,
        )

    def factorisation(self) -> Factorisation:
        """Return it as a result."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return Factorisation(**{**values, "H": self.H.T, "digital_H": self.digital_H.T})

    def to_checkpoint(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and plain values."""
        arrays = {name: getattr(self, name) for name in ("W", "H", "digital_W", "digital_H")}
        measured = {f"measured_{item.name}": getattr(self.measured, item.name)
                    for item in fields(Statistics)}  # fmt: skip
        values = {
            "history": [asdict(iteration) for iteration in self.history],
            "scores": self.scores,
            "digital_scores": self.digital_scores,
            "provenance": self.provenance,
        }
        return arrays | measured, values

    @classmethod
    def from_checkpoint(cls, arrays: dict[str, Array], values: dict[str, Any]) -> _State:
        """Reverse `to_checkpoint`."""
        names = [item.name for item in fields(Statistics)]
        measured = Statistics(**{name: arrays.pop(f"measured_{name}") for name in names})
        return cls(
            **arrays,
            measured=measured,
            history=tuple(Iteration(**figures) for figures in values["history"]),
            scores=tuple(values["scores"]),
            digital_scores=tuple(values["digital_scores"]),
            provenance=values["provenance"],
        )


def nmf_many(
    problems: Sequence[Problem],
    analysis: Analysis | None = None,
    *,
    jobs: int | Pool = 1,
    verifier: Verifier | None = None,
    progress: Report | None = None,
) -> list[Factorisation]:
    """Factorise several matrices in lockstep, which changes no result.

    Parameters
    ----------
    problems : sequence of Problem
    analysis : Analysis, optional
        How each regression is simulated.
    jobs : int or Pool
        Processes that share the regressions of a half-step; changes no result.
    verifier : Verifier, optional
        Is shown every regression; its index is that of the problem, the half-step and the
        right-hand side.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    """
    analysis = analysis or Analysis()
    checkpoints = [Checkpoint(item.checkpoint, item.identity(analysis)) for item in problems]
    states = []
    for problem, checkpoint in zip(problems, checkpoints, strict=True):
        stored = checkpoint.load() if problem.resume else None
        states.append(_State.from_checkpoint(*stored) if stored else problem.start())
    analog, digital = AnalogSolver(analysis), DigitalSolver()
    with as_pool(jobs) as pool, threadpool_limits(1):
        while running := [
            number for number, problem in enumerate(problems) if not problem.is_over(states[number])
        ]:
            active = [problems[number] for number in running]
            iterations = [len(states[number].history) for number in running]
            W = [states[number].W for number in running]
            digital_W = [states[number].digital_W for number in running]
            ours = _alternate(active, W, iterations, analog, pool, verifier, progress)
            twins = _alternate(active, digital_W, iterations, digital, pool)
            for number, factors, twin in zip(running, ours, twins, strict=True):
                problem = problems[number]
                state = states[number] = states[number].after(problem, factors, twin)
                checkpoints[number].save(state.to_checkpoint, last=problem.is_over(state))
                if problem.on_iteration is not None:
                    problem.on_iteration(len(state.history), state.history[-1])
    return [state.factorisation() for state in states]


def _alternate(
    problems: Sequence[Problem],
    factors: Sequence[Array],
    iterations: Sequence[int],
    solver: Solver,
    pool: Pool,
    verifier: Verifier | None = None,
    progress: Report | None = None,
) -> list[_Factors]:
    """Solve for H with W held fixed, then for W with H held fixed, in every problem."""
    solved = []
    reseeded = np.zeros(len(problems), int)
    pairs = []
    for half in (0, 1):
        half_steps = []
        for at, problem in enumerate(problems):
            cycle = 2 * iterations[at] + half
            factor, dead = reseed(factors[at], [problem.seed, cycle])
            reseeded[at] += dead
            half_steps.append(problem.half_step(factor, cycle))
        solutions = solve(half_steps, solver, pool, verifier=verifier, progress=progress)
        factors = [solution.values for solution in solutions]
        solved.append(solutions)
        pairs.append(half_steps)
    return [
        _Factors(
            W=second.values,
            H=last.factor,
            measured=Statistics.join([first.measured, second.measured]),
            provenance=second.provenance or first.provenance,
            reseeded=int(count),
        )
        for first, second, last, count in zip(*solved, pairs[1], reseeded, strict=True)
    ]


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
    fresh = draw.random(factor.shape) * (peak.max() or 1.0)
    return np.where(dead, fresh, factor), int(dead.sum())
