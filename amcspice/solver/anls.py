"""Non-negative matrix factorisation V ~ W H by alternating non-negative least squares.

Each half-step programs the arrays once with the factor that is held fixed and streams the
columns of V (or of V') through them.  A digital twin, the same iteration with scipy's
solver from the same start, runs beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from amcspice.circuit import as_matrix
from amcspice.circuit.base import Array
from amcspice.errors import InputError
from amcspice.pool import Pool
from amcspice.solver.checkpoint import Checkpoint
from amcspice.solver.factorisation import Factorisation, Iteration, has_converged
from amcspice.solver.regression import (
    AnalogStep,
    DigitalStep,
    HalfStep,
    Mask,
    RegressionStep,
    solve_each,
)
from amcspice.solver.result import Analysis, Run
from amcspice.solver.statistics import Statistics
from amcspice.solver.verify import Verifier

__all__ = ["nmf", "nmf_each", "revive"]

T = TypeVar("T")
Asking = Generator[HalfStep, tuple[Array, list[Run]], T]
"""Asks for half-steps to be solved, and returns something in the end."""

DEAD = 1e-9
"""A column whose largest entry is below this fraction of the factor's largest is all zero."""


def nmf(
    V: ArrayLike,
    rank: int,
    *,
    iterations: int = 20,
    tolerance: float = 1e-4,
    seed: int = 0,
    mask: ArrayLike | None = None,
    ridge: float = 0.0,
    lasso: float = 0.0,
    circuit: str | None = None,
    analysis: Analysis | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    jobs: int = 1,
    verify: int = 0,
    progress: Callable[[int], None] | None = None,
    on_iteration: Callable[[int, Iteration], None] | None = None,
    **parameters: Any,
) -> Factorisation:
    """Factorise a non-negative matrix on the simulated circuit.

    Parameters
    ----------
    V : array_like, shape (m, n)
        Non-negative.
    rank : int
        Columns of W; at most min(m, n).
    iterations : int
        Largest number of iterations.
    tolerance : float
        Stop once the relative residual falls by less than this fraction in an iteration;
        0 runs all iterations.
    seed : int
        Of the initial factors.
    mask : array_like of bool, shape (m, n), optional
        Entries that are known; the others are left out of every regression.
    ridge, lasso : float
        Of every regression, see `amcspice.Circuit`.
    circuit : {"ginv-compact", "ginv-classic"}, optional
    analysis : Analysis, optional
        How each regression is simulated.
    checkpoint : Path, optional
        File that is replaced after an iteration, at most once a second, and at the end.
    resume : bool
        Continue from the checkpoint if there is one; the result is the same as without a stop.
    jobs : int
        Processes that share the regressions of a half-step; changes no result.
    verify : int
        How many regressions, drawn from all of this run, are run again at the next higher
        fidelity.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    on_iteration : callable, optional
        Called with the number of the iteration (from 1) and its figures.
    **parameters
        Of the circuit: ``device``, ``wire``, ``opamp``, ``hold``, ``compensation``, ...

    Returns
    -------
    Factorisation

    Raises
    ------
    InputError
        If V has negative entries or the rank does not fit, or if the checkpoint is of another
        run.

    Examples
    --------
    >>> import numpy as np, amcspice as amc
    >>> V = np.outer([1.0, 2.0, 3.0], [1.0, 0.5, 0.25, 1.0])
    >>> found = amc.nmf(V, rank=1, iterations=2)
    >>> bool(found.history[-1].relative_residual < 1e-3)
    True
    """
    with Pool(jobs) as pool:
        problem = {
            "V": V, "rank": rank, "iterations": iterations, "tolerance": tolerance, "seed": seed,
            "mask": mask, "ridge": ridge, "lasso": lasso, "circuit": circuit, "analysis": analysis,
            "checkpoint": checkpoint, "resume": resume, "jobs": pool, "verify": verify,
            "progress": progress, "on_iteration": on_iteration, **parameters,
        }  # fmt: skip
        return nmf_each([problem])[0]


def nmf_each(problems: Sequence[dict[str, Any]]) -> list[Factorisation]:
    """Factorise several matrices step by step together, which changes no result.

    Parameters
    ----------
    problems : sequence of dict
        Arguments of `nmf` for each; analysis and pool are the same for all.

    Returns
    -------
    list of Factorisation
    """
    defaults = nmf.__kwdefaults__ or {}
    running = [_factorise(**{**defaults, **problem}) for problem in problems]
    found: dict[int, Factorisation] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(running)))
    while answers:
        waiting = {}
        for number, answer in answers.items():
            try:
                waiting[number] = running[number].send(answer)
            except StopIteration as end:
                found[number] = end.value
        answers = dict(zip(waiting, solve_each(list(waiting.values())), strict=True))
    return [found[number] for number in range(len(running))]


