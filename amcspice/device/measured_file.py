"""Tables of measured conductances: what is in a file, and in which unit."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amcspice.errors import InputError

__all__ = ["FACTORS", "arrays_of", "read_values", "unit_of"]

Array = NDArray[np.float64]

FACTORS = {"S": 1.0, "mS": 1e-3, "uS": 1e-6, "µS": 1e-6, "μS": 1e-6, "nS": 1e-9}
_IN_NAME = re.compile(rf"(?:^|[_.\- ])({'|'.join(FACTORS)})$")


def unit_of(path: Path, unit: str | None) -> str:
    """Return the unit that is stated, or that a name ends with."""
    in_name = _IN_NAME.search(path.stem)
    named = None if in_name is None else in_name[1].replace("µ", "u").replace("μ", "u")
    if unit is not None and named not in (None, unit):
        raise InputError(f"{path}: the name says {named}, but the unit that is stated is {unit}")
    return unit or named or "S"


def read_values(path: Path, content: bytes) -> Any:
    """Return what a file holds: an array of NumPy, or a text as (rows, columns, reads).

    Raises
    ------
    InputError
        If it is neither.
    """
    if content.startswith(b"\x93NUMPY"):
        try:
            return np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError):
            raise InputError(f"{path}: not a NumPy array (.npy)") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or not text.strip():
        raise InputError(f"{path}: neither a NumPy array (.npy) nor a table of numbers (.csv)")
    return _table(path, text.splitlines())


def _table(path: Path, lines: Sequence[str]) -> Array:
    """Return the reads of a text: a row a line, an empty line between two reads."""
    reads: list[list[list[float]]] = [[]]
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            continue
        if not line.strip():
            if reads[-1]:
                reads.append([])
            continue
        mark = next((mark for mark in ",;\t" if mark in line), None)
        try:
            reads[-1].append([float(part) if part.strip() else np.nan for part in line.split(mark)])
        except ValueError:
            raise InputError(f"{path}, line {number}: not numbers: {line.strip()[:40]}") from None
    reads = [rows for rows in reads if rows]
    if (
        len({(len(rows), *map(len, rows)) for rows in reads}) > 1
        or len(set(map(len, reads[0]))) > 1
    ):
        raise InputError(f"{path}: rows or reads of different lengths")
    return np.moveaxis(np.array(reads), 0, 2)


def arrays_of(source: Any, where: str) -> list[Array]:
    """Return the arrays of a source, each (rows, columns, reads)."""
    masked = np.ma.getmaskarray(source) if np.ma.isMaskedArray(source) else None
    values = np.asarray(source)
    if not (np.issubdtype(values.dtype, np.number) and not np.iscomplexobj(values)):
        raise InputError(f"{where}: must be real numbers, not {values.dtype}")
    values = values.astype(float)
    if masked is not None:
        values[masked] = np.nan
    if values.ndim not in (2, 3, 4) or not values.size:
        raise InputError(
            f"{where}: shape {values.shape} must be (rows, columns), (rows, columns, reads) or "
            "(arrays, rows, columns, reads)"
        )
    if values.ndim == 2:
        values = values[:, :, None]
    return list(values) if values.ndim == 4 else [values]
