"""Synthetic ratings of the size and the unevenness of a real data set, written to a folder.

How many ratings a user gives is log-normal, and so is how popular an item is; a user rates an item
once.  A rating is a product of non-negative factors, with noise, rounded to whole stars.  Blocks of
users have seeds of their own, so that a few users are the same whatever is made beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.workload.rating_store import write_rating_store
from amcspice.workload.stored.ratings import HELD_OUT

__all__ = ["NETFLIX", "RatingShape", "write_ratings_of_shape"]

BLOCK = 4096
"""Users that are drawn together."""

PARTS = 1 << 22
"""Popularity is a whole number of so many parts."""

HEAVY = 1 / 16
"""Users who rate more than this share of all items are drawn by keys, not by trial."""

AT_ONCE = 1 << 19
"""Ratings whose values are worked out at a time."""

RANK, MEAN, SPREAD, NOISE = 8, 3.6, 0.58, 0.75
"""Of the truth: factors, mean and deviation of their products, and noise [stars]."""


@dataclass(frozen=True)
class RatingShape:
    """Size and unevenness of a table of ratings.

    Parameters
    ----------
    users, items, ratings : int
    user_sigma, item_sigma : float
        Deviation of the logarithm of a user's ratings, and of an item's popularity.
    held_out : float
        Share of the ratings that is held out.
    """

    users: int
    items: int
    ratings: int
    user_sigma: float = 1.28
    item_sigma: float = 1.8
    held_out: float = 1 / 70

    def __post_init__(self) -> None:
        """Validate."""
        if min(self.users, self.items) < 1 or not self.users <= self.ratings:
            raise InputError(f"{self}: needs users, items and a rating of every user")
        if self.ratings > 0.5 * self.users * self.items:
            raise InputError(f"{self}: more than half of all pairs would be rated")

    def part(self, divisor: int) -> RatingShape:
        """Return a smaller one: users and items over the root of a number, ratings over it."""
        root = divisor**0.5
        return RatingShape(
            round(self.users / root), round(self.items / root), round(self.ratings / divisor),
            self.user_sigma, self.item_sigma, self.held_out,
        )  # fmt: skip


NETFLIX = RatingShape(480_189, 17_770, 98_800_000)
"""That of the Netflix prize (J. Bennett, S. Lanning, KDD Cup 2007)."""


def write_ratings_of_shape(folder: Path, shape: RatingShape, seed: int = 0) -> dict[str, Any]:
    """Draw ratings and write them, by user and by item, and those that are held out.

    Parameters
    ----------
    folder : Path
        Exists.
    shape : RatingShape
    seed : int

    Returns
    -------
    dict
        Of training ratings: their number, and quantiles of those of a user and of an item.
    """
    draw = _Draw(shape, seed)
    write_rating_store(folder, draw, (shape.users, shape.items))
    users, items, values = (np.concatenate(part) for part in zip(*draw.held, strict=True))
    np.savez(folder / HELD_OUT, users=users, items=items, values=values)
    per_user, per_item = np.concatenate(draw.per_user), draw.per_item
    return {
        "users": shape.users,
        "items": shape.items,
        "ratings": int(per_user.sum()),
        "held_out": len(values),
        "seed": seed,
        **{
            f"of_{side}": {
                "median": float(np.median(counts)),
                "mean": float(counts.mean()),
                "largest": int(counts.max()),
                "none": int((counts == 0).sum()),
            }
            for side, counts in (("a_user", per_user), ("an_item", per_item))
        },
    }


class _Draw:
    """Blocks of users with their training ratings, gone through once; others are kept aside."""

    def __init__(self, shape: RatingShape, seed: int) -> None:
        self.shape, self.seed = shape, seed
        self.held: list[tuple[NDArray[Any], ...]] = []
        self.per_user: list[NDArray[np.int64]] = []
        self.per_item = np.zeros(shape.items, np.int64)

    def __iter__(self) -> Iterator[scipy.sparse.csr_array]:
        shape = self.shape
        for first in range(0, shape.users, BLOCK):
            counts = self.counts[first : first + BLOCK]
            draw = np.random.default_rng([self.seed, 1, first])
            owners, items = self._pairs(counts, draw)
            values = self._values(owners, items, len(counts), draw)
            out = draw.random(len(values)) < shape.held_out
            self.held.append((first + owners[out], items[out], values[out]))
            owners, items, values = owners[~out], items[~out], values[~out]
            kept = np.bincount(owners, minlength=len(counts))
            self.per_user.append(kept)
            self.per_item += np.bincount(items, minlength=shape.items)
            starts = np.concatenate([[0], np.cumsum(kept)])
            yield scipy.sparse.csr_array((values, items, starts), shape=(len(counts), shape.items))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Ratings of each user, shape (users,); together exactly as many as were asked for."""
        shape = self.shape
        draw = np.random.default_rng([self.seed, 0])
        size = np.exp(shape.user_sigma * draw.standard_normal(shape.users))
        most = shape.items

        def at(scale: float) -> NDArray[np.int64]:
            return np.clip(scale * size, 1, most).astype(np.int64)

        low, high = 0.0, 4.0 * shape.ratings / size.sum() + 1.0
        while at(high).sum() < shape.ratings:
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if at(middle).sum() <= shape.ratings else (low, middle)
        counts: NDArray[np.int64] = at(low)
        missing = shape.ratings - int(counts.sum())
        room = np.flatnonzero(counts < most)
        counts[draw.choice(room, missing, replace=False)] += 1
        return counts

    @cached_property
    def popularity(self) -> NDArray[np.int64]:
        """Parts of `PARTS` that each item has, about; none is without, shape (items,)."""
        draw = np.random.default_rng([self.seed, 2])
        size = np.exp(self.shape.item_sigma * draw.standard_normal(self.shape.items))
        parts: NDArray[np.int64] = np.maximum(np.rint(PARTS * size / size.sum()), 1).astype(
            np.int64
        )
        return parts

    @cached_property
    def _table(self) -> NDArray[np.int32]:
        return np.repeat(np.arange(self.shape.items, dtype=np.int32), self.popularity)

    @cached_property
    def _truth(self) -> NDArray[np.float32]:
        draw = np.random.default_rng([self.seed, 3])
        truth: NDArray[np.float32] = draw.gamma(1.0, size=(self.shape.items, RANK)).astype("f4")
        return truth

    def _pairs(self, counts: NDArray[np.int64], draw: np.random.Generator) -> tuple[Any, Any]:
        """Return who rates what, users ascending and items of each: all different."""
        items = self.shape.items
        heavy = np.flatnonzero(counts > HEAVY * items)
        missing = counts.copy()
        missing[heavy] = 0
        codes = np.empty(0, np.int64)
        while missing.any():
            owners = np.repeat(np.arange(len(counts)), missing)
            drawn = self._table[draw.integers(0, len(self._table), len(owners))]
            new = np.unique(owners * items + drawn)
            if codes.size:
                at = np.minimum(np.searchsorted(codes, new), len(codes) - 1)
                new = new[codes[at] != new]
            codes = np.sort(np.concatenate([codes, new]), kind="stable")
            missing = missing - np.bincount(new // items, minlength=len(counts))
        logs = np.log(self.popularity)
        chosen = [codes]
        for user in heavy:  # the largest of log p - log(-log u): P. Efraimidis, P. Spirakis (2006)
            keys = logs + draw.gumbel(size=items)
            chosen.append(user * items + np.argpartition(-keys, counts[user] - 1)[: counts[user]])
        codes = np.sort(np.concatenate(chosen))
        return np.divmod(codes, items)

    def _values(self, owners: Any, items: Any, users: int, draw: np.random.Generator) -> Any:
        """Return ratings from one to five stars."""
        taste = draw.gamma(1.0, size=(users, RANK)).astype(np.float32)
        values = np.empty(len(owners), np.float32)
        for first in range(0, len(owners), AT_ONCE):
            part = slice(first, first + AT_ONCE)
            products = np.einsum("kr,kr->k", taste[owners[part]], self._truth[items[part]])
            # Sums of products of independent numbers with mean and variance one.
            standard = (products - RANK) / np.float32(np.sqrt(3 * RANK))
            noise = draw.standard_normal(len(products), dtype=np.float32)
            values[part] = MEAN + SPREAD * standard + NOISE * noise
        return np.clip(np.rint(values), 1, 5)
