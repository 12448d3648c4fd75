"""What is factorised on stored ratings, and who solves its blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from amcspice.engine import Analysis
from amcspice.pool import Report
from amcspice.workload.stored.ratings import StoredRatings

__all__ = ["Executor", "Side", "StoredTask"]

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Applies a function to tasks, here or elsewhere: `Pool`, `DaskPool`."""

    def map(
        self,
        function: Callable[[T, Report], R],
        tasks: Iterable[T],
        report: Callable[[Any], None] | None = None,
    ) -> list[R]:
        """Return the results in the order of the tasks."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredTask:
    """What is factorised, on which circuit, and how it is shared out.

    Parameters
    ----------
    ratings : StoredRatings
    rank, iterations, tolerance, seed
        See `FactorisationTask`.
    ridge : float
        For each rating of a regression.
    scale : tuple of float
        Lowest and highest rating.
    circuit : str, optional
    parameters : mapping
        Of the circuit, see `amcspice.make_circuit`.
    analysis : Analysis
    predicted : bool
        Predict ranges from the first regressions of every half-step, without the answers.
    sample : int
        Regressions of a half-step that are run in time, at dc; 0 runs none.
    blocks : int
        Tasks of a half-step; changes no result.
    folder : Path
        For factors, seen by everyone who solves blocks.
    """

    ratings: StoredRatings
    rank: int
    iterations: int
    tolerance: float
    seed: int
    ridge: float
    scale: tuple[float, float]
    circuit: str | None
    parameters: dict[str, Any]
    analysis: Analysis
    predicted: bool
    sample: int
    blocks: int
    folder: Path


class Side:
    """Whom a half-step is for: items in even cycles, users in odd ones."""

    def __init__(self, ratings: StoredRatings, cycle: int) -> None:
        users, items = ratings.shape
        self.order, self.name = ("by_user", "users") if cycle % 2 else ("by_item", "items")
        self.count = users if cycle % 2 else items
        self._last = bool(cycle % 2)

    def scale(self, task: StoredTask) -> tuple[float, float] | None:
        """Return what predictions are cut to, where errors are looked at: after an iteration."""
        return task.scale if self._last else None
