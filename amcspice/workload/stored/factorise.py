"""Alternating least squares on stored ratings, half-step by half-step, with its digital twin."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.anls import reseed
from amcspice.algorithm.alternating.checkpoint import Checkpoint
from amcspice.algorithm.alternating.factorisation import Iteration, Scores, has_converged
from amcspice.errors import InputError
from amcspice.measure import Measurement
from amcspice.pool import Report
from amcspice.simulation.provenance import simulator_at, versions_at
from amcspice.system.ledger import Ledger
from amcspice.system.work import Estimate
from amcspice.workload.rating_store import ORDERS
from amcspice.workload.recommend import DAMPING
from amcspice.workload.stored.half_step import HalfStepResult, half_step
from amcspice.workload.stored.ratings import StoredRatings
from amcspice.workload.stored.task import Executor, StoredTask

__all__ = ["StoredFactorisation", "factorise_stored", "provenance_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StoredFactorisation:
    """What one half-step hands to the next, and the result in the end.

    Parameters
    ----------
    W, H : ndarray, shapes (m, rank) and (n, rank)
        Factors found by the circuit: a row for each user, and for each item.
    digital_W, digital_H : ndarray
        Of the digital twin.
    cycle : int
        Half-steps that are done.
    history : tuple of Iteration
    scores, digital_scores : tuple of dict
        After each iteration.
    half_steps : tuple of dict
        Figures of each half-step, as plain values.
    ledger : Ledger
    estimates : tuple of Estimate
        Of each half-step that was sampled.
    measured : Measurement
        Of the first half of an iteration, until the second has come.
    """

    W: Array
    H: Array
    digital_W: Array
    digital_H: Array
    cycle: int = 0
    history: tuple[Iteration, ...] = ()
    scores: tuple[Scores, ...] = ()
    digital_scores: tuple[Scores, ...] = ()
    half_steps: tuple[dict[str, Any], ...] = ()
    ledger: Ledger = field(default_factory=Ledger)
    estimates: tuple[Estimate, ...] = ()
    measured: Measurement = field(default_factory=Measurement.blank)

    @classmethod
    def start(cls, task: StoredTask) -> StoredFactorisation:
        """Draw W as `State.start` does."""
        m, n = task.ratings.shape
        draw = np.random.default_rng(task.seed)
        W = draw.random((m, task.rank)) * 2 * task.ratings.figures.mean / task.rank
        H = np.zeros((n, task.rank))
        return cls(W, H, W, H)

    def is_over(self, task: StoredTask) -> bool:
        """Tell whether there is nothing more to do."""
        if self.cycle % 2:
            return False
        return len(self.history) >= task.iterations or has_converged(self.history, task.tolerance)

    @property
    def estimate(self) -> Estimate | None:
        """Time and energy of an operation, from all samples."""
        if not self.estimates:
            return None
        joined = self.estimates[0]
        for each in self.estimates[1:]:
            joined = joined.joined(each)
        return joined

    def to_checkpoint(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and plain values."""
        arrays = {name: getattr(self, name) for name in ("W", "H", "digital_W", "digital_H")}
        arrays |= {f"measured_{name}": a for name, a in self.measured.to_arrays().items()}
        return arrays, {
            "cycle": self.cycle,
            "history": [asdict(each) for each in self.history],
            "scores": self.scores,
            "digital_scores": self.digital_scores,
            "half_steps": self.half_steps,
            "ledger": self.ledger.to_json(),
            "estimates": [asdict(each) for each in self.estimates],
        }

    @classmethod
    def from_checkpoint(
        cls, arrays: dict[str, Array], values: dict[str, Any]
    ) -> StoredFactorisation:
        """Reverse `to_checkpoint`."""
        names = [name for name in arrays if name.startswith("measured_")]
        figures = {name.removeprefix("measured_"): arrays.pop(name) for name in names}
        return cls(
            **arrays,
            cycle=values["cycle"],
            history=tuple(Iteration(**each) for each in values["history"]),
            scores=tuple(values["scores"]),
            digital_scores=tuple(values["digital_scores"]),
            half_steps=tuple(values["half_steps"]),
            ledger=Ledger.from_json(values["ledger"]),
            estimates=tuple(Estimate(**each) for each in values["estimates"]),
            measured=Measurement.from_arrays(figures),
        )


def factorise_stored(
    task: StoredTask,
    executor: Executor,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Report | None = None,
    on_half_step: Callable[[StoredFactorisation], None] | None = None,
) -> StoredFactorisation:
    """Factorise stored ratings; who solves the blocks, and how many there are, changes no bit.

    Parameters
    ----------
    task : StoredTask
    executor : Executor
        `Pool` on this machine, `DaskPool` on a cluster.
    checkpoint : Path, optional
        File that is replaced after every half-step.
    resume : bool
        Go on from it, if there is one.
    progress : callable, optional
        Called with the number of regressions finished since the last call.
    on_half_step : callable, optional
        Called after each with what was found so far.

    Raises
    ------
    InputError
        If the checkpoint is of another run, or a file cannot be read where a block is solved.
    SimulationError
        If a block cannot be solved.
    """
    m, n = task.ratings.shape
    if not 1 <= task.rank <= min(m, n):
        raise InputError(f"rank = {task.rank} must be from 1 to {min(m, n)} ({m} users, {n} items)")
    kept = Checkpoint(checkpoint, _identity(task))
    content = kept.load() if resume else None
    state = (
        StoredFactorisation.from_checkpoint(*content)
        if content
        else StoredFactorisation.start(task)
    )
    while not state.is_over(task):
        state = _after(task, state, executor, progress)
        kept.save(state.to_checkpoint, last=True)
        if on_half_step is not None:
            on_half_step(state)
    return state


