"""Blocks of a half-step: what one task solves, a pure function of files and numbers.

A block is some consecutive regressions.  None is split, and each is summed up by itself in
ascending order, so that neither the cuts nor who solves a block change a bit of it.
"""

from __future__ import annotations

import itertools
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.records import FactorRecords, mapped
from amcspice.algorithm.alternating.reduced import ReducedSolver, Solved
from amcspice.algorithm.alternating.selected_rows import (
    Known,
    padded_rows,
    solve_known,
    squared_errors,
)
from amcspice.engine import Analysis
from amcspice.pool import Report
from amcspice.problem import nonnegative_least_squares
from amcspice.workload.stored.ratings import StoredRatings

__all__ = [
    "AnalogBlock",
    "Block",
    "BlockResult",
    "DigitalBlock",
    "FactorFile",
    "cuts",
    "solve_block",
]

Array = NDArray[np.float64]

OF_RATING, OF_REGRESSION = 60e-9, 15e-6
"""Seconds that a rating and a regression take, about: blocks are cut so that they take as long."""


@dataclass(frozen=True)
class FactorFile:
    """A factor in a ``.npy`` file, as the digital twin reads it.

    Parameters
    ----------
    path : Path
        Rows in whole lots, see `padded_rows`, over two to the power of the exponent.
    rank : int
    exponent : int
        Such that no square is lost.
    """

    path: Path
    rank: int
    exponent: int

    @classmethod
    def of(cls, factor: Array, path: Path) -> FactorFile:
        """Write a factor, shape (m, rank)."""
        exponent = int(np.frexp(np.abs(factor).max(initial=0.0))[1])
        np.save(path, padded_rows(np.ldexp(factor, -exponent)))
        return cls(path, factor.shape[1], exponent)

    @property
    def array(self) -> Array:
        """The rows, mapped."""
        return mapped(self.path)

    def read(self) -> Array:
        """Return the factor itself, shape (m, rank)."""
        return np.ldexp(np.array(self.array[:, : self.rank]), self.exponent)


@dataclass(frozen=True)
class Block:
    """Some regressions of a half-step.

    Parameters
    ----------
    ratings : StoredRatings
    order : {"by_user", "by_item"}
    first, last : int
        Of the users, or items.
    factor : FactorFile
        The one that is held fixed; errors are those of the product with it.
    ridge : float
        For each rating of a regression.
    scale : tuple of float, optional
        Lowest and highest rating, where errors are wanted.
    """

    ratings: StoredRatings
    order: str
    first: int
    last: int
    factor: FactorFile
    ridge: float
    scale: tuple[float, float] | None

    def known(self) -> tuple[Known, NDArray[np.intp]]:
        """Return the ratings of those that have any, and their numbers in the block."""
        known = self.ratings.known(self.order, self.first, self.last)
        some = np.flatnonzero(known.counts)
        starts = np.append(known.starts[:-1][some], known.starts[-1])
        return known._replace(starts=starts), some

    def errors(self, known: Known, values: Array) -> Array:
        """Return squared errors of predictions, shape (K, 2); see `squared_errors`."""
        if self.scale is None:
            return np.zeros((len(values), 2))
        unit = 2.0**self.factor.exponent
        return squared_errors(self.factor.array, known, values * unit, self.scale)


@dataclass(frozen=True, eq=False)
class BlockResult:
    """What a block gives.

    Parameters
    ----------
    some : ndarray of int, shape (K,)
        Regressions that have ratings; of others the solution is zero.
    values : ndarray, shape (K, rank)
    errors : ndarray, shape (K, 2)
        Squared errors of predictions, as they are and cut to the scale.
    seconds : float
        CPU time that it took [s].
    memory : float
        Largest resident memory of the process so far [B].
    solved : Solved, optional
        What was measured, of circuits; without its values.
    """

    some: NDArray[np.intp]
    values: Array
    errors: Array
    seconds: float
    memory: float
    solved: Solved | None = None


@dataclass(frozen=True)
class AnalogBlock:
    """A block on the circuit.

    Parameters
    ----------
    block : Block
    records : FactorRecords
        In a file.
    analysis : Analysis
    """

    block: Block
    records: FactorRecords
    analysis: Analysis

    def solve(self, report: Report) -> BlockResult:
        """Solve every regression."""
        began, block = time.process_time(), self.block
        known, some = block.known()
        report(block.last - block.first - len(some))  # nothing is known of them
        if not some.size:
            return _nothing(block, began)
        solved = ReducedSolver(self.analysis).solve(
            self.records, known, block.ridge * known.counts, report
        )
        errors = block.errors(known, solved.values)
        return BlockResult(some, solved.values, errors, *_spent(began), solved.figures())


@dataclass(frozen=True)
class DigitalBlock:
    """A block of the digital twin: exact answers.

    Parameters
    ----------
    block : Block
    """

    block: Block

    def solve(self, report: Report) -> BlockResult:
        """Solve every regression."""
        began, block = time.process_time(), self.block
        known, some = block.known()
        if not some.size:
            return _nothing(block, began)
        factor, exponent = block.factor.array, block.factor.exponent
        ridges = block.ridge * known.counts
        values, left = solve_known(
            factor, block.factor.rank, known, np.ldexp(ridges, -2 * exponent)
        )
        values = np.ldexp(values, -exponent)
        for number in np.flatnonzero(left).tolist():
            own = known.part(number, number + 1)
            matrix = np.ldexp(factor[own.indices, : block.factor.rank], exponent)
            values[number] = nonnegative_least_squares(
                matrix, own.values[None], ridge=float(ridges[number])
            )[0]
        errors = block.errors(known, values)
        return BlockResult(some, values, errors, *_spent(began))


def _nothing(block: Block, began: float) -> BlockResult:
    rank = block.factor.rank
    none = np.zeros(0, np.intp)
    return BlockResult(none, np.zeros((0, rank)), np.zeros((0, 2)), *_spent(began))


def _spent(began: float) -> tuple[float, float]:
    """Return the CPU time since then [s], and the largest memory of this process so far [B]."""
    memory = 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return time.process_time() - began, memory


def solve_block(task: Any, report: Report) -> Any:
    """Solve whatever block it is: the function that tasks are sent with."""
    return task.solve(report)


def cuts(counts: NDArray[np.int64], blocks: int) -> list[tuple[int, int]]:
    """Cut regressions into blocks that take about as long as each other.

    Parameters
    ----------
    counts : ndarray of int, shape (K,)
        Ratings of each.
    blocks : int
        How many, at most: no regression is split.
    """
    cost = np.cumsum(OF_RATING * counts + OF_REGRESSION)
    wanted = np.arange(1, blocks) * (cost[-1] / blocks)
    edges = np.unique(np.concatenate([[0], np.searchsorted(cost, wanted), [len(counts)]]))
    return [(int(first), int(last)) for first, last in itertools.pairwise(edges)]
