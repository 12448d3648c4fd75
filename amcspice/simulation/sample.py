"""Samples of operations: which of all that happen are looked at again.

Every operation has an index, a tuple of whole numbers, and a priority: a hash of a seed and that
index.  A sample of N holds the N operations of smallest priority among those that happened.  So
it is exact in number, every operation has the same chance, and neither the order in which they
happen nor how they are shared out over processes, nor how many more might have happened, changes
who is in it; samples of parts make up the sample of the whole.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Index", "Sample", "draw", "priorities", "priority"]

T = TypeVar("T")

Index = tuple[int, ...]
"""Names an operation, such as factorisation, half-step and right-hand side."""

STEP = np.uint64(0x9E3779B97F4A7C15)
MIXING = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
LAST_SHIFT = np.uint64(31)
LARGEST = 2**64 - 1


def priorities(seed: int, *index: ArrayLike) -> NDArray[np.uint64]:
    """Return the priorities of operations: as good as random, and the same every time.

    Parameters
    ----------
    seed : int
    *index : int or array_like of int, not negative
        Parts of the index; they are broadcast against one another.

    Returns
    -------
    ndarray of uint64, of one dimension at least
    """
    state = np.zeros(1, np.uint64)
    for part in (seed % 2**64, *index):
        state = _mix(state + STEP + np.asarray(part, np.uint64))
    return state


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter neighbours over all 64 bits: the output function of SplitMix64.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    for shift, factor in MIXING:
        state = (state ^ (state >> shift)) * factor
    return state ^ (state >> LAST_SHIFT)


def priority(seed: int, *index: int) -> int:
    """Return the priority of one operation, as `priorities` does, without numpy."""
    state = 0
    for part in (seed, *index):
        state = (state + int(STEP) + part) & LARGEST
        for shift, factor in MIXING:
            state = ((state ^ (state >> int(shift))) * int(factor)) & LARGEST
        state ^= state >> int(LAST_SHIFT)
    return state


def draw(count: int, seed: int, shape: Sequence[int]) -> list[Index]:
    """Return the sample of operations whose indices are those of an array of this shape.

    It is what a `Sample` holds in the end, known before anything happens.
    """
    indices = np.indices(tuple(shape)).reshape(len(shape), -1)
    smallest = np.argsort(priorities(seed, *indices), kind="stable")[:count]
    return sorted(tuple(map(int, indices[:, at])) for at in smallest)


class Sample(Generic[T]):
    """The operations of smallest priority among those offered, each with what is kept of it.

    Parameters
    ----------
    count : int
        How many, where so many happen.
    seed : int
    limit : int
        Largest priority that is taken; see `part`.
    """

    def __init__(self, count: int, seed: int, limit: int = LARGEST) -> None:
        self.count, self.seed = count, seed
        self._limit = limit
        self._members: list[tuple[int, Index, T]] = []

    @property
    def limit(self) -> int:
        """Priority above which nothing is taken any more."""
        full = self._members and len(self._members) == self.count
        return self._members[-1][0] if full else self._limit

    def part(self) -> Sample[T]:
        """Return an empty sample for some of the operations, such as those of another process."""
        return Sample(self.count, self.seed, self.limit)

    def admitted(self, *index: ArrayLike) -> NDArray[np.intp]:
        """Return which of several operations might be taken, see `priorities`."""
        if not self.count:
            return np.empty(0, np.intp)
        return np.flatnonzero(priorities(self.seed, *index) <= self.limit)

    def offer(self, index: Index, operation: T) -> None:
        """Take an operation, unless others come first."""
        if self.count:
            self._take((int(priorities(self.seed, *index)[0]), index, operation))

    def merge(self, part: Sample[T]) -> None:
        """Take in the sample of other operations."""
        for member in part._members:
            self._take(member)

    def _take(self, member: tuple[int, Index, T]) -> None:
        if member[0] <= self.limit:
            bisect.insort(self._members, member, key=lambda other: other[:2])
            del self._members[self.count :]

    @property
    def indices(self) -> list[Index]:
        """Indices of the operations, ascending."""
        return sorted(index for _, index, _ in self._members)

    def __iter__(self) -> Iterator[T]:
        """Go through the operations in the order of their indices."""
        return (operation for *_, operation in sorted(self._members, key=lambda member: member[1]))

    def __len__(self) -> int:
        return len(self._members)
