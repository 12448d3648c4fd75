"""Ratings in memory: as a table, every pair once, and as a sparse matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = ["Ids", "RatingTable", "Ratings", "are_names"]

Ids = NDArray[Any]
"""Ids of users or items: whole numbers, or names (text)."""


def are_names(ids: Ids) -> bool:
    """Whether ids are names rather than whole numbers."""
    return ids.dtype.kind == "U"


@dataclass(frozen=True, eq=False)
class RatingTable:
    """Ratings as a file gives them, every pair once; N of them.

    Parameters
    ----------
    users, items : ndarray of int or str, shape (N,)
        Ids.
    values : ndarray, shape (N,)
    duplicates : int
        Ratings that a later one of the same pair replaced.
    """

    users: Ids
    items: Ids
    values: NDArray[np.float64]
    duplicates: int = 0

    def __len__(self) -> int:
        """Return the number of ratings."""
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings as a sparse matrix, with the ids of its rows and columns.

    Parameters
    ----------
    users, items : ndarray of int or str, shapes (m,) and (n,)
        Ids in ascending order; only those with a rating.
    matrix : csr_array, shape (m, n)
        A stored entry is a rating, whatever its value.
    scale : tuple of float
        Lowest and highest rating.
    """

    users: Ids
    items: Ids
    matrix: scipy.sparse.csr_array
    scale: tuple[float, float]

    @classmethod
    def of(cls, table: RatingTable, scale: tuple[float, float] | None = None) -> Ratings:
        """Arrange ratings as a matrix; None takes the scale from the ratings themselves."""
        users, row = np.unique(table.users, return_inverse=True)
        items, column = np.unique(table.items, return_inverse=True)
        matrix = scipy.sparse.coo_array(
            (table.values, (row, column)), shape=(len(users), len(items))
        )
        low, high = scale or (float(table.values.min()), float(table.values.max()))
        return cls(users, items, matrix.tocsr(), (low, high))

    def places(self, table: RatingTable) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of other ratings, -1 where the user or item is not known."""
        return _position(self.users, table.users), _position(self.items, table.items)


def _position(ids: Ids, wanted: Ids) -> NDArray[np.intp]:
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, at, -1)
