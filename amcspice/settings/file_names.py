"""Names of files among parameters: in an experiment file or a sweep they count from its folder."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amcspice.errors import InputError
from amcspice.problem.generators import is_file
from amcspice.schema import NOTHING, Scalar
from amcspice.settings.table import PARAMETERS

__all__ = ["counted_from", "seen_from", "without_folders"]

_SOMETIMES: Mapping[str, Callable[[str], bool]] = {
    "matrix": is_file,
    "rhs": lambda _: True,
    "technology": lambda name: name.lower().endswith(".toml"),
}
"""Parameters that name a file or something else, and whether a text is a file."""


def counted_from(folder: Path, name: str, value: Any) -> Any:
    """Return the value of a parameter that a file gives, as if it was typed where we are.

    Parameters
    ----------
    folder : Path
        That of the file.
    name : str
    value : scalar
        Several files have commas between them.

    Raises
    ------
    InputError
        If there is such a file in the working folder alone.
    """
    if not _names_files(name, value):
        return value
    names = [value] if (folder / value).exists() else value.split(",")
    return ",".join(_found(folder, name, each.strip()) for each in names)


def _found(folder: Path, name: str, file: str) -> str:
    path = folder / file
    if not path.exists() and Path(file).exists():
        raise InputError(
            f"{name} = {file!r}: names of files count from the folder of the file that gives them, "
            f"and there is no {path}; the one in the working folder is "
            f"{os.path.relpath(file, folder)!r} from there"
        )
    return str(path)


def seen_from(folder: Path, name: str, value: Scalar) -> Scalar:
    """Return the value of a parameter as a file in a folder gives it: `counted_from` backwards."""
    return _changed(name, value, lambda file: _from(folder, file))


def _from(folder: Path, file: str) -> str:
    return file if Path(file).is_absolute() else os.path.relpath(file, folder)


def without_folders(parameters: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return parameters with files named without their folders: what they hold is hashed."""
    changed = {
        name: _changed(name, parameters[name], lambda file: Path(file).name)
        for name in _file_parameters(PARAMETERS.revision)
        if name in parameters
    }
    return {**parameters, **changed}


def _changed(name: str, value: Scalar, change: Callable[[str], str]) -> Scalar:
    if not isinstance(value, str) or not _names_files(name, value):
        return value
    names = [value] if Path(value).exists() else value.split(",")
    return ",".join(change(each.strip()) for each in names)


@functools.lru_cache(maxsize=1)
def _file_parameters(_revision: int) -> tuple[str, ...]:
    files = (name for name, parameter in PARAMETERS.items() if parameter.kind == "file")
    return (*files, *_SOMETIMES)


def _names_files(name: str, value: Any) -> bool:
    """Whether a value is the names of files, and no number, generator or nothing in their place."""
    if not isinstance(value, str) or not value or value.strip().lower() in NOTHING:
        return False
    if name in _SOMETIMES:
        return _SOMETIMES[name](value)
    if name not in _file_parameters(PARAMETERS.revision):
        return False
    return isinstance(PARAMETERS[name].convert(value), str)
