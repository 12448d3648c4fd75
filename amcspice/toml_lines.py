"""In which line of a TOML file a key stands; the parser of Python does not say."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

__all__ = ["line_of"]


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    r"""Return the line in which the statement that sets a key begins, from 1.

    The file is parsed again and again, a line longer each time: the key is set by the lines that
    make it appear.

    Parameters
    ----------
    text : str
        Valid TOML.
    path : sequence of str or int
        Names of tables and keys, and numbers in arrays.

    Returns
    -------
    int or None
        None if the key is not in the file.

    Examples
    --------
    >>> line_of("[axes]\n\n# sizes\ncolumns = [\n  8, 16,\n]", ["axes", "columns"])
    4
    """
    lines = text.splitlines(keepends=True)
    parsed_lines = 0
    for count in range(1, len(lines) + 1):
        try:
            tables = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        if _holds(tables, path):
            first = parsed_lines
            while lines[first].strip() == "" or lines[first].lstrip().startswith("#"):
                first += 1
            return first + 1
        parsed_lines = count
    return None


def _holds(value: Any, path: Sequence[str | int]) -> bool:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True
