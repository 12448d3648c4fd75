"""What is known of single cells: maps of stuck cells, programmed conductances, write errors.

All are plain nested tuples once they are parameters, so that a device stays frozen, comparable
and printable.  Maps and conductances carry the index of the array first: shape (arrays, m, n).
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from amcspice.errors import ImplausibleWarning, InputError
from amcspice.files import named_files
from amcspice.schema import parameters, to_number

__all__ = ["Conductances", "Measured", "Stuck", "WriteErrors", "of_array", "stuck_cells"]

Values = NDArray[Any]

LARGEST_PLAUSIBLE = 0.1
"""Conductance of a cell [S]."""


def of_array(maps: Any, array: int, shape: tuple[int, ...], what: str) -> Values | None:
    """Return the map of one array, cut to its shape from the first row and column on.

    Parameters
    ----------
    maps : nested tuple, shape (arrays, m, n)
    array : int
        Index of the array.
    shape : tuple of int
        Rows and columns that are used.
    what : str
        Name of the parameter, for the error.

    Returns
    -------
    ndarray, or None if there is no map for this array.

    Raises
    ------
    InputError
        If the map is smaller than the array.
    """
    if array >= len(maps):
        return None
    map_of_array = np.array(maps[array])
    if len(shape) != 2 or map_of_array.shape[0] < shape[0] or map_of_array.shape[1] < shape[1]:
        raise InputError(
            f"Memristor.{what}: the map of array {array} has shape {map_of_array.shape}, but the "
            f"array uses {shape}; give at least as many rows and columns"
        )
    return map_of_array[: shape[0], : shape[1]]


def stuck_cells(stuck: Any, chance: Values, array: int, what: str) -> NDArray[np.bool_]:
    """Return which cells are stuck: those of a map, or a fraction by chance from 0 to 1."""
    if isinstance(stuck, float):
        return chance < stuck
    stuck_map = of_array(stuck, array, chance.shape, what)
    return np.zeros(chance.shape, bool) if stuck_map is None else stuck_map


def _nested(values: Any, kind: str) -> Any:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"not an array ({error})") from None
    if array.ndim != 3 or not array.size:
        raise ValueError(
            f"shape {array.shape} must be (arrays, rows, columns); for one array, add a leading "
            "axis: values[None]"
        )
    if kind == "bool":
        if array.dtype != bool:
            raise ValueError(f"must be booleans, not {array.dtype}")
    elif not np.issubdtype(array.dtype, np.number) or not np.isfinite(array).all():
        raise ValueError("must be finite numbers")
    elif array.min() < 0:
        raise ValueError(f"a conductance is negative ({array.min():g} S)")
    return tuple(tuple(map(tuple, rows)) for rows in array.tolist())


def _read_arrays(names: str) -> Any:
    """Return what files hold, one an array: stacked, or the one that holds all of them."""
    paths = named_files(names)
    arrays = [_read_array(path) for path in paths]
    if len(arrays) == 1 and arrays[0].ndim == 3:
        return arrays[0]
    for path, array in zip(paths, arrays, strict=True):
        if array.ndim != 2 or array.shape != arrays[0].shape:
            raise InputError(
                f"{path}: shape {array.shape} must be that of a matrix, the same for every array"
            )
    return np.stack(arrays)


def _read_array(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError):
        raise InputError(f"{path}: not a NumPy array (.npy)") from None


def _stuck(value: Any) -> Any:
    if isinstance(value, str | Path):
        try:
            value = to_number(str(value))
        except ValueError:
            value = _read_arrays(str(value))
    if np.ndim(value):
        return _nested(value, "bool")
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ValueError("must be a fraction from 0 to 1, or booleans of shape (arrays, m, n)")
    if not 0 <= value <= 1:
        raise ValueError("a fraction must be from 0 to 1")
    return float(value)


def _conductances(value: Any) -> Any:
    if isinstance(value, str | Path):
        value = _read_arrays(str(value))
    if value is None:
        return None
    nested = _nested(value, "number")
    largest = float(np.max(nested))
    if largest > LARGEST_PLAUSIBLE:
        warnings.warn(
            f"programmed: {largest:g} S is not plausible: up to {LARGEST_PLAUSIBLE:g} S are; is "
            "it a matrix, not conductances?",
            ImplausibleWarning,
            stacklevel=2,
        )
    return nested


Stuck = Annotated[Any, BeforeValidator(_stuck)]
Conductances = Annotated[Any, BeforeValidator(_conductances)]


@parameters
class WriteErrors:
    """Measured write errors: how far cells end from the level that was aimed at.

    Parameters
    ----------
    levels : tuple of float, shape (L,)
        Conductances aimed at, ascending [S].
    errors : tuple of tuple of float
        For each level the errors found: conductance minus level, at least one [S].

    Examples
    --------
    >>> import amcspice as amc
    >>> errors = amc.WriteErrors(levels=(0.0, 100e-6), errors=((0.0,), (-3e-6,)))
    >>> device = amc.Memristor(write_errors=errors)
    >>> amc.solve("mvm", [[0.0, 1.0]], [1.0, 1.0], fidelity="dc", device=device).x.round(3)
    array([0.97])
    """

    levels: Annotated[tuple[float, ...], Field(min_length=1)]
    errors: tuple[Annotated[tuple[float, ...], Field(min_length=1)], ...]

    def __post_init__(self) -> None:
        """Check that the levels are in order and each has its errors."""
        if len(self.levels) != len(self.errors):
            raise ValueError(f"{len(self.levels)} levels, but errors of {len(self.errors)}")
        if any(low >= high for low, high in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError("levels must ascend")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the write errors that a file holds: JSON with ``levels_s`` and ``errors_s``.

        Raises
        ------
        InputError
            If it does not hold any.
        """
        try:
            content = json.loads(Path(path).read_text())
            return cls(levels=tuple(content["levels_s"]), errors=tuple(content["errors_s"]))
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}: not a file of write errors (JSON with levels_s and errors_s, as "
                "'amcspice program --errors' writes it)"
            ) from None

    def draw(self, aimed: NDArray[np.float64], chance: NDArray[np.float64]) -> Values:
        """Return an error of the level nearest to each conductance.

        Parameters
        ----------
        aimed : ndarray
            Conductances aimed at [S].
        chance : ndarray
            Same shape, uniform from 0 to 1: chooses among the errors found.

        Returns
        -------
        ndarray
            Same shape [S].
        """
        levels = np.array(self.levels)
        at = np.searchsorted((levels[1:] + levels[:-1]) / 2, aimed)
        counts = np.array([len(level_errors) for level_errors in self.errors])
        starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
        flat = np.concatenate([np.array(level_errors) for level_errors in self.errors])
        errors: Values = flat[starts[at] + (chance * counts[at]).astype(np.intp)]
        return errors

    def moments(self, aimed: NDArray[np.float64]) -> tuple[Values, Values]:
        """Return mean and mean square of conductances with such errors, cut off at zero.

        Parameters
        ----------
        aimed : ndarray
            Conductances aimed at [S].
        """
        mean, square = np.empty_like(aimed), np.empty_like(aimed)
        levels = np.array(self.levels)
        at = np.searchsorted((levels[1:] + levels[:-1]) / 2, aimed)
        for level, found in enumerate(self.errors):
            here = at == level
            values = np.maximum(aimed[here][:, None] + np.array(found), 0.0)
            mean[here], square[here] = values.mean(axis=1), (values**2).mean(axis=1)
        return mean, square


def _measured(value: Any) -> Any:
    return WriteErrors.read(value) if isinstance(value, str | Path) else value


Measured = Annotated[WriteErrors | None, BeforeValidator(_measured)]
