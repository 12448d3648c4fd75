"""What columns of a table of ratings are called in the data sets that people have."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["COLUMNS", "place"]

COLUMNS = {
    "user": (
        "userid", "user", "users", "uid", "reviewerid", "reviewer", "customerid", "customer",
    ),
    "item": (
        "itemid", "movieid", "bookid", "productid", "item", "items", "iid", "movie", "film",
        "filmid", "parentasin", "asin", "isbn", "book", "product", "animeid", "songid", "trackid",
        "artistid", "gameid", "businessid",
    ),
    "rating": ("rating", "ratings", "bookrating", "score", "stars", "overall"),
    "time": ("timestamp", "time", "unixreviewtime", "date", "datetime"),
    "title": ("title", "movietitle", "booktitle", "name"),
}  # fmt: skip
"""Names of columns, the most telling first, in small letters without signs."""


def place(what: str, header: Sequence[str]) -> int | None:
    """Return which field of a header names a column, None if none does.

    >>> place("user", ["", "User-ID", "ISBN", "Book-Rating"])
    1
    """
    plain = [re.sub(r"[\W_]", "", name.lower()) for name in header]
    return next((plain.index(word) for word in COLUMNS[what] if word in plain), None)
