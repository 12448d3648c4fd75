"""A stated sample of the regressions of a half-step, run in time: what settling and energy are.

At dc there is neither time nor energy, and nothing is extrapolated for single regressions.  The
sample is drawn by strata, regressions of about as many ratings, so that rare long ones are in it;
the longest are all in it.  Quantiles have intervals by R. Woodruff (J. Am. Stat. Assoc. 47, 635,
1952): those of the share of regressions below, carried over to the values.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.algorithm.alternating.records import FactorRecords
from amcspice.algorithm.alternating.reduced import ReducedSolver, Solved
from amcspice.engine import Analysis
from amcspice.pool import Report
from amcspice.workload.stored.ratings import StoredRatings

__all__ = ["CONFIDENCE", "Sample", "SampleBlock", "draw"]

Array = NDArray[np.float64]

CONFIDENCE = 0.95
"""Of intervals."""

CERTAIN = 16
"""Regressions with the most ratings, which are all in the sample."""

LEAST = 8
"""Of a stratum, at least; or all of it."""

QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}


@dataclass(frozen=True, eq=False)
class Sample:
    """Regressions that stand for others.

    Parameters
    ----------
    numbers : ndarray of int, shape (R,)
        Ascending.
    strata : ndarray of int, shape (R,)
        Of each.
    weights : ndarray, shape (R,)
        How many each stands for.
    """

    numbers: NDArray[np.intp]
    strata: NDArray[np.intp]
    weights: Array

    def __len__(self) -> int:
        """Return the number of regressions."""
        return len(self.numbers)

    @property
    def total(self) -> float:
        """How many regressions it stands for."""
        return float(self.weights.sum())

    def mean(self, values: Array) -> tuple[float, float]:
        """Return the mean of all regressions, and half of its interval.

        Parameters
        ----------
        values : ndarray, shape (R,)
            Not a number where there is none: others of the stratum stand for it.
        """
        known = np.isfinite(values)
        total = variance = count = 0.0
        for stratum in np.unique(self.strata):
            own = (self.strata == stratum) & known
            size, weight = int(own.sum()), float(self.weights[self.strata == stratum].sum())
            if not size:
                continue
            total, count = total + weight * float(values[own].mean()), count + weight
            if 1 < size < weight:
                spread = float(values[own].var(ddof=1))
                variance += weight**2 * (1 - size / weight) * spread / size
        if not count:
            return float("nan"), float("nan")
        return total / count, _normal() * float(np.sqrt(variance)) / count

    def quantile(self, values: Array, share: float) -> tuple[float, float, float]:
        """Return a quantile of all regressions, and both ends of its interval."""
        known = np.flatnonzero(np.isfinite(values))
        if not known.size:
            return float("nan"), float("nan"), float("nan")
        order = known[np.argsort(values[known], kind="stable")]
        below = np.cumsum(self.weights[order]) / self.weights[order].sum()

        def at(part: float) -> float:
            place = min(int(np.searchsorted(below, part)), len(order) - 1)
            return float(values[order[place]])

        found = at(share)
        marks = np.where(np.isfinite(values), (values <= found).astype(float), np.nan)
        error = max(self.mean(marks)[1], 1 / len(order))
        return found, at(share - error), at(share + error)

    def describe(self, values: Array) -> dict[str, Any]:
        """Return quantiles, mean and sum as plain values, with their intervals."""
        mean, error = self.mean(values)
        made: dict[str, Any] = {}
        for name, share in QUANTILES.items():
            found, low, high = self.quantile(values, share)
            made[name] = found
            made[f"{name}_interval"] = [low, high]
        finite = values[np.isfinite(values)]
        return {
            **made,
            "largest_of_sample": float(finite.max()) if finite.size else float("nan"),
            "mean": mean,
            "mean_interval": [mean - error, mean + error],
            "total": mean * self.total,
            "total_interval": [(mean - error) * self.total, (mean + error) * self.total],
        }


def _normal() -> float:
    return float(scipy.special.ndtri(0.5 + CONFIDENCE / 2))


def draw(counts: NDArray[np.int64], size: int, seed: tuple[int, ...]) -> Sample:
    """Draw a sample by strata.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
        Ratings of each regression; those without any are none.
    size : int
        About how many; all if there are no more.
    seed : tuple of int
    """
    some = np.flatnonzero(counts)
    if len(some) <= size:
        return Sample(some, np.zeros(len(some), int), np.ones(len(some)))
    longest = some[np.argsort(counts[some], kind="stable")[-min(CERTAIN, size) :]]
    rest = np.setdiff1d(some, longest)
    stratum = np.floor(np.log2(counts[rest])).astype(int)
    generator, left = np.random.default_rng(seed), max(size - len(longest), 0)
    numbers, strata, weights = [longest], [np.full(len(longest), -1)], [np.ones(len(longest))]
    for each in np.unique(stratum):
        own = rest[stratum == each]
        wanted = max(round(left * len(own) / len(rest)), LEAST)
        chosen = generator.choice(own, min(wanted, len(own)), replace=False)
        numbers.append(chosen)
        strata.append(np.full(len(chosen), each))
        weights.append(np.full(len(chosen), len(own) / len(chosen)))
    found = np.concatenate(numbers)
    order = np.argsort(found)
    return Sample(found[order], np.concatenate(strata)[order], np.concatenate(weights)[order])


@dataclass(frozen=True, eq=False)
class SampleBlock:
    """Some regressions of a sample, to be run in time on the same cells.

    Parameters
    ----------
    ratings : StoredRatings
    order : {"by_user", "by_item"}
    numbers : ndarray of int
    records : FactorRecords
        In a file.
    analysis : Analysis
        Behavioural.
    ridge : float
        For each rating.
    """

    ratings: StoredRatings
    order: str
    numbers: NDArray[np.intp]
    records: FactorRecords
    analysis: Analysis
    ridge: float

    def solve(self, report: Report) -> tuple[Solved, float]:
        """Solve every regression; return what was found, and the CPU time [s].

        Nothing is reported: the regressions are counted where they are solved at dc.
        """
        began = time.process_time()
        known = self.ratings.some(self.order, self.numbers)
        solved = ReducedSolver(self.analysis).solve(self.records, known, self.ridge * known.counts)
        return solved, time.process_time() - began
