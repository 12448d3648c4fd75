"""Which rank, and how many copies of its factors, the cells of one array are best used for."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from amcspice.algorithm.low_rank.errors import ErrorTerms, HeldFactors, Moments
from amcspice.algorithm.low_rank.factors import Factors
from amcspice.circuit.base import Array
from amcspice.errors import InputError

__all__ = ["Budget", "Choice", "break_even", "choose", "find_choices", "white_break_even"]

SLACK = 0.015
"""Part by which an error may be above the least one, for fewer amplifiers and conversions."""

LEAST, MOST = 1e-4, 1.0
"""Write noise between which a break-even is looked for."""

BRACKET, WIDER = 1.1, 1.5
"""First step from where it is expected, a factor, and how many times longer each next one is."""

EXACT = 1e-3
"""Relative error of a break-even."""


@dataclass(frozen=True)
class Budget:
    """Cells for both factors, and what is asked of their copies.

    Parameters
    ----------
    shape : (int, int)
        Of the matrix, (m, n).
    cells : int
    repeats : (int, int), optional
        Copies of the arrays of the first and the second step; None is as the cells allow.
    """

    shape: tuple[int, int]
    cells: int
    repeats: tuple[int, int] | None = None

    def sizes(self, factors: Factors, rank: int) -> tuple[int, int]:
        """Return the cells of one copy of the array of the first and of the second step."""
        m, n = self.shape
        right, left = factors.cells_an_entry[:, rank - 1].tolist()
        return right * rank * n, left * rank * m

    def options(self, factors: Factors, rank: int) -> tuple[Array, Array]:
        """Return what R1 and R2 may be, with every cell used that makes a copy."""
        first, second = self.sizes(factors, rank)
        if self.repeats is not None:
            one, two = (np.array([float(copies)]) for copies in self.repeats)
            fits = one * first + two * second <= self.cells
            return one[fits], two[fits]
        one = np.arange(1.0, (self.cells - second) // first + 1)
        return one, (self.cells - one * first) // second


@dataclass(frozen=True, eq=False)
class Choice:
    """A rank with the best copies for it, and its squared relative error."""

    factors: Factors
    terms: ErrorTerms
    rank: int
    repeats: tuple[int, int]
    square: float


def find_choices(
    matrix: Array, candidates: Sequence[Factors], moments: Moments, budget: Budget
) -> list[Choice]:
    """Return ranks with the best copies for each: all that may be within the slack of the least.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    candidates : sequence of Factors
    moments : Moments
    budget : Budget

    Raises
    ------
    InputError
        If no rank leaves a copy of both factors.
    """
    made = [
        choice for factors in candidates for choice in _choices(matrix, factors, moments, budget)
    ]
    if not made:
        raise InputError(_no_copy(candidates, budget))
    return made


def choose(choices: Sequence[Choice], baseline: float) -> Choice:
    """Return the smallest rank whose error is within 1.5 % of the least.

    Parameters
    ----------
    choices : sequence of Choice
    baseline : float
        Relative error of one array: a rank that is better is never given up for one that is not.
    """
    least = min(choice.square for choice in choices)
    limit = least * (1 + SLACK) ** 2
    if least < baseline**2 <= limit:
        limit = least
    return min((each for each in choices if each.square <= limit), key=lambda each: each.rank)


def _choices(matrix: Array, factors: Factors, moments: Moments, budget: Budget) -> list[Choice]:
    """Return ranks whose noise, with what any product of the rank must miss, is within the limit.

    What the means of their cells miss is worked out for those alone.
    """
    held, size = HeldFactors.of(matrix, factors, moments), float((matrix**2).sum())
    copies = [
        (rank, *best)
        for rank in factors.ranks.tolist()
        if (best := _best_copies(held, rank, budget)) is not None
    ]
    if not copies:
        return []
    bounds = np.array([factors.floor[rank - 1] / size + noise for rank, _, noise in copies])
    least, _, noise = copies[int(bounds.argmin())]
    limit = max((_fixed(held.terms(least), least) + noise) * (1 + SLACK) ** 2, bounds.min())
    chosen = [each for each, bound in zip(copies, bounds, strict=True) if bound <= limit]
    terms = held.terms(chosen[-1][0])
    return [
        Choice(factors, terms, rank, repeats, _fixed(terms, rank) + noise)
        for rank, repeats, noise in chosen
    ]


def _best_copies(
    held: HeldFactors, rank: int, budget: Budget
) -> tuple[tuple[int, int], float] | None:
    """Return the copies of least noise and that noise; None where there are none."""
    one, two = budget.options(held.factors, rank)
    if not one.size:
        return None
    k = rank - 1
    squares = held.first[k] / one + held.second[k] / two + held.cross[k] / (one * two)
    best = int(squares.argmin())
    return (int(one[best]), int(two[best])), float(squares[best])


def _fixed(terms: ErrorTerms, rank: int) -> float:
    return float(terms.truncation[rank - 1] + terms.bias[rank - 1])


def _no_copy(candidates: Sequence[Factors], budget: Budget) -> str:
    factors = min(candidates, key=lambda each: int(each.ranks[0]))
    rank = int(factors.ranks[0])
    first, second = budget.sizes(factors, rank)
    one, two = budget.repeats or (1, 1)
    return (
        f"rank {rank} with {one} + {two} copies of its factors takes {one * first + two * second} "
        f"cells, but there are {budget.cells}: take fewer, or give more cells"
    )


def white_break_even(matrix: Array, factors: Factors, budget: Budget) -> float:
    """Return the white noise at which two steps break even, copies being any numbers from 0 on.

    With P of one array, and the copies that are best for c_V and c_U cells each, of C in all,

        sigma^2 = min_r t(r) / (P - Q(r)),   Q = (sqrt(P_V c_V) + sqrt(P_U c_U))^2 / C

    without the noise of both steps at once.  Infinite where Q is never below P.
    """
    m, n = budget.shape
    size = float((matrix**2).sum())
    one_array = n * float((matrix**2).max(axis=1).sum()) / size
    first = n * np.cumsum(factors.gains**2 * (factors.left**2).sum(axis=0)) / size
    second = m * np.cumsum(factors.gains**2 * (factors.right**2).sum(axis=1)) / size
    right, left = factors.cells_an_entry * np.arange(1, len(factors.gains) + 1)
    two_steps = (np.sqrt(first * right * n) + np.sqrt(second * left * m)) ** 2 / budget.cells
    less = one_array - two_steps[factors.ranks - 1]
    missed = factors.missed[factors.ranks - 1] / size
    squares = np.divide(missed, less, out=np.full(len(less), np.inf), where=less > 0)
    return float(np.sqrt(squares.min()))


def break_even(advantage: Callable[[float], float], expected: float) -> float | None:
    """Return the least write noise at which two steps help, as a fraction of g_max.

    Parameters
    ----------
    advantage : callable
        Of the write noise: logarithm of the error in two steps over that of one array.
    expected : float
        About where that is, such as `white_break_even`.

    Returns
    -------
    float or None
        Zero where they help at the least noise that is looked at; None where at none up to g_max.
    """
    at = functools.cache(lambda log: advantage(float(np.exp(log))))
    lowest, highest = float(np.log(LEAST)), float(np.log(MOST))
    if at(lowest) < 0:
        return 0.0
    inner = float(np.clip(np.log(expected) if expected > 0 else lowest, lowest, highest))
    helps = at(inner) < 0
    step = -np.log(BRACKET) if helps else np.log(BRACKET)
    outer = inner
    while (at(outer) < 0) is helps:
        if not helps and outer == highest:
            return None
        inner, outer = outer, float(np.clip(outer + step, lowest, highest))
        step *= WIDER
    return float(np.exp(scipy.optimize.brentq(at, inner, outer, xtol=EXACT)))
