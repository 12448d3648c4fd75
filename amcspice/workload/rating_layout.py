"""How the lines of one file of ratings are read; `ratings` defines the format."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
import warnings
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError
from amcspice.files import file_content
from amcspice.workload.rating_columns import COLUMNS, place
from amcspice.workload.rating_fields import (
    LARGEST_ID,
    fault_of_name,
    is_count,
    is_name,
    is_number,
    seconds,
    separator_of,
    shown,
    split,
)
from amcspice.workload.rating_table import Ids

__all__ = ["Columns", "Layout", "rating_text"]

Array = NDArray[np.float64]
Columns = tuple[Ids, Ids, Array, Array]
"""Users, items, ratings and times (zero where there are none), a rating each."""

MARKET = "%%matrixmarket"
ZEROS_BEFORE = re.compile(r"(?<![\d.eE+-])0\d", re.ASCII)
"""A number with zeros before it."""

LOOKED_AT = 1000
"""Lines among which the first that holds anything is looked for."""


def rating_text(path: Path) -> str:
    """Return the text of a file of ratings.

    Raises
    ------
    InputError
        If the file is missing, empty or no text.
    """
    content = file_content(path)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: not text in UTF-8 (byte {content[error.start]:#04x}); expected "
            "user, item and rating in every line"
        ) from None
    if not text.strip():
        raise InputError(f"{path}, line 1: there is nothing; the file is empty")
    return text.replace("\r\n", "\n").replace("\r", "\n")


@dataclass(frozen=True)
class Layout:
    """How the lines of one file are to be read.

    Parameters
    ----------
    path : Path
        For messages.
    skipped : int
        Lines before the first rating.
    separator : str
        ``" "`` stands for any white space.
    columns : tuple of int
        Where user, item, rating and, if there is one, time stand.
    width : int
        Fields of a line.
    names : tuple of bool
        Whether users, and items, have names.
    lowest_id : int
    largest : tuple of int
        Largest id of a user and of an item.
    entries : int, optional
        Number of ratings that a MatrixMarket file announces.
    """

    path: Path
    skipped: int
    separator: str
    columns: tuple[int, ...] = (0, 1, 2)
    width: int = 3
    names: tuple[bool, bool] = (False, False)
    lowest_id: int = 0
    largest: tuple[int, int] = (LARGEST_ID, LARGEST_ID)
    entries: int | None = None

    @classmethod
    def of(cls, path: Path, text: str) -> Layout:
        """Look at the beginning of a file."""
        if text[: len(MARKET)].lower() == MARKET:
            return cls._market(path, text)
        lines = text.split("\n", LOOKED_AT)[:LOOKED_AT]
        first = next((k for k, line in enumerate(lines) if line.strip()), 0)
        separator = separator_of(lines[first])
        words = split(lines[first], separator)
        if any(is_number(word) for word in words[:3]):
            width = min(max(len(words), 3), 4)
            return cls(path, first, separator, tuple(range(width)), width)._by_ids(words)
        rest = [line for line in lines[first + 1 :] if line.strip()]
        layout = cls(path, first + 1, separator)
        if not rest:
            layout._refuse(first + 1, f"{shown(lines[first])} is not user, item and rating")
        follows = layout._first_row(rest, separator)
        if len(follows) != len(words):  # texts may hold signs that separate elsewhere
            separator = separator_of(rest[0])
            follows = layout._first_row(rest, separator)
        layout = replace(layout, separator=separator)._by_header(first + 1, words, len(follows))
        return layout._by_ids(follows)

    def _first_row(self, lines: Sequence[str], separator: str) -> list[str]:
        """Return the fields of the first rating, whose texts in quotes may go on in other lines."""
        if separator in (" ", "::"):
            return split(lines[0], separator)
        try:
            row = next(csv.reader((f"{line}\n" for line in lines), delimiter=separator))
        except csv.Error:
            return split(lines[0], separator)
        return [word.strip() for word in row]

    def _by_header(self, number: int, header: Sequence[str], width: int) -> Layout:
        """Return the layout with the columns that a header names."""
        places = {what: place(what, header) for what in ("user", "item", "rating", "time")}
        for where in places.values():
            if where is not None and header.count(header[where]) > 1:
                self._refuse(number, f"the header names {header[where]!r} twice: which is it?")
        for what, where in places.items():
            if where is None and what != "time":
                words = ", ".join(list(dict.fromkeys((what, *COLUMNS[what])))[:3])
                self._refuse(number, f"the header names no {what} (such as {words})")
        if len(header) != width:
            self._refuse(
                number,
                f"the header names {len(header)} columns, but the first rating has {width} fields: "
                "which is which?",
            )
        return replace(
            self, columns=tuple(k for k in places.values() if k is not None), width=width
        )

    def _by_ids(self, words: Sequence[str]) -> Layout:
        """Return the layout with names where the ids of the first rating are some."""
        if len(words) != self.width:
            return self
        user, item = (words[k] for k in self.columns[:2])
        return self.with_names(is_name(user), is_name(item))

    def with_names(self, users: bool, items: bool) -> Layout:
        """Return the layout with names, or whole numbers, of users and items."""
        return replace(self, names=(users, items))

    @classmethod
    def _market(cls, path: Path, text: str) -> Layout:
        lines = text.split("\n")
        plain = cls(path, 0, " ")
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
        if at is None or len(size) != 3 or not all(is_count(part) for part in size):
            plain._refuse(
                (at or len(lines) - 1) + 1, "expected the numbers of rows, columns and entries"
            )
        m, n, count = map(int, size)
        return cls(path, at + 1, " ", lowest_id=1, largest=(m, n), entries=count)

    def read(self, text: str, scale: tuple[float, float] | None) -> Columns:
        """Return all ratings.

        Raises
        ------
        InputError
            At the first line that is not as it should be.
        """
        columns = self._read_at_once(text, scale)
        return self._read_by_line(text, scale) if columns is None else columns

    def _read_at_once(self, text: str, scale: tuple[float, float] | None) -> Columns | None:
        """Return the ratings if a line holds numbers and nothing else; None if not all do."""
        separator = self.separator
        if any(self.names) or self.width != len(self.columns):
            return None
        if self.entries is None and ZEROS_BEFORE.search(text):  # 007 and 7 are not the same
            return None
        if separator == "::":
            text, separator = text.replace("::", "\t"), "\t"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)  # of a file without data
                table = np.loadtxt(
                    io.StringIO(text),
                    delimiter=None if separator == " " else separator,
                    comments=None,
                    quotechar=None if separator == " " else '"',
                    skiprows=self.skipped,
                    ndmin=2,
                )
        except (ValueError, UserWarning):
            return None
        if table.shape[1] != self.width or self.entries not in (None, len(table)):
            return None
        table = table[:, self.columns]
        ids, values = table[:, :2], table[:, 2]
        low, high = scale or (0.0, math.inf)
        largest = np.minimum(self.largest, LARGEST_ID - 1)  # which may have been rounded
        inside = (ids >= self.lowest_id) & (ids <= largest) & (ids == np.floor(ids))
        if not (np.isfinite(table).all() and inside.all()):
            return None
        if values.min() < max(low, 0.0) or values.max() > high:
            return None
        users, items = ids.astype(np.int64).T
        return users, items, values, table[:, 3] if self.width == 4 else np.zeros(len(table))

    def _read_by_line(self, text: str, scale: tuple[float, float] | None) -> Columns:
        ids: tuple[list[str], list[str]] = ([], [])
        known: dict[str, str] = {}
        values, times = array("d"), array("d")
        number = self.skipped
        for number, words in self._rows(text):
            try:
                user, item, value, time = self._rating(words, scale)
            except ValueError as fault:
                self._refuse(number, str(fault))
            for one, name in zip(ids, (user, item), strict=True):
                one.append(known.setdefault(name, name))
            values.append(value)
            times.append(time)
        if not values or self.entries not in (None, len(values)):
            told = f"{len(values)} of {self.entries}" if self.entries is not None else "no"
            self._refuse(max(number, 1), f"the file ends after {told} ratings")
        users, items = (
            np.array(one) if named else np.array(one).astype(float).astype(np.int64)
            for one, named in zip(ids, self.names, strict=True)
        )
        return users, items, np.array(values), np.array(times)

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the fields of every line that holds any, with its number."""
        if self.separator in (" ", "::"):
            for number, line in enumerate(text.split("\n"), 1):
                if number > self.skipped and line.strip():
                    yield number, split(line, self.separator)
            return
        lines = io.StringIO(text, newline="\n")
        for _ in range(self.skipped):
            lines.readline()
        reader = csv.reader(lines, delimiter=self.separator)
        before = self.skipped
        try:
            for row in reader:
                if any(word.strip() for word in row) or len(row) > 1:
                    yield before + 1, [word.strip() for word in row]
                before = self.skipped + reader.line_num
        except csv.Error as error:
            self._refuse(before + 1, f"a quote that does not end ({error})")

    def _rating(
        self, words: Sequence[str], scale: tuple[float, float] | None
    ) -> tuple[str, str, float, float]:
        """Return user, item, rating and time of a line; ValueError says what is wrong with it."""
        if len(words) != self.width:
            names = "user, item and rating" if self.width == 3 else "user, item, rating and time"
            line = (self.separator if self.separator != " " else " ").join(words)
            raise ValueError(
                f"{len(words)} fields in {shown(line)}, expected {self.width}: {names}"
            )
        user, item, rating, *time = (words[k] for k in self.columns)
        ids = zip(("user", "item"), (user, item), self.names, self.largest, strict=True)
        for what, word, named, most in ids:
            fault = fault_of_name(word) if named else self._fault_of_number(word, most)
            if fault is not None:
                hint = f"; --names {what}s takes all of them as names" if is_name(word) else ""
                raise ValueError(f"{what} {shown(word)} {fault}{hint}")
        if self.separator == ";":
            rating = rating.replace(",", ".")
        if not is_number(rating):
            raise ValueError(f"rating {shown(rating)} is not a number")
        value = float(rating)
        if value < 0:
            raise ValueError(f"rating {shown(rating)} is negative")
        if scale is not None and not scale[0] <= value <= scale[1]:
            low, high = scale
            raise ValueError(
                f"rating {shown(rating)} is outside the scale from {low:g} to {high:g}"
            )
        return user, item, value, seconds(time[0]) if time else 0.0

    def _fault_of_number(self, word: str, most: int) -> str | None:
        if not (is_number(word) and float(word).is_integer()):
            return "is not a whole number"
        if self.entries is None and ZEROS_BEFORE.match(word):
            return "has zeros before it, as names have"
        exact = int(word) if is_count(word) else float(word)
        inside = self.lowest_id <= exact <= most
        return None if inside else f"must be from {self.lowest_id} to {most}"

    def _refuse(self, number: int, fault: str) -> NoReturn:
        raise InputError(f"{self.path}, line {number}: {fault}")
