"""The fields of a line of ratings: how it is split, what is a number, a name, a time."""

from __future__ import annotations

import csv
import datetime
import math

__all__ = [
    "LARGEST_ID",
    "fault_of_name",
    "is_count",
    "is_name",
    "is_number",
    "seconds",
    "separator_of",
    "shown",
    "split",
]

LARGEST_ID = 2**53
"""Beyond this a floating-point number does not tell neighbours apart."""

LONGEST_NAME = 200
"""Characters of a name: every one takes as much memory as the longest."""

SEPARATORS = ("\t", "::", ";", ",")

SHOWN = 40
"""Characters of a faulty field that a message shows."""


def separator_of(line: str) -> str:
    """Return what separates the fields of a line; a space stands for any white space."""
    return next((sign for sign in SEPARATORS if sign in line), " ")


def split(line: str, separator: str) -> list[str]:
    """Return the fields of a line."""
    if separator == " ":
        return line.split()
    if separator == "::":
        return [word.strip() for word in line.split(separator)]
    try:
        words = next(csv.reader([line], delimiter=separator))
    except csv.Error:  # a field that is too long
        words = line.split(separator)
    return [word.strip() for word in words]


def is_number(word: str) -> bool:
    """Whether a field is a finite number."""
    try:
        return word.isascii() and "_" not in word and math.isfinite(float(word))
    except ValueError:
        return False


def is_count(word: str) -> bool:
    """Whether a field is a count in digits."""
    return word.isascii() and word.isdecimal() and len(word) < 20


def is_name(word: str) -> bool:
    """Whether an id is a name: no number, or one that a number would not keep as it is."""
    if not is_number(word):
        return bool(word)
    return word.isdecimal() and (str(int(word)) != word or int(word) > LARGEST_ID)


def fault_of_name(word: str) -> str | None:
    """Say what is wrong with a name; None if nothing is."""
    if not word:
        return "is empty"
    return None if len(word) <= LONGEST_NAME else f"has more than {LONGEST_NAME} characters"


def seconds(time: str) -> float:
    """Return a time as a number: as it is, or the seconds from 1970 to a date of ISO 8601."""
    if is_number(time):
        return float(time)
    try:
        moment = datetime.datetime.fromisoformat(time)
    except ValueError:
        raise ValueError(f"time {shown(time)} is not a number or a date (2005-09-06)") from None
    utc = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    return utc.timestamp()


def shown(text: str) -> str:
    """Return text for a message, cut if it is long."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
