"""Machine-readable results of a command: JSON, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import orjson

from amcspice import files
from amcspice.files import replacing

__all__ = ["as_json", "check_target", "write_json"]

_OPTIONS = (
    orjson.OPT_INDENT_2
    | orjson.OPT_SERIALIZE_NUMPY
    | orjson.OPT_NON_STR_KEYS
    | orjson.OPT_APPEND_NEWLINE
)


def check_target(path: Path) -> None:
    """Make sure that a file could be written, see `amcspice.files.check_target`; ``-`` always."""
    if str(path) != "-":
        files.check_target(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON, see `as_json`: whole or not at all."""
    text = as_json(content)
    if str(path) == "-":
        click.echo(text, nl=False)
        return
    with replacing(path) as temporary:
        temporary.write_bytes(text)


def as_json(content: Mapping[str, Any]) -> bytes:
    """Return JSON: numbers that are not finite as null, complex ones as pairs."""
    try:
        return orjson.dumps(content, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError:  # holds integers beyond 64 bits
        return orjson.dumps(_spelled(content), default=_plain, option=_OPTIONS)


def _spelled(value: Any) -> Any:
    """Return a value with its integers as text that is a number in JSON."""
    if isinstance(value, Mapping):
        return {str(key): _spelled(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return orjson.Fragment(str(value).encode())
    return value


def _plain(value: Any) -> Any:
    """Return what JSON has no form for as something that has one."""
    if isinstance(value, np.ndarray | np.generic):  # complex, or not in one piece
        return value.tolist()
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON holds")
