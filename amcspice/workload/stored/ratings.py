"""Ratings on disk as whoever solves some regressions reads them; see `rating_store`.

What is read is a slice of each file, read at once and let go: files that are mapped count as
memory of a process that works on a cluster, which then stops to take tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.algorithm.alternating.selected_rows import Known
from amcspice.errors import InputError
from amcspice.workload.rating_store import ORDERS, write_rating_store
from amcspice.workload.rating_table import Ids, Ratings, RatingTable

__all__ = ["HELD_OUT", "Figures", "StoredRatings", "store_ratings"]

HELD_OUT, NAMES = "held_out.npz", "ids.npz"

USERS_AT_ONCE = 1 << 14
"""Users that are written at a time."""

ENTRIES_AT_ONCE = 1 << 22
"""Ratings that are in memory at a time where all are gone through."""


@dataclass(frozen=True)
class Figures:
    """What is known of all ratings together.

    Parameters
    ----------
    lowest, highest, mean : float
    norm : float
        Root of the sum of squares.
    """

    lowest: float
    highest: float
    mean: float
    norm: float


@dataclass(frozen=True)
class StoredRatings:
    """A folder of ratings, see `write_rating_store`.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    InputError
        If it holds none, when it is read.
    """

    folder: Path

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Users and items."""
        users, items = (self._size(order, "indptr") - 1 for order in ORDERS)
        return users, items

    @cached_property
    def count(self) -> int:
        """Number of ratings."""
        return self._size(ORDERS[0], "data")

    def counts(self, order: str) -> NDArray[np.int64]:
        """Return how many ratings each user, or item, has.

        Parameters
        ----------
        order : {"by_user", "by_item"}
        """
        return np.diff(self._read(order, "indptr", 0, self._size(order, "indptr")))

    def known(self, order: str, first: int, last: int) -> Known:
        """Return the ratings of consecutive users, or items."""
        starts = self._read(order, "indptr", first, last + 1)
        if starts[0] < 0 or (np.diff(starts) < 0).any():
            raise InputError(f"{self._path(order, 'indptr')}: starts do not ascend")
        indices = self._read(order, "indices", int(starts[0]), int(starts[-1]))
        values = self._read(order, "data", int(starts[0]), int(starts[-1])).astype(float)
        # Compiled code looks up what it is told, whatever that is.
        others = self.shape[1 - ORDERS.index(order)]
        if indices.min(initial=0) < 0 or indices.max(initial=0) >= others:
            raise InputError(
                f"{self._path(order, 'indices')}: a number is not from 0 to {others - 1}"
            )
        if not (values.min(initial=0.0) >= 0 and values.max(initial=0.0) < np.inf):
            raise InputError(f"{self._path(order, 'data')}: a rating is negative or not finite")
        return Known(starts - starts[0], indices, values)

    def some(self, order: str, numbers: NDArray[np.intp]) -> Known:
        """Return the ratings of some users, or items."""
        parts = [self.known(order, int(number), int(number) + 1) for number in numbers]
        counts = [len(part.indices) for part in parts]
        return Known(
            np.cumsum([0, *counts]),
            np.concatenate([part.indices for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    def pieces(self) -> Iterator[NDArray[np.float32]]:
        """Yield all ratings, by user, a bounded number at a time."""
        for first in range(0, self.count, ENTRIES_AT_ONCE):
            last = min(first + ENTRIES_AT_ONCE, self.count)
            yield self._read(ORDERS[0], "data", first, last)

    @cached_property
    def figures(self) -> Figures:
        """Of all ratings; each piece is summed up in order."""
        low, high, total, square = np.inf, -np.inf, 0.0, 0.0
        for piece in self.pieces():
            values = piece.astype(float)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
            total, square = total + float(values.sum()), square + float((values**2).sum())
        return Figures(low, high, total / self.count, float(np.sqrt(square)))

    @cached_property
    def held_out(self) -> RatingTable | None:
        """Ratings that are held out, in places of users and items; None if there are none."""
        path = self.folder / HELD_OUT
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as archive:
            return RatingTable(archive["users"], archive["items"], archive["values"].astype(float))

    @cached_property
    def ids(self) -> tuple[Ids, Ids]:
        """Ids of users and of items; their places where no others were written."""
        path = self.folder / NAMES
        if not path.is_file():
            users, items = self.shape
            return np.arange(users), np.arange(items)
        with np.load(path, allow_pickle=False) as archive:
            return archive["users"], archive["items"]

    def stamp(self) -> list[Any]:
        """Return what tells these ratings from others: sizes, and times of the files."""
        parts = [self._path(order, part) for order in ORDERS for part in ("data", "indices")]
        return [*self.shape, self.count, *(path.stat().st_size for path in parts), self.figures]

    def _path(self, order: str, part: str) -> Path:
        return self.folder / order / f"{part}.npy"

    def _size(self, order: str, part: str) -> int:
        try:
            with self._path(order, part).open("rb") as stream:
                return _header(stream)[0]
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder}: holds no ratings ({error})") from None

    def _read(self, order: str, part: str, first: int, last: int) -> NDArray[Any]:
        """Return a slice of a file: whole numbers as the compiled code takes them."""
        try:
            with self._path(order, part).open("rb") as stream:
                _, kind = _header(stream)
                values = np.fromfile(stream, kind, last - first, offset=first * kind.itemsize)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.folder}: ratings cannot be read ({error}); every process that solves "
                "regressions has to see the folder under the same name"
            ) from None
        if len(values) != last - first:
            raise InputError(f"{self._path(order, part)}: the file ends too early")
        return values if part == "data" else values.astype(np.int64)


def store_ratings(
    folder: Path, ratings: Ratings, held_out: RatingTable | None = None
) -> StoredRatings:
    """Write ratings that are in memory to a folder.

    Parameters
    ----------
    folder : Path
        Exists.
    ratings : Ratings
    held_out : RatingTable, optional
    """
    matrix = ratings.matrix
    cuts = range(0, matrix.shape[0], USERS_AT_ONCE)
    blocks = (matrix[first : first + USERS_AT_ONCE] for first in cuts)
    write_rating_store(folder, blocks, matrix.shape)
    np.savez(folder / NAMES, users=ratings.users, items=ratings.items)
    (folder / HELD_OUT).unlink(missing_ok=True)
    if held_out is not None:
        users, items = ratings.places(held_out)
        np.savez(folder / HELD_OUT, users=users, items=items, values=held_out.values)
    return StoredRatings(folder)


def _header(stream: Any) -> tuple[int, np.dtype[Any]]:
    """Read the header of a .npy file; return its length and type."""
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"version {version} of the .npy format")
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    return int(shape[0]), kind