def _factorise(
    V: ArrayLike,
    rank: int,
    *,
    iterations: int,
    tolerance: float,
    seed: int,
    mask: ArrayLike | None,
    ridge: float,
    lasso: float,
    circuit: str | None,
    analysis: Analysis | None,
    checkpoint: Path | None,
    resume: bool,
    jobs: int | Pool,
    verify: int,
    progress: Callable[[int], None] | None,
    on_iteration: Callable[[int, Iteration], None] | None,
    **parameters: Any,
) -> Asking[Factorisation]:
    """Do what `nmf` does, but ask for every half-step to be solved."""
    matrix = as_matrix(V, "V")
    known = None if mask is None else np.asarray(mask, dtype=bool)
    _check(matrix, rank, iterations, tolerance, known)
    chosen = analysis or Analysis()
    verifier = Verifier(verify, chosen, seed)
    analog = AnalogStep(
        analysis=chosen,
        circuit=circuit,
        parameters={"ridge": ridge, "lasso": lasso, **parameters},
        progress=progress,
        jobs=jobs,
        verifier=verifier if verify else None,
    )
    digital = DigitalStep(ridge=ridge, lasso=lasso)
    saved = Checkpoint(
        checkpoint,
        identity=[
            matrix, np.empty(0) if known is None else known, rank, tolerance, seed,
            circuit, repr(sorted(analog.parameters.items())), repr(analog.analysis),
        ],
    )  # fmt: skip
    stored = saved.load() if resume else None
    state = _State.from_mapping(*stored) if stored else _State.start(matrix, rank, seed)
    for number in range(len(state.history), iterations):
        if not matrix.any() or state.converged(tolerance):
            break
        state = yield from _iterate(state, matrix, known, number, seed, analog, digital)
        over = number + 1 == iterations or state.converged(tolerance)
        saved.save(state.to_mapping, last=over)
        if on_iteration is not None:
            on_iteration(number + 1, state.history[-1])
    return Factorisation(
        W=state.W,
        H=state.H,
        digital_W=state.digital_W,
        digital_H=state.digital_H,
        history=tuple(state.history),
        provenance=state.provenance,
        verification=verifier.verify(),
    )


@dataclass(frozen=True, eq=False)
class _State:
    """Everything that one iteration hands to the next."""

    W: Array
    H: Array
    digital_W: Array
    digital_H: Array
    history: list[Iteration]
    provenance: dict[str, Any]

    @classmethod
    def start(cls, V: Array, rank: int, seed: int) -> _State:
        """Draw W such that W H has the size of V for an H of about one; H is not used yet."""
        draw = np.random.default_rng(seed)
        W = draw.random((V.shape[0], rank)) * 2 * V.mean() / rank
        H = np.zeros((rank, V.shape[1]))
        return cls(W, H, W, H, [], {})

    def converged(self, tolerance: float) -> bool:
        """See `has_converged`."""
        return has_converged(self.history, tolerance)

    def to_mapping(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and plain values for a checkpoint."""
        arrays = {name: getattr(self, name) for name in ("W", "H", "digital_W", "digital_H")}
        history = [asdict(item) for item in self.history]
        return arrays, {"history": history, "provenance": self.provenance}

    @classmethod
    def from_mapping(cls, arrays: dict[str, Array], values: dict[str, Any]) -> _State:
        """Reverse `to_mapping`."""
        history = [Iteration(**item) for item in values["history"]]
        return cls(**arrays, history=history, provenance=values["provenance"])


def _iterate(
    state: _State,
    V: Array,
    mask: Mask | None,
    number: int,
    seed: int,
    analog: RegressionStep,
    digital: RegressionStep,
) -> Asking[_State]:
    W, H, runs, reseeded = yield from _alternate(analog, V, mask, state.W, number, seed)
    digital_W, digital_H, _, _ = yield from _alternate(
        digital, V, mask, state.digital_W, number, seed
    )
    iteration = Iteration.of(
        Statistics.of(runs),
        relative_residual=_residual(V, mask, W, H),
        digital_relative_residual=_residual(V, mask, digital_W, digital_H),
        reseeded=reseeded,
    )
    provenance = runs[-1].provenance if runs else {}
    return _State(W, H, digital_W, digital_H, [*state.history, iteration], provenance)


def _alternate(
    step: RegressionStep, V: Array, mask: Mask | None, W: Array, number: int, seed: int
) -> Asking[tuple[Array, Array, list[Run], int]]:
    turned = None if mask is None else mask.T
    W, first_dead = revive(W, [seed, 2 * number])
    H_columns, first = yield HalfStep(step, W, V.T, turned, 2 * number)
    H_columns, second_dead = revive(H_columns, [seed, 2 * number + 1])
    W, second = yield HalfStep(step, H_columns, V, mask, 2 * number + 1)
    return W, H_columns.T, first + second, first_dead + second_dead


def revive(factor: Array, stream: list[int]) -> tuple[Array, int]:
    """Give all-zero columns of a factor a new random start, of the size of the others."""
    peak = factor.max(axis=0)
    dead = peak <= DEAD * peak.max()
    if not dead.any():
        return factor, 0
    draw = np.random.default_rng(stream)
    fresh = draw.random(factor.shape) * (peak.max() or 1.0)
    return np.where(dead, fresh, factor), int(dead.sum())


def _residual(V: Array, mask: Mask | None, W: Array, H: Array) -> float:
    difference = V - W @ H
    if mask is not None:
        difference, V = difference[mask], V[mask]
    return float(np.linalg.norm(difference) / np.linalg.norm(V))


def _check(V: Array, rank: int, iterations: int, tolerance: float, mask: Mask | None) -> None:
    if V.min() < 0:
        where = tuple(int(k) for k in np.argwhere(V < 0)[0])
        raise InputError(f"V: entry {where} is negative ({V[where]:g}); NMF needs V >= 0")
    if not 1 <= rank <= min(V.shape):
        raise InputError(f"rank = {rank} must be from 1 to {min(V.shape)} (V is {V.shape})")
    if iterations < 1:
        raise InputError(f"iterations = {iterations} must be at least 1")
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance = {tolerance} must be from 0 to below 1")
    if mask is not None and mask.shape != V.shape:
        raise InputError(f"mask: shape {mask.shape} must be {V.shape}, as V")
