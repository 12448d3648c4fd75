"""Ratings from a file: who rated what how much; titles of what was rated.

A line holds user, item, rating and, in every line or in none, a time, separated by a tab, a
semicolon, a comma, white space or ``::``; the first line that holds anything decides.  It may be
a header: it is one if none of its first three fields is a number, and then says which column is
which; others are left alone.  Fields may stand in quotes, the file may be packed by gzip, and
behind semicolons a number may have a decimal comma.  A file that begins with ``%%MatrixMarket``
is read as one: a row a user, a column an item, both counted from 1.

Users and items have whole numbers or names.  The first rating decides, each for itself: an id
with anything but digits, or with zeros before them, is a name, and then all are; names are kept
as they are written.  Gaps between numbers mean nothing.  A rating is zero or positive; a time is a
number or a date (ISO 8601).  Of a pair that was rated twice the latest rating counts: by time where
there is one, else by line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError, did_you_mean
from amcspice.files import file_content
from amcspice.workload.rating_columns import place
from amcspice.workload.rating_fields import shown, split
from amcspice.workload.rating_layout import Layout, rating_text
from amcspice.workload.rating_table import Ids, Ratings, RatingTable, are_names

__all__ = ["RatingTable", "Ratings", "read_ratings", "read_titles"]

SIDES = ("users", "items")

LONGEST_NUMBER = 20
"""Digits; Python takes ever longer for more."""


def read_ratings(
    path: Path | str,
    scale: tuple[float, float] | None = None,
    *,
    names: Collection[str] = (),
    like: RatingTable | None = None,
) -> RatingTable:
    """Read ratings; the module's documentation defines the format.

    Parameters
    ----------
    path : path
    scale : tuple of float, optional
        Lowest and highest rating that is allowed.
    names : collection of {"users", "items"}
        Whose ids are names, even if the first is a whole number.
    like : RatingTable, optional
        Ratings of the same users and items: ids are names where its are, and only there.

    Raises
    ------
    InputError
        If the file is missing or not as defined; the message names the first faulty line.
    """
    for side in names:
        if side not in SIDES:
            raise InputError(f"names = {side!r}: {did_you_mean(str(side), SIDES)}")
    path = Path(path)
    text = rating_text(path)
    layout = Layout.of(path, text)
    if like is not None:
        layout = layout.with_names(are_names(like.users), are_names(like.items))
    elif names:
        forced = (side in names for side in SIDES)
        users, items = (f or n for f, n in zip(forced, layout.names, strict=True))
        layout = layout.with_names(users, items)
    return _latest(*layout.read(text, scale))


def _latest(
    users: Ids, items: Ids, values: NDArray[np.float64], time: NDArray[np.float64]
) -> RatingTable:
    """Keep the latest rating of every pair, in the order of users and items."""
    order = np.lexsort((np.arange(len(values)), time, items, users))
    users, items, values = users[order], items[order], values[order]
    last = np.append((users[1:] != users[:-1]) | (items[1:] != items[:-1]), True)
    return RatingTable(users[last], items[last], values[last], int((~last).sum()))


def read_titles(path: Path | str, *, names: bool = False) -> dict[int | str, str]:
    """Read titles of items: ``id|title|...`` (u.item), ``id::title::...`` or a CSV with a header.

    Parameters
    ----------
    path : path
        May be packed by gzip.
    names : bool
        Whether ids are names, kept as they are written.

    Returns
    -------
    dict of int or str to str

    Raises
    ------
    InputError
        If the file is missing or a line does not begin with an id and a title.
    """
    path = Path(path)
    content = file_content(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first = text.partition("\n")[0]
    separator = next((sign for sign in ("\t", ";") if sign in first), ",")
    header = split(first, separator)
    item, title = place("item", header), place("title", header)
    titles: dict[int | str, str] = {}
    if item is None or title is None or item == title:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                sign = "::" if "::" in line else "|"
                name, _, rest = line.partition(sign)
                if not _add(titles, name, rest.partition(sign)[0], names):
                    raise InputError(
                        f"{path}, line {number}: {shown(line)} is not an item and its title "
                        "(id|title, id::title, or a CSV whose header names item and title)"
                    )
        return titles
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        next(rows)
        for row in rows:
            if row:
                name, what = (row[k] if k < len(row) else "" for k in (item, title))
                if not _add(titles, name, what, names):
                    line = shown(separator.join(row))
                    raise InputError(
                        f"{path}, line {rows.line_num}: {line} is not an item and a title"
                    )
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}") from None
    return titles


def _add(titles: dict[int | str, str], item: str, title: str, names: bool) -> bool:
    """Add a title if there is one, and an id of this kind; return whether."""
    item, title = item.strip(), title.strip()
    number = item.isascii() and item.isdecimal() and len(item) < LONGEST_NUMBER
    if not (item and title and (number or names)):
        return False
    titles[item if names else int(item)] = title
    return True
