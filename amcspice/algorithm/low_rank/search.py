"""Which rank, and how many copies of its factors, the cells of one array are best used for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from amcspice.algorithm.low_rank.errors import ErrorTerms, Moments, two_step_terms
from amcspice.algorithm.low_rank.factors import Factors
from amcspice.circuit.base import Array
from amcspice.errors import InputError

__all__ = ["Budget", "Choice", "break_even", "choose"]

SLACK = 0.015
"""Part by which an error may be above the least one, for fewer amplifiers and conversions."""

NOISES = np.geomspace(1e-4, 1.0, 9)
"""Write noise between which a break-even is looked for."""


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
        right, left = factors.cells_an_entry(rank)
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


def choose(
    matrix: Array, candidates: Sequence[Factors], moments: Moments, budget: Budget, baseline: float
) -> Choice:
    """Return the smallest rank whose error is within 1.5 % of the least.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
    candidates : sequence of Factors
    moments : Moments
    budget : Budget
    baseline : float
        Relative error of one array: a rank that is better is never given up for one that is not.

    Raises
    ------
    InputError
        If no rank leaves a copy of both factors.
    """
    made = [
        choice
        for factors in candidates
        for choice in _choices(factors, two_step_terms(matrix, factors, moments), budget)
    ]
    if not made:
        raise InputError(_no_copy(candidates, budget))
    least = min(choice.square for choice in made)
    limit = least * (1 + SLACK) ** 2
    if least < baseline**2 <= limit:
        limit = least
    return min((each for each in made if each.square <= limit), key=lambda each: each.rank)


def _choices(factors: Factors, terms: ErrorTerms, budget: Budget) -> list[Choice]:
    made = []
    for rank in factors.ranks.tolist():
        one, two = budget.options(factors, rank)
        if not one.size:
            continue
        k = rank - 1
        squares = terms.first[k] / one + terms.second[k] / two + terms.cross[k] / (one * two)
        best = int(squares.argmin())
        fixed = float(terms.truncation[k] + terms.bias[k])
        repeats = int(one[best]), int(two[best])
        made.append(Choice(factors, terms, rank, repeats, fixed + float(squares[best])))
    return made


def _no_copy(candidates: Sequence[Factors], budget: Budget) -> str:
    factors = min(candidates, key=lambda each: int(each.ranks[0]))
    rank = int(factors.ranks[0])
    first, second = budget.sizes(factors, rank)
    one, two = budget.repeats or (1, 1)
    return (
        f"rank {rank} with {one} + {two} copies of its factors takes {one * first + two * second} "
        f"cells, but there are {budget.cells}: take fewer, or give more cells"
    )


def break_even(advantage: Callable[[float], float]) -> float | None:
    """Return the least write noise at which two steps help, as a fraction of g_max.

    Parameters
    ----------
    advantage : callable
        Of the write noise: logarithm of the error in two steps over that of one array.

    Returns
    -------
    float or None
        Zero where they help at the least noise that is looked at; None where at none up to g_max.
    """
    before = None
    for noise in NOISES.tolist():
        if advantage(noise) < 0:
            if before is None:
                return 0.0
            root = brentq(
                lambda log: advantage(float(np.exp(log))), np.log(before), np.log(noise), xtol=1e-3
            )
            return float(np.exp(root))
        before = noise
    return None
