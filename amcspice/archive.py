"""Archives: arrays and plain values in one .npz file, replaced as a whole."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from amcspice.errors import InputError
from amcspice.files import replacing

__all__ = ["read_archive", "write_archive"]

VALUES = "values"
"""Name of the entry that holds the plain values, as JSON."""


def write_archive(
    path: Path, kind: str, arrays: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Write an archive, whole or not at all.

    Parameters
    ----------
    path : Path
    kind : str
        What it is, with the version of its layout: ``"run 1"``.
    arrays : mapping of str to ndarray
    values : mapping
        What JSON can hold; numbers of numpy and arrays become plain ones.
    """
    text = json.dumps({"kind": kind, **values}, default=_plain)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **{VALUES: np.array(text)}, **arrays)  # type: ignore[arg-type]


def read_archive(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the plain values of an archive.

    Raises
    ------
    InputError
        If it cannot be read, or is of another kind or version.
    """
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            arrays = {
                name.removesuffix(".npy"): np.lib.format.read_array(archive.open(name))
                for name in archive.namelist()
            }
        values = json.loads(str(arrays.pop(VALUES)))
        found = values.pop("kind")
    except FileNotFoundError:
        raise InputError(f"{path} cannot be read: no such file") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a file that amcspice wrote ({error})") from None
    if found != kind:
        raise InputError(
            f"{path}: holds {found!r}, but this version of amcspice reads {kind!r}: write it again"
        )
    return arrays, values


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    return repr(value)
