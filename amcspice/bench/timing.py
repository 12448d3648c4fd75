"""Timing callables side by side: interleaved repeats, medians, one thread, no garbage collector.

What disturbs a machine for a while (another program, a processor that gets warm) then meets all
sides alike, so that their ratio stands even where the seconds do not.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

__all__ = ["Measured", "Timed", "of_commands", "on_processor", "side_by_side"]

REPEATS, QUICK_REPEATS = 5, 3
PATIENCE, QUICK_PATIENCE = 20.0, 1.0
"""A side that has taken this long in all is not repeated again [s]."""


@dataclass(frozen=True, eq=False)
class Timed:
    """What a side returns that measures itself: in another process, or its processor time.

    Parameters
    ----------
    answer : object
    seconds : float
        Time that it took [s].
    """

    answer: Any
    seconds: float


@dataclass(frozen=True, eq=False)
class Measured:
    """Answer of a side and how long each of its runs took.

    Parameters
    ----------
    answer : object
        Answer of the first run.
    seconds : tuple of float
        A value a run [s].
    """

    answer: Any
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median run time [s]."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> float:
        """Slowest less fastest run, as a fraction of the median."""
        return (max(self.seconds) - min(self.seconds)) / self.median


def on_processor(side: Callable[[], Any]) -> Callable[[], Timed]:
    """Return a side that measures its processor time, which other programs hardly change.

    Processes that it runs to their end are counted as well.
    """
    return _timed(side, RUSAGE_SELF, RUSAGE_CHILDREN)


def of_commands(side: Callable[[], Any]) -> Callable[[], Timed]:
    """Return a side that measures the processor time of the processes that it runs to their end.

    Those that these run are counted as well, and what is done here is not.
    """
    return _timed(side, RUSAGE_CHILDREN)


def _timed(side: Callable[[], Any], *of: int) -> Callable[[], Timed]:
    def spent() -> float:
        usages = [getrusage(who) for who in of]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    def timed() -> Timed:
        before = spent()
        answer = side()
        return Timed(answer, spent() - before)

    return timed


def side_by_side(
    sides: Mapping[str, Callable[[], Any]], *, quick: bool = False
) -> dict[str, Measured]:
    """Time callables in turn, again and again.

    Parameters
    ----------
    sides : mapping of str to callable
        What they return is kept as the answer of the side.
    quick : bool
        Fewer repeats.
    """
    repeats = QUICK_REPEATS if quick else REPEATS
    patience = QUICK_PATIENCE if quick else PATIENCE
    answers: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    with _undisturbed():
        for _ in range(repeats):
            for name, side in sides.items():
                if sum(seconds[name]) >= patience:
                    continue
                started = time.perf_counter()
                answer = side()
                taken = time.perf_counter() - started
                if isinstance(answer, Timed):
                    answer, taken = answer.answer, answer.seconds
                answers.setdefault(name, answer)
                seconds[name].append(taken)
    return {name: Measured(answers[name], tuple(seconds[name])) for name in sides}


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Give everything one thread, and collect garbage before instead of during the runs."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        with threadpool_limits(1):
            yield
    finally:
        if enabled:
            gc.enable()
