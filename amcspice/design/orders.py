"""Effects that come one after the other: what each adds to the mean square error.

What an effect adds depends on which others are there already.  The mean over all orders is the
value of L. S. Shapley (1953); it adds up to the whole in any case.  Each draw of the hardware has
orders of its own, and goes through each forwards and backwards: where errors superpose, what an
effect adds in both is its exact part, so that orders add no noise of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from amcspice.circuit.base import Array
from amcspice.design.effects import Effects
from amcspice.design.variants import CircuitVariants, ProgramVariants, Variant
from amcspice.errors import UnstableError

__all__ = ["Tried", "parts_by_order"]

FEWEST = 10
"""Orders at the least, all draws together."""


class Tried:
    """Errors of variants, each of which runs once.

    Parameters
    ----------
    runner : CircuitVariants or ProgramVariants
    seeds : sequence of int
        Of the draws.
    """

    def __init__(self, runner: CircuitVariants | ProgramVariants, seeds: Sequence[int]) -> None:
        self.runner, self.seeds = runner, seeds
        self.every = frozenset(runner.effects)
        whole = [Variant(self.every, seed) for seed in seeds]
        self._found = dict(zip(whole, _finite(runner.run_whole(whole)), strict=True))

    def __len__(self) -> int:
        """Return the number of draws."""
        return len(self.seeds)

    def _variant(self, kept: Effects, draw: int) -> Variant:
        """Return a variant; what nothing is drawn of is that of the first draw."""
        return Variant(kept, self.seeds[draw if self.runner.drawn(kept) else 0])

    def run(self, pairs: Iterable[tuple[Effects, int]]) -> None:
        """Run variants, of some draws, that did not run yet, all together."""
        wanted = dict.fromkeys(self._variant(kept, draw) for kept, draw in pairs)
        missing = [each for each in wanted if each not in self._found]
        self._found |= zip(missing, _finite(self.runner.run(missing)), strict=True)

    def run_all(self, sets: Iterable[Effects]) -> None:
        """Run variants of every draw."""
        self.run((kept, draw) for kept in sets for draw in range(len(self)))

    def error(self, kept: Effects, draw: int) -> Array:
        """Return the errors (K,) of one draw."""
        return self._found[self._variant(kept, draw)]

    def errors(self, kept: Effects) -> Array:
        """Return the errors of all draws, shape (S, K)."""
        return np.stack([self.error(kept, draw) for draw in range(len(self))])


def _finite(errors: list[Array]) -> list[Array]:
    """Return errors, all of which are numbers.

    Raises
    ------
    UnstableError
    """
    for each in errors:
        if not np.isfinite(each).all():
            number = int(np.flatnonzero(~np.isfinite(each))[0])
            raise UnstableError(
                f"right-hand side {number} comes to no rest, so that its error is not known"
            )
    return errors


def parts_by_order(tried: Tried, names: Sequence[str], seed: int) -> dict[str, Array]:
    """Return what every effect adds to the square of the error, each shape (S, K).

    Parameters
    ----------
    tried : Tried
    names : sequence of str
        Effects that occur.
    seed : int
        Of the orders.
    """
    draw = np.random.default_rng([seed, len(names)])
    each = -(-FEWEST // len(tried))
    ways = []
    for number in np.repeat(np.arange(len(tried)), each).tolist():
        order = [names[k] for k in draw.permutation(len(names))]
        ways += [(number, order), (number, order[::-1])]
    tried.run((kept, number) for number, way in ways for kept in _chain(way))
    parts = {name: np.zeros(tried.errors(tried.every).shape) for name in names}
    for number, way in ways:
        squares = [tried.error(kept, number) ** 2 for kept in _chain(way)]
        for name, (before, after) in zip(way, pairwise(squares), strict=True):
            parts[name][number] += (after - before) / (2 * each)
    return parts


def _chain(order: Sequence[str]) -> list[Effects]:
    """Return the sets that grow from none to all in an order."""
    return [frozenset(order[:k]) for k in range(len(order) + 1)]
