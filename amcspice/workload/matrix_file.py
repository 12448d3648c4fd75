"""Reading a matrix from a file: NumPy, SciPy, text, Matrix Market or MATLAB, packed or not."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from amcspice.circuit import as_matrix
from amcspice.circuit.dense import as_dense, check_dense
from amcspice.errors import InputError, brief
from amcspice.files import check_memory, file_content
from amcspice.problem.complex_form import as_complex_matrix

__all__ = ["read_matrix", "read_numbers"]

NUMBERS = "biufc"
"""Kinds of numpy's types that are real or complex numbers."""

ENTRY = 24
"""Bytes of an entry of a sparse matrix: row, column and value."""

MATLAB_NUMBERS = frozenset(
    {"double", "single", "logical", "sparse"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
"""Classes of MATLAB that are matrices of numbers."""


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
        ``.npy``; ``.npz`` (one array, or a sparse matrix of SciPy); ``.csv`` (commas or
        semicolons; behind semicolons with decimal commas too); ``.txt`` (white space or commas);
        ``.mtx`` (Matrix Market, dense or sparse); ``.mat`` (MATLAB up to 7.2, one matrix).  Each
        may be packed by gzip (``.mtx.gz``).  In text ``#`` starts a comment and a complex number
        is ``1+2j``, with or without brackets.

    Returns
    -------
    ndarray of float or complex, shape (m, n)

    Raises
    ------
    InputError
        If the file is missing, cannot be read, is empty or ragged, does not fit into memory as a
        dense matrix, or holds anything but finite numbers.
    """
    path = Path(path)
    kind = Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()
    reader = _READERS.get(kind)
    if reader is None:
        raise InputError(f"{path}: unknown type {kind!r}; use {', '.join(_READERS)}")
    content = file_content(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.asarray(as_dense(reader(content, str(path)), str(path)))
    except InputError:
        raise
    except Exception as error:  # readers of damaged files raise all sorts
        raise InputError(f"{path}: cannot be read as {kind} ({brief(error)})") from None
    if values.dtype.kind not in NUMBERS:
        raise InputError(f"{path}: holds {values.dtype} values, not complex or real numbers")
    check = as_complex_matrix if values.dtype.kind == "c" else as_matrix
    return check(values[:, None] if values.ndim == 1 else values, str(path))


def _read_npy(content: bytes, where: str) -> NDArray[Any]:
    if not content.startswith(b"\x93NUMPY"):
        raise ValueError("it is not a NumPy array")
    values: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return values


def _read_npz(content: bytes, where: str) -> Any:
    """Return the only array of an archive, or the sparse matrix that it is."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        check_memory(sum(part.file_size for part in archive.infolist()), where)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = list(arrays.files)
        if not {"format", "shape", "data"} <= set(names):
            return arrays[_only(names)]
    matrix: Any = scipy.sparse.load_npz(io.BytesIO(content))
    if hasattr(matrix, "check_format"):
        matrix.check_format(full_check=True)  # indices outside would be written to all the same
    return matrix


def _read_market(content: bytes, where: str) -> Any:
    rows, columns, entries, kind, field, symmetry = scipy.io.mminfo(io.BytesIO(content))
    check_dense((rows, columns), where)
    check_memory(entries * ENTRY, f"{where}: {entries} entries")
    if symmetry != "general" and rows != columns:
        raise ValueError(f"{rows} x {columns} cannot be {symmetry}")
    if kind == "array" and symmetry != "general":
        entries = rows * (rows - 1) // 2 if symmetry == "skew-symmetric" else rows * (rows + 1) // 2
    lines = [
        line for line in content.splitlines()[1:] if line.strip() and line.lstrip()[:1] != b"%"
    ]
    if len(lines) - 1 != entries:
        raise ValueError(f"it holds {len(lines) - 1} entries, its head announces {entries}")
    # Not by SciPy's reader: it writes beyond the matrix where lines are damaged.
    places = 2 if kind == "coordinate" else 0
    parts = {"complex": 2, "pattern": 0}.get(field, 1)
    words = [line.decode("ascii").split() for line in lines[1:]]
    if any(len(line) != places + parts for line in words):
        raise ValueError(f"a line of a {kind} {field} matrix must hold {places + parts} numbers")
    table = np.array(words, dtype=float).reshape(-1, places + parts)
    values = np.ones(len(table)) if parts == 0 else table[:, places]
    if parts == 2:
        values = values + 1j * table[:, -1]
    if kind == "coordinate":
        row, column = (table[:, :2].T - 1).astype(np.int64)
    elif symmetry == "general":
        column, row = np.divmod(np.arange(entries), rows)
    else:
        column, row = np.triu_indices(rows, int(symmetry == "skew-symmetric"))
    if symmetry != "general":
        beside = row != column
        mirrored = values.conj() if symmetry == "hermitian" else values
        mirrored = -mirrored if symmetry == "skew-symmetric" else mirrored
        values = np.concatenate([values, mirrored[beside]])
        row, column = (np.concatenate([a, b[beside]]) for a, b in ((row, column), (column, row)))
    return scipy.sparse.coo_array((values, (row, column)), shape=(rows, columns))


def _read_mat(content: bytes, where: str) -> Any:
    stream: Any = io.BytesIO(content)
    try:
        stored = scipy.io.whosmat(stream)
    except NotImplementedError:
        raise ValueError("a file of MATLAB 7.3; save it with -v7") from None
    kinds = {name: (shape, kind) for name, shape, kind in stored if kind in MATLAB_NUMBERS}
    name = _only(list(kinds))
    shape, kind = kinds[name]
    check_memory(8.0 * math.prod(shape), f"{where}: {' x '.join(map(str, shape))}")
    matrix = scipy.io.loadmat(stream, variable_names=[name])[name]
    if kind == "sparse":
        matrix.check_format(full_check=True)
    return matrix


def _only(names: list[str]) -> str:
    if len(names) != 1:
        held = f"{len(names)} matrices ({', '.join(names[:8])})" if names else "no matrix"
        raise ValueError(f"it holds {held}; save the one that is meant alone")
    return names[0]


def _read_text(content: bytes, where: str) -> NDArray[Any]:
    """Read numbers, with the delimiter found in the first line that holds any."""
    lines = content.decode("utf-8-sig").splitlines()
    rows = [
        (number, line) for number, line in enumerate(lines, 1) if line.partition("#")[0].strip()
    ]
    if not rows:
        raise ValueError("it holds no numbers")
    delimiter = next((sign for sign in (";", ",") if sign in rows[0][1]), None)
    table = []
    for number, line in rows:
        try:
            table.append(_numbers(line.partition("#")[0], delimiter, number))
        except ValueError as error:
            if table:
                raise
            raise ValueError(
                f"{error}; a line of names does not belong there: leave it out, begin it with #, "
                "or save with header=False, index=False"
            ) from None
    width = len(table[0])
    for (number, _), row in zip(rows, table, strict=True):
        if len(row) != width:
            raise ValueError(f"line {number} has {len(row)} numbers, the first has {width}")
    return np.array(table)


def _numbers(line: str, delimiter: str | None, number: int) -> list[complex]:
    numbers: list[complex] = []
    for entry in line.split(delimiter):
        try:
            word = entry.strip().replace(",", ".") if delimiter == ";" else entry.strip()
            numbers.append(_number(word))
        except ValueError:
            raise ValueError(f"line {number}: {entry.strip()!r} is not a number") from None
    return numbers


def _number(text: str) -> complex:
    """Return a float, or a complex number as Python and numpy write it ("1+-2j")."""
    if "_" in text:  # which Python takes as a sign within digits
        raise ValueError(text)
    if text[-1:] in ("j", "J", ")"):
        return complex(text.replace("+-", "-"))
    return float(text)


_READERS: dict[str, Callable[[bytes, str], Any]] = {
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".csv": _read_text,
    ".txt": _read_text,
    ".mtx": _read_market,
    ".mat": _read_mat,
}
