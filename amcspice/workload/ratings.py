"""Ratings from a file: who rated what how much.

A line holds user, item, rating and, in every line or in none, a time, separated by a tab, a
comma, white space or ``::``; the first line that holds anything decides.  It may be a header: it
is one if none of its first three fields is a number, and then says which column is which.  A
file that begins with ``%%MatrixMarket`` is read as one: a row a user, a column an item, both
counted from 1.

Users and items are named by whole numbers; gaps between them mean nothing.  A rating is zero or
positive.  Of a pair that was rated twice the latest rating counts: by time where there is one,
else by line.
"""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["RatingTable", "Ratings", "read_ratings", "read_titles"]

COLUMNS = {
    "user": ("user", "userid", "user_id", "users", "reviewer", "reviewerid"),
    "item": ("item", "itemid", "item_id", "items", "movie", "movieid", "movie_id", "book", "isbn"),
    "rating": ("rating", "ratings", "score", "stars", "overall"),
    "time": ("time", "timestamp", "unixreviewtime"),
}
"""What columns of a table are called, in small letters."""

MARKET = "%%matrixmarket"
LARGEST_ID = 2**53
"""Beyond this a floating-point number does not tell neighbours apart."""

SHOWN = 40
"""Characters of a faulty field that a message shows."""


@dataclass(frozen=True, eq=False)
class RatingTable:
    """Ratings as a file gives them, every pair once; N of them.

    Parameters
    ----------
    users, items : ndarray of int, shape (N,)
        Ids.
    values : ndarray, shape (N,)
    duplicates : int
        Ratings that a later one of the same pair replaced.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
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
    users, items : ndarray of int, shapes (m,) and (n,)
        Ids in ascending order; only those with a rating.
    matrix : csr_array, shape (m, n)
        A stored entry is a rating, whatever its value.
    scale : tuple of float
        Lowest and highest rating.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    matrix: sp.csr_array
    scale: tuple[float, float]

    @classmethod
    def of(cls, table: RatingTable, scale: tuple[float, float] | None = None) -> Ratings:
        """Arrange ratings as a matrix; None takes the scale from the ratings themselves."""
        users, row = np.unique(table.users, return_inverse=True)
        items, column = np.unique(table.items, return_inverse=True)
        matrix = sp.coo_array((table.values, (row, column)), shape=(len(users), len(items)))
        low, high = scale or (float(table.values.min()), float(table.values.max()))
        return cls(users, items, matrix.tocsr(), (low, high))

    def places(self, table: RatingTable) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns of other ratings, -1 where the user or item is not known."""
        return _position(self.users, table.users), _position(self.items, table.items)


