"""Reading a matrix from a file: NumPy, text or Matrix Market."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse
from numpy.typing import NDArray

from amcspice.circuit import as_matrix
from amcspice.errors import InputError
from amcspice.problem.complex_form import as_complex_matrix

__all__ = ["read_matrix", "read_numbers"]


def read_matrix(path: Path | str) -> NDArray[np.float64]:
    """Read a matrix of real numbers; see `read_numbers`.

    Raises
    ------
    InputError
        Beside those of `read_numbers`, if the numbers are complex.
    """
    values = read_numbers(path)
    if np.iscomplexobj(values):
        raise InputError(f"{path}: holds {values.dtype} values, not real numbers")
    return values


def read_numbers(path: Path | str) -> NDArray[Any]:
    """Read a matrix of real or complex numbers.

    A vector in a file becomes one column.

    Parameters
    ----------
    path : path
        ``.npy``; ``.csv`` (commas or semicolons); ``.txt`` (white space or commas; ``#`` starts
        a comment); ``.mtx`` (Matrix Market, dense or sparse).  In text a complex number is
        ``1+2j``, with or without brackets.

    Returns
    -------
    ndarray of float or complex, shape (m, n)

    Raises
    ------
    InputError
        If the file is missing, cannot be read, is empty or ragged, or holds anything but finite
        numbers.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown type {path.suffix!r}; use {', '.join(_READERS)}")
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        values = reader(path)
    except (OSError, ValueError, TypeError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as {path.suffix.lower()} ({reason})") from None
    if values.dtype.kind not in "biufc":
        raise InputError(f"{path}: holds {values.dtype} values, not complex or real numbers")
    check = as_complex_matrix if values.dtype.kind == "c" else as_matrix
    return check(values[:, None] if values.ndim == 1 else values, str(path))


def _read_npy(path: Path) -> NDArray[Any]:
    with path.open("rb") as stream:
        if stream.read(6) != b"\x93NUMPY":
            raise ValueError("it is not a NumPy array")
    values: NDArray[Any] = np.load(path, allow_pickle=False)
    return values


def _read_text(path: Path) -> NDArray[Any]:
    """Read numbers, with the delimiter found in the first line that holds any."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    rows = [
        (number, line) for number, line in enumerate(lines, 1) if line.partition("#")[0].strip()
    ]
    if not rows:
        raise ValueError("it holds no numbers")
    delimiter = next((sign for sign in (";", ",") if sign in rows[0][1]), None)
    table = [_numbers(line.partition("#")[0], delimiter, number) for number, line in rows]
    width = len(table[0])
    for (number, _), row in zip(rows, table, strict=True):
        if len(row) != width:
            raise ValueError(f"line {number} has {len(row)} numbers, the first has {width}")
    return np.array(table)


def _numbers(line: str, delimiter: str | None, number: int) -> list[complex]:
    numbers: list[complex] = []
    for entry in line.split(delimiter):
        try:
            numbers.append(_number(entry.strip()))
        except ValueError:
            raise ValueError(f"line {number}: {entry.strip()!r} is not a number") from None
    return numbers


def _number(text: str) -> complex:
    """Return a float, or a complex number as Python and numpy write it ("1+-2j")."""
    if text[-1:] in ("j", "J", ")"):
        return complex(text.replace("+-", "-"))
    return float(text)


def _read_market(path: Path) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = scipy.io.mmread(path)
    dense = values.toarray() if scipy.sparse.issparse(values) else values
    return np.asarray(dense)


_READERS: dict[str, Callable[[Path], NDArray[Any]]] = {
    ".npy": _read_npy,
    ".csv": _read_text,
    ".txt": _read_text,
    ".mtx": _read_market,
}
