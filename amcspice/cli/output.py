"""Machine-readable results of a command: JSON, written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from amcspice import files
from amcspice.files import replacing

__all__ = ["check_target", "plain", "write_json"]


def check_target(path: Path) -> None:
    """Make sure that a file could be written, see `amcspice.files.check_target`; ``-`` always."""
    if str(path) != "-":
        files.check_target(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON: whole or not at all, numbers that are not finite as null."""
    text = json.dumps(plain(content), indent=2, allow_nan=False) + "\n"
    if str(path) == "-":
        click.echo(text, nl=False)
        return
    with replacing(path) as temporary:
        temporary.write_text(text)


def plain(value: Any) -> Any:
    """Return a value with arrays as lists and nan and infinity as None.

    A complex number is a list of its real and its imaginary part.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, complex):
        return plain([value.real, value.imag])
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return os.fspath(value) if isinstance(value, os.PathLike) else value
