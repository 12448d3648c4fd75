"""Waveforms as files: CSV, NumPy and netCDF, chosen by the suffix."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from amcspice.circuit.base import Array
from amcspice.engine.waveforms import Waveforms
from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.files import replacing

__all__ = ["check_waveform_file", "waveform_columns", "write_waveforms"]

Columns = Mapping[str, Array]


def waveform_columns(waveforms: Waveforms) -> dict[str, Array]:
    """Return waveforms as columns of equal length.

    Returns
    -------
    dict of str to ndarray
        ``rhs`` numbers the right-hand side, ``time_s`` runs from its input step, ``v(x0)`` are
        voltages and ``i(vdd)`` currents out of the supplies.
    """
    segments = waveforms.segments
    voltages = np.concatenate([segment.voltages for segment in segments])
    supply = np.concatenate([segment.supply for segment in segments])
    return {
        "rhs": np.repeat(np.arange(len(segments)), [len(s.time) for s in segments]),
        "time_s": np.concatenate([segment.time for segment in segments]),
        **{f"v({name})": voltages[:, k] for k, name in enumerate(waveforms.names)},
        **{f"i({name})": supply[:, k] for k, name in enumerate(("vdd", "vss"))},
    }


def check_waveform_file(path: Path) -> None:
    """Refuse what cannot be written, before any work.

    Raises
    ------
    InputError
        If no writer knows the suffix.
    MissingExtraError
        If it is netCDF and xarray is not installed.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InputError(f"{path}: unknown type {path.suffix!r}; use {', '.join(_WRITERS)}")
    if path.suffix.lower() == ".nc":
        with extra("sweep"):
            importlib.import_module("xarray")


def write_waveforms(path: Path, columns: Columns) -> None:
    """Write columns of equal length, whole or not at all.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.npz`` (one array a column) or ``.nc`` (netCDF 3, one variable a column).
    columns : mapping of str to ndarray

    Raises
    ------
    InputError
        If the suffix is unknown or the file cannot be written.
    """
    check_waveform_file(path)
    with replacing(path) as temporary:
        _WRITERS[path.suffix.lower()](temporary, columns)


def _write_csv(path: Path, columns: Columns) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))


def _write_npz(path: Path, columns: Columns) -> None:
    with path.open("wb") as stream:
        np.savez_compressed(stream, **columns)  # type: ignore[arg-type]


def _write_netcdf(path: Path, columns: Columns) -> None:
    with extra("sweep"):
        import xarray

    dimension = "sample" if "rhs" in columns else "time_s"
    variables = {
        name: (dimension, values, {"units": unit} if (unit := _unit(name)) else {})
        for name, values in columns.items()
    }
    xarray.Dataset(variables).to_netcdf(path, engine="scipy")


def _unit(name: str) -> str | None:
    if name == "time_s":
        return "s"
    return {"v": "V", "i": "A"}.get(name[0]) if name[1:2] == "(" else None


_WRITERS: dict[str, Callable[[Path, Columns], None]] = {
    ".csv": _write_csv,
    ".npz": _write_npz,
    ".nc": _write_netcdf,
}
