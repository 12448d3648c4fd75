"""The worst value of a parameter that still meets a limit, and how sure it is.

An error is a root mean square over problems, every value meeting the same problems and draws.
Such errors grow with wire resistance and write noise and fall with gain and bandwidth, so that
bisection finds where they pass a limit; with levels they do not fall in every step, so that these
are scanned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bound", "Limit", "Outcome", "Worst", "bisect", "scan"]

Array = NDArray[np.float64]
Value = float | int | None

CLOSE = 1.03
"""How closely a bound is found, as a factor."""

RESAMPLED = 200
"""Sets of problems that the spread of an answer is taken over."""

ROUNDING = 1e-9
"""Relative differences up to here are those of arithmetic."""

IN_A_ROW = 3
"""Numbers of levels, one after the other, that must all meet the limit."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a value gives, an entry a problem.

    Parameters
    ----------
    squares : ndarray, shape (P,)
        Mean square of the relative errors; infinite where there is no answer.
    times : ndarray, shape (P,)
        Longest settling time [s]; zero where there is no time, infinite where it does not settle.
    reason : str
        Why there is no answer; empty if there is one.
    """

    squares: Array
    times: Array
    reason: str = ""

    @property
    def error(self) -> float:
        """Root mean square."""
        return float(np.sqrt(self.squares.mean()))

    @property
    def settling_time(self) -> float:
        """Longest of all [s]."""
        return float(self.times.max())


@dataclass(frozen=True)
class Limit:
    """What must be met.

    Parameters
    ----------
    error : float
        Largest relative error, rms.
    settling_time : float, optional
        Longest time [s].
    """

    error: float
    settling_time: float | None = None

    def use(self, outcome: Outcome, problems: NDArray[np.intp] | slice = slice(None)) -> float:
        """Return how much of the limit an outcome uses; one is all of it."""
        used = float(np.sqrt(outcome.squares[problems].mean())) / self.error
        if self.settling_time is None:
            return used
        return max(used, float(outcome.times[problems].max()) / self.settling_time)

    def met(self, outcome: Outcome) -> bool:
        """Whether an outcome meets it."""
        return self.use(outcome) <= 1


@dataclass(frozen=True)
class Bound:
    """Between what values a parameter is looked for.

    Parameters
    ----------
    best : tuple of float or None
        Values that serve best, tried one after the other.
    least : float
        Smallest step away from a best value of zero.
    worst : float
    """

    best: tuple[Value, ...]
    least: float
    worst: float


@dataclass(frozen=True, eq=False)
class Worst:
    """What was found.

    Parameters
    ----------
    value : float or int or None
        Worst one that meets the limit; the best one where none does.
    reachable : bool
        Whether one does.
    open : bool
        Whether the worst value that was tried meets it, too.
    spread : float
        Standard deviation of the value over sets of problems like these; nan where it is not known.
    tried : dict of value to Outcome
    """

    value: Value
    reachable: bool
    open: bool
    spread: float
    tried: dict[Value, Outcome]


def bisect(evaluate: Callable[[Value], Outcome], bound: Bound, limit: Limit) -> Worst:
    """Return the worst value that meets a limit: best end first, then bisection of logarithms.

    Parameters
    ----------
    evaluate : callable
        Returns the outcome of a value.
    bound : Bound
    limit : Limit
    """
    tried: dict[Value, Outcome] = {}

    def meets(value: Value) -> bool:
        tried[value] = evaluate(value)
        return limit.met(tried[value])

    best = next((value for value in bound.best if meets(value)), None)
    if best is None:
        return Worst(bound.best[0], False, False, np.nan, tried)
    if meets(bound.worst):
        return Worst(bound.worst, True, True, np.nan, tried)
    good = float(best)
    if not good:
        good = bound.least
        if not meets(good):
            return Worst(best, True, False, np.nan, tried)
    bad = bound.worst
    while max(good / bad, bad / good) > CLOSE:
        middle = float(f"{np.sqrt(good * bad):.4g}")
        good, bad = (middle, bad) if meets(middle) else (good, middle)
    return Worst(good, True, False, _spread_of_crossing(tried, limit), tried)


def _spread_of_crossing(tried: dict[Value, Outcome], limit: Limit) -> float:
    """Return the deviation of where the limit is passed, over problems drawn again."""
    values = np.array(sorted(value for value in tried if value), dtype=float)
    outcomes = [tried[value] for value in values]
    usable = [k for k, each in enumerate(outcomes) if np.isfinite(limit.use(each))]
    if len(usable) < 2 or len(outcomes[0].squares) < 2:
        return float("nan")
    crossings = []
    for problems in _resampled(len(outcomes[0].squares)):
        uses = np.log([max(limit.use(outcomes[k], problems), 1e-12) for k in usable])
        crossings.append(_crossing(np.log(values[usable]), uses))
    found = np.exp(crossings)
    return float(np.std(found)) if np.ptp(found) > ROUNDING * found.max() else 0.0


def _crossing(values: Array, uses: Array) -> float:
    """Return where uses pass zero, both logarithms; the nearest value where they do not."""
    signs = np.flatnonzero(np.diff(np.sign(uses)))
    if not signs.size:
        return float(values[np.argmin(np.abs(uses))])
    k = signs[0]
    part = uses[k] / (uses[k] - uses[k + 1])
    return float(values[k] + part * (values[k + 1] - values[k]))


def scan(evaluate: Callable[[Value], Outcome], ladder: Sequence[int], limit: Limit) -> Worst:
    """Return the smallest number that meets a limit, with those after it, from below.

    Parameters
    ----------
    evaluate : callable
        Returns the outcome of a number; of None that of infinitely many.
    ladder : sequence of int
        Numbers to try, ascending.
    limit : Limit
    """
    tried: dict[Value, Outcome] = {None: evaluate(None)}
    if not limit.met(tried[None]):
        return Worst(None, False, False, np.nan, tried)
    row = 0
    for number in ladder:
        tried[number] = evaluate(number)
        row = row + 1 if limit.met(tried[number]) else 0
        if row == IN_A_ROW:
            break
    numbers = [number for number in ladder if number in tried]
    if not row:
        return Worst(None, True, False, np.nan, tried)
    found = numbers[-row]
    uses = [
        [limit.use(tried[number], problems) for number in numbers]
        for problems in _resampled(len(tried[None].squares))
    ]
    answers = [_first_in_a_row(numbers, each) for each in uses]
    spread = float(np.std(answers)) if len(tried[None].squares) > 1 else float("nan")
    return Worst(found, True, found == ladder[0], spread, tried)


def _first_in_a_row(numbers: Sequence[int], uses: Sequence[float]) -> int:
    """Return the first number from which on all meet the limit, of those that were tried."""
    failing = [k for k, use in enumerate(uses) if use > 1]
    first = failing[-1] + 1 if failing else 0
    return numbers[min(first, len(numbers) - 1)]


def _resampled(count: int) -> NDArray[np.intp]:
    """Return sets of as many problems, drawn with replacement."""
    draw = np.random.default_rng(count)
    return draw.integers(count, size=(RESAMPLED, count))