def _position(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return np.where(ids[at] == wanted, at, -1)


def read_ratings(path: Path | str, scale: tuple[float, float] | None = None) -> RatingTable:
    """Read ratings; the module's documentation defines the format.

    Parameters
    ----------
    path : path
    scale : tuple of float, optional
        Lowest and highest rating that is allowed.

    Raises
    ------
    InputError
        If the file is missing or not as defined; the message names the first faulty line.
    """
    path = Path(path)
    text = _text(path)
    layout = _Layout.of(path, text)
    try:
        table = layout.parse(text)
    except (ValueError, UserWarning):  # numpy warns of a file without data
        layout.explain(text, scale)
    ids, values = table[:, :2], table[:, 2]
    low, high = scale or (0.0, math.inf)
    inside = (ids >= layout.lowest_id) & (ids <= layout.largest) & (ids == np.floor(ids))
    fine = np.isfinite(table).all() and inside.all() and values.min() >= max(low, 0.0)
    if not fine or values.max() > high or layout.entries not in (None, len(table)):
        layout.explain(text, scale)
    time = table[:, 3] if layout.fields == 4 else np.zeros(len(table))
    users, items = ids.astype(np.int64).T
    return _latest(users, items, values, time)


def _latest(
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    values: NDArray[np.float64],
    time: NDArray[np.float64],
) -> RatingTable:
    """Keep the latest rating of every pair, in the order of users and items."""
    order = np.lexsort((np.arange(len(values)), time, items, users))
    users, items, values = users[order], items[order], values[order]
    last = np.append((np.diff(users) != 0) | (np.diff(items) != 0), True)
    return RatingTable(users[last], items[last], values[last], int((~last).sum()))


def read_titles(path: Path | str) -> dict[int, str]:
    """Read titles of items: ``id|title|...`` (u.item), ``id::title::...`` or a CSV with a header.

    Raises
    ------
    InputError
        If the file is missing or a line does not begin with a whole number and a title.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    titles: dict[int, str] = {}
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    header = [name.strip().lower() for name in text.partition("\n")[0].split(",")]
    item = next((header.index(word) for word in COLUMNS["item"] if word in header), None)
    if item is not None and "title" in header:
        return _titles_of_table(path, text, item, header.index("title"))
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, _, rest = line.partition("::" if "::" in line else "|")
        title = rest.partition("::" if "::" in line else "|")[0].strip()
        if not (name.isascii() and name.strip().isdigit() and title):
            raise InputError(
                f"{path}, line {number}: {_shown(line)} is not an item and its title "
                "(id|title, id::title, or a CSV whose header names item and title)"
            )
        titles[int(name)] = title
    return titles


def _titles_of_table(path: Path, text: str, item: int, title: int) -> dict[int, str]:
    titles = {}
    rows = csv.reader(io.StringIO(text))
    next(rows)
    for row in rows:
        if not row:
            continue
        if len(row) <= max(item, title) or not row[item].strip().isdecimal():
            raise InputError(
                f"{path}, line {rows.line_num}: {_shown(','.join(row))} is not an item and a title"
            )
        titles[int(row[item])] = row[title].strip()
    return titles


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not text (byte {content[error.start]:#04x}); expected user, "
            "item and rating in every line"
        ) from None
    if not text.strip():
        raise InputError(f"{path}, line 1: there is nothing; the file is empty")
    return text.replace("\r\n", "\n")


@dataclass(frozen=True)
class _Layout:
    """How the lines of one file are to be read.

    Parameters
    ----------
    path : Path
        For messages.
    skipped : int
        Lines before the first rating.
    separator : str
        ``" "`` stands for any white space.
    fields : int
        3, or 4 with a time.
    lowest_id : int
    largest : tuple of int
        Largest id of a user and of an item.
    entries : int, optional
        Number of ratings that a MatrixMarket file announces.
    columns : tuple of int, optional
        Where user, item, rating and time stand, if a header says so.
    width : int
        Fields of a line; 0: as many as are read.
    """

    path: Path
    skipped: int
    separator: str
    fields: int
    lowest_id: int = 0
    largest: tuple[int, int] = (LARGEST_ID, LARGEST_ID)
    entries: int | None = None
    columns: tuple[int, ...] | None = None
    width: int = 0

    @classmethod
    def of(cls, path: Path, text: str) -> _Layout:
        """Look at the beginning of a file."""
        if text[: len(MARKET)].lower() == MARKET:
            return cls._market(path, text)
        lines = text.split("\n", 1000)
        first = next((k for k, line in enumerate(lines[:1000]) if line.strip()), 0)
        line = lines[first]
        separator = next((sign for sign in ("\t", "::", ",") if sign in line), " ")
        names = _split(line, separator)
        header, named = not any(_is_number(name) for name in names[:3]), names
        follows = [other for other in lines[first + 1 : 1000] if other.strip()]
        if header and follows:
            separator = next((sign for sign in ("\t", "::", ",") if sign in follows[0]), " ")
            names = _split(follows[0], separator)
        layout = cls(path, first + header, separator, min(max(len(names), 3), 4))
        if header and not follows:
            layout._refuse(first + 1, f"{_shown(line)} is not user, item and rating")
        return layout._by_name(first + 1, named, len(names)) if header else layout

    def _by_name(self, number: int, names: Sequence[str], width: int) -> _Layout:
        """Return the layout with the columns that a header names."""
        known = [name.strip("\"'").lower() for name in names]
        places = [
            next((known.index(word) for word in words if word in known), None)
            for words in COLUMNS.values()
        ]
        missing = [
            what
            for what, place in zip(COLUMNS, places, strict=True)
            if place is None and what != "time"
        ]
        if missing:
            words = ", ".join(COLUMNS[missing[0]][:3])
            self._refuse(number, f"the header names no {missing[0]} (such as {words})")
        columns = tuple(place for place in places if place is not None)
        return replace(self, fields=len(columns), columns=columns, width=width)

    @classmethod
    def _market(cls, path: Path, text: str) -> _Layout:
        lines = text.split("\n")
        plain = cls(path, 0, " ", 3)
        kind = lines[0].lower().split()[1:]
        if kind[:2] != ["matrix", "coordinate"] or kind[2:] not in (
            ["real", "general"], ["integer", "general"],
        ):  # fmt: skip
            plain._refuse(
                1, "a MatrixMarket file of ratings must be 'matrix coordinate real general' or "
                "'... integer general'",
            )  # fmt: skip
        at = next(
            (k for k, line in enumerate(lines[1:], 1) if line.strip() and line[0] != "%"), None
        )
        size = [] if at is None else lines[at].split()
        if at is None or len(size) != 3 or not all(part.isdecimal() for part in size):
            plain._refuse(
                (at or len(lines) - 1) + 1, "expected the numbers of rows, columns and entries"
            )
        m, n, count = map(int, size)
        return cls(path, at + 1, " ", 3, 1, (m, n), count)

    def parse(self, text: str) -> NDArray[np.float64]:
        """Read all lines at once; raises ValueError for what is not as it should be."""
        separator = self.separator
        if separator == "::":
            text, separator = text.replace("::", "\t"), "\t"
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            table = np.loadtxt(
                io.StringIO(text),
                delimiter=None if separator == " " else separator,
                comments=None,
                skiprows=self.skipped,
                usecols=self.columns,
                ndmin=2,
            )
        if table.shape[1] != self.fields:
            raise ValueError("other fields than expected")
        return table

    def explain(self, text: str, scale: tuple[float, float] | None) -> NoReturn:
        """Find the first faulty line and refuse the file because of it."""
        last = count = 0
        for number, line in enumerate(text.split("\n"), 1):
            if number <= self.skipped or not line.strip():
                continue
            last, count = number, count + 1
            fault = self._fault(line, scale)
            if fault is not None:
                self._refuse(number, fault)
        if self.entries is not None and count != self.entries:
            self._refuse(last or 1, f"the file ends after {count} of {self.entries} ratings")
        self._refuse(last or 1, "the file holds no ratings that can be read")

    def _fault(self, line: str, scale: tuple[float, float] | None) -> str | None:
        """Say what is wrong with a line; None if nothing is."""
        words = _split(line, self.separator)
        width = self.width or self.fields
        if len(words) != width:
            names = "user, item and rating" if self.fields == 3 else "user, item, rating and time"
            return f"{len(words)} fields in {_shown(line)}, expected {width}: {names}"
        if self.columns is not None:
            words = [words[column] for column in self.columns]
        for what, word, most in zip(("user", "item"), words, self.largest, strict=False):
            if not (_is_number(word) and float(word).is_integer()):
                return f"{what} {_shown(word)} is not a whole number"
            if not self.lowest_id <= float(word) <= most:
                return f"{what} {_shown(word)} must be from {self.lowest_id} to {most}"
        for what, word in zip(("rating", "time"), words[2:], strict=False):
            if not _is_number(word):
                return f"{what} {_shown(word)} is not a number"
        value = float(words[2])
        if value < 0:
            return f"rating {_shown(words[2])} is negative"
        if scale is not None and not scale[0] <= value <= scale[1]:
            low, high = scale
            return f"rating {_shown(words[2])} is outside the scale from {low:g} to {high:g}"
        return None

    def _refuse(self, number: int, fault: str) -> NoReturn:
        raise InputError(f"{self.path}, line {number}: {fault}")


def _split(line: str, separator: str) -> list[str]:
    words = line.split() if separator == " " else line.split(separator)
    return [word.strip() for word in words]


def _is_number(word: str) -> bool:
    try:
        return word.isascii() and "_" not in word and math.isfinite(float(word))
    except ValueError:
        return False


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