def _identity(task: StoredTask) -> list[Any]:
    """Return everything that the state after a half-step depends on."""
    return [
        task.ratings.stamp(), task.rank, task.tolerance, task.seed, task.ridge, task.scale,
        task.circuit, repr(sorted(task.parameters.items())), repr(task.analysis), task.predicted,
        task.sample,
    ]  # fmt: skip


def _after(
    task: StoredTask, state: StoredFactorisation, executor: Executor, progress: Report | None
) -> StoredFactorisation:
    """Return the state after one more half-step."""
    cycle = state.cycle
    fixed = (state.H, state.digital_H) if cycle % 2 else (state.W, state.digital_W)
    (factor, reseeded), (twin, _) = (reseed(each, [task.seed, cycle]) for each in fixed)
    made = half_step(task, factor, twin, cycle, executor, progress)
    figures = {**made.figures, "reseeded": reseeded}
    state = replace(
        state,
        cycle=cycle + 1,
        ledger=state.ledger.joined(made.ledger),
        half_steps=(*state.half_steps, figures),
        estimates=(*state.estimates, *([made.estimate] if made.estimate else [])),
    )
    if cycle % 2 == 0:
        return replace(
            state, W=factor, digital_W=twin, H=made.values, digital_H=made.digital_values,
            measured=made.measured,
        )  # fmt: skip
    state = replace(state, H=factor, digital_H=twin, W=made.values, digital_W=made.digital_values)
    return _iterated(task, state, made)


def _iterated(
    task: StoredTask, state: StoredFactorisation, made: HalfStepResult
) -> StoredFactorisation:
    """Return the state with the figures of a whole iteration."""
    ratings, norm = task.ratings, task.ratings.figures.norm or 1.0
    analog, digital = made.errors.sum(axis=0), made.digital_errors.sum(axis=0)
    iteration = Iteration.of(
        Measurement.join([state.measured, made.measured]),
        relative_residual=float(np.sqrt(analog[0])) / norm,
        digital_relative_residual=float(np.sqrt(digital[0])) / norm,
        reseeded=sum(each["reseeded"] for each in state.half_steps[-2:]),
    )
    scores = [
        {"rmse_train": float(np.sqrt(cut / ratings.count)), **_held_out(ratings, W, H, task.scale)}
        for cut, W, H in (
            (analog[1], state.W, state.H),
            (digital[1], state.digital_W, state.digital_H),
        )
    ]
    return replace(
        state,
        history=(*state.history, iteration),
        scores=(*state.scores, scores[0]),
        digital_scores=(*state.digital_scores, scores[1]),
        measured=Measurement.blank(),
    )


def _held_out(ratings: StoredRatings, W: Array, H: Array, scale: tuple[float, float]) -> Scores:
    """Return the errors of predictions that were held out; the fallback is the damped mean."""
    table = ratings.held_out
    if table is None:
        return {}
    mean, sides = ratings.figures.mean, dict(zip(ORDERS, (table.users, table.items), strict=True))
    rated = {
        order: (places >= 0) & (ratings.counts(order)[places] > 0)
        for order, places in sides.items()
    }
    covered = rated["by_user"] & rated["by_item"]
    predicted = np.full(len(table), mean)
    for order, places in sides.items():  # the mean of the item goes before that of the user
        alone = np.flatnonzero(rated[order] & ~covered)
        predicted[alone] = _damped(ratings, order, places[alone], mean)
    users, items = table.users[covered], table.items[covered]
    predicted[covered] = np.einsum("kr,kr->k", W[users], H[items])
    error = np.clip(predicted, *scale) - table.values
    return {
        "rmse_test": float(np.sqrt(np.mean(error**2))),
        "mae_test": float(np.abs(error).mean()),
    }


def _damped(ratings: StoredRatings, order: str, numbers: Any, mean: float) -> Array:
    """Return the damped means of users, or items, that have ratings; see `Recommender`."""
    if not len(numbers):
        return np.empty(0)
    distinct, back = np.unique(numbers, return_inverse=True)
    known = ratings.some(order, distinct)
    sums = np.add.reduceat(known.values, known.starts[:-1])
    means: Array = (sums + DAMPING * mean) / (known.counts + DAMPING)
    return means[back]


def provenance_of(task: StoredTask) -> dict[str, Any]:
    """Return what is needed to repeat a factorisation, and the memory that it took here [B]."""
    memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        **versions_at(task.analysis),
        "simulator": simulator_at(task.analysis),
        "seed": task.seed,
        "memory_b": memory,
    }
