"""Recommending: predictions and best items from the factors of a table of ratings.

A prediction is the inner product of the factors of user and item, clipped to the scale of the
ratings.  Where one of them has no training ratings its factor does not exist; the fallback is
the damped mean of the other one's ratings, (sum + D mu) / (count + D) with D = `DAMPING` and mu
the mean of all ratings: the item's where the item is known, else the user's, else mu.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.algorithm.alternating.data import inner_products
from amcspice.errors import InputError
from amcspice.files import replacing
from amcspice.workload.rating_table import Ratings, RatingTable, are_names

__all__ = ["DAMPING", "Recommendation", "Recommender", "load_recommender"]

Array = NDArray[np.float64]

LONGEST_NUMBER = 20
"""Digits of an id: more are no user's."""

DAMPING = 5.0
"""Ratings at the overall mean that are added to the mean of one user or item."""


@dataclass(frozen=True)
class Recommendation:
    """An item for a user.

    Parameters
    ----------
    item : int or str
        Id, or name.
    rating : float
        Predicted.
    ratings : int
        How many training ratings the item has.
    """

    item: int | str
    rating: float
    ratings: int


@dataclass(frozen=True, eq=False)
class Recommender:
    """Training ratings with a pair of factors.

    Parameters
    ----------
    ratings : Ratings
        That the factors were found from.
    W : ndarray, shape (m, rank)
        A row a user.
    H : ndarray, shape (rank, n)
        A column an item.
    """

    ratings: Ratings
    W: Array
    H: Array

    def predict(self, table: RatingTable) -> tuple[Array, NDArray[np.bool_]]:
        """Predict ratings of pairs of users and items.

        Parameters
        ----------
        table : RatingTable
            Its values are not looked at.

        Returns
        -------
        predictions : ndarray, shape (N,)
        covered : ndarray of bool, shape (N,)
            False where it is the fallback.
        """
        rows, columns = self.ratings.places(table)
        covered = (rows >= 0) & (columns >= 0)
        by_user, by_item, mean = self._means
        predicted = np.where(
            columns >= 0, by_item[columns], np.where(rows >= 0, by_user[rows], mean)
        )
        predicted[covered] = inner_products(self.W, self.H.T, rows[covered], columns[covered])
        return np.clip(predicted, *self.ratings.scale), covered

    def top(
        self, user: int | str, count: int = 10, *, least_ratings: int = 1
    ) -> list[Recommendation]:
        """Return the items with the highest predictions among those the user has not rated.

        Parameters
        ----------
        user : int or str
            Id, or name; one without training ratings gets the items with the highest damped means.
        count : int
        least_ratings : int
            Items with fewer training ratings are left out: little speaks for them.

        Raises
        ------
        InputError
            If the count is not positive, or the user no whole number though all others are.
        """
        if count < 1:
            raise InputError(f"count = {count} must be at least 1")
        matrix, items = self.ratings.matrix, self.ratings.items
        row = self.row_of(user)
        rated = np.bincount(matrix.indices, minlength=len(items))
        low, high = self.ratings.scale
        # Not clipped before they are ranked: several may lie above the scale.
        predicted = self._means[1] if row is None else self.W[row] @ self.H
        allowed = rated >= least_ratings
        if row is not None:
            allowed[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]] = False
        candidates = np.flatnonzero(allowed)
        best = candidates[np.argsort(-predicted[candidates], kind="stable")[:count]]
        return [
            Recommendation(items[k].item(), float(np.clip(predicted[k], low, high)), int(rated[k]))
            for k in best
        ]

    def row_of(self, user: int | str) -> int | None:
        """Return the row of a user, None of one without training ratings.

        Raises
        ------
        InputError
            If users are whole numbers and this is none.
        """
        users = self.ratings.users
        if are_names(users):
            user = str(user)
        elif isinstance(user, str):
            if not (user.isascii() and user.isdecimal()):
                raise InputError(f"user = {user!r}: users of these ratings are whole numbers")
            user = int(user) if len(user) < LONGEST_NUMBER else -1
        row = int(np.searchsorted(users, user))
        return row if row < len(users) and users[row] == user else None

    @cached_property
    def _means(self) -> tuple[Array, Array, float]:
        """Damped means of users and of items, and the mean of all ratings."""
        matrix = self.ratings.matrix
        m, n = matrix.shape
        mean = float(matrix.data.mean())
        rows = np.repeat(np.arange(m), np.diff(matrix.indptr))

        def damped(at: Any, size: int) -> Array:
            total = np.bincount(at, matrix.data, size) + DAMPING * mean
            result: Array = total / (np.bincount(at, minlength=size) + DAMPING)
            return result

        return damped(rows, m), damped(matrix.indices, n), mean

    def save(self, path: Path) -> None:
        """Write the recommender to a file (.npz), whole or not at all."""
        matrix = self.ratings.matrix
        arrays: dict[str, Any] = {
            "users": self.ratings.users, "items": self.ratings.items,
            "scale": np.array(self.ratings.scale), "W": self.W, "H": self.H,
            "indptr": matrix.indptr, "indices": matrix.indices, "data": matrix.data,
        }  # fmt: skip
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)


def load_recommender(path: Path | str) -> Recommender:
    """Read what `Recommender.save` wrote.

    Raises
    ------
    InputError
        If the file is missing or is none.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            part = {name: archive[name] for name in archive.files}
        users, items, (low, high) = part["users"], part["items"], part["scale"]
        matrix = scipy.sparse.csr_array(
            (part["data"], part["indices"], part["indptr"]), shape=(len(users), len(items))
        )
        W, H = part["W"], part["H"]
        if W.shape != (len(users), len(H)) or H.shape[1:] != (len(items),):
            raise ValueError("shapes do not fit")
        return Recommender(Ratings(users, items, matrix, (float(low), float(high))), W, H)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = f"no {error.args[0]}" if isinstance(error, KeyError) else error
        raise InputError(
            f"{path}: not a recommender ({reason}); amcspice nmf ratings without --executor "
            "writes one"
        ) from None
