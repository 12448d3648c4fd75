"""A sweep as an xarray dataset: its axes are dimensions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.settings.table import PARAMETERS
from amcspice.sweep.store.stored_sweep import StoredSweep

if TYPE_CHECKING:
    import xarray as xr

with extra("sweep"):
    import pandas as pd

__all__ = ["dataset"]

LEFT_OUT = ("deck", "finished_at")
"""Columns that a dataset has no use for."""


def dataset(
    frame: pd.DataFrame,
    sweep: StoredSweep,
    units: Mapping[str, str],
    provenance: Sequence[Mapping[str, Any]],
) -> xr.Dataset:
    """Return a sweep as a dataset.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its points, with their places in the sweep as the index.
    sweep : StoredSweep
    units : mapping of str to str
    provenance : sequence
        Provenance of the store's points.

    Returns
    -------
    xarray.Dataset
        Dimensions are the axes.  Parameters that follow from one axis are coordinates along it,
        parameters that never change are attributes, points that are missing are nan or "".
        Places of an axis that have no point are left out.
    """
    with extra("sweep"):
        import xarray as xr

    if frame.empty:
        raise InputError(f"the sweep {sweep.name} has no such point: nothing to export")
    axes = list(sweep.axes)
    shape = tuple(len(values) for values in sweep.axes.values())
    places = np.unravel_index(frame.index.to_numpy(), shape) if axes else ()
    used_places = [np.unique(place) for place in places]
    at = tuple(
        np.searchsorted(axis_places, place)
        for axis_places, place in zip(used_places, places, strict=True)
    )
    result = xr.Dataset(attrs=_attributes(sweep, provenance))
    for axis, axis_places in zip(axes, used_places, strict=True):
        values = pd.Series([sweep.axes[axis][place] for place in axis_places])
        result.coords[axis] = (axis, _whole(values), _unit(axis, units))
    for name in frame.columns.difference([*axes, *LEFT_OUT], sort=False):
        column = frame[name].reset_index(drop=True)
        if name in PARAMETERS and column.nunique(dropna=False) == 1:
            if pd.notna(column[0]):
                result.attrs[name] = _attribute(column[0])
            continue
        along = next((k for k in range(len(axes)) if _follows(column, at[k])), None)
        if name in PARAMETERS and along is not None:
            first = np.unique(at[along], return_index=True)[1]
            result.coords[name] = (axes[along], _whole(column[first]), _unit(name, units))
            continue
        values = _plain(column)
        text = values.dtype == object
        grid = np.full(
            [len(axis_places) for axis_places in used_places], "" if text else np.nan, values.dtype
        )
        grid[at] = values
        result[name] = (axes, grid, _unit(name, units))
    return result


def _follows(column: pd.Series[Any], place: Any) -> bool:
    """Whether a column has one value at each place of an axis."""
    return bool((column.groupby(place).nunique(dropna=False) == 1).all())


def _plain(column: pd.Series[Any]) -> Any:
    """Return numbers as floating point, everything else as text."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64)
    present = column.dropna()
    if len(present) and all(isinstance(value, bool | int | float) for value in present):
        return column.map(lambda value: np.nan if pd.isna(value) else float(value)).to_numpy(float)
    return np.array(["" if pd.isna(value) else str(value) for value in column], object)


def _whole(column: pd.Series[Any]) -> Any:
    """Return whole numbers as they are, the rest as `_plain` does."""
    if pd.api.types.is_integer_dtype(column):
        return column.to_numpy()
    return _plain(column)


def _attributes(sweep: StoredSweep, provenance: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "title": sweep.name,
        "specification": sweep.spec,
        "run": sweep.added_at,
        "provenance": json.dumps(list(provenance)),
    }


def _attribute(value: Any) -> Any:
    """Return a value that netCDF takes as an attribute."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, bool) else value


def _unit(name: str, units: Mapping[str, str]) -> dict[str, str]:
    return {"units": units[name]} if name in units else {}
