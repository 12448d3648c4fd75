"""Results for other programs: CSV, Parquet, netCDF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcspice.errors import InputError
from amcspice.extras import extra
from amcspice.files import replacing

if TYPE_CHECKING:
    from amcspice.sweep.store.store import Store
    from amcspice.sweep.store.stored_sweep import StoredSweep
    from amcspice.sweep.store.table import Where

with extra("sweep"):
    import pandas as pd

__all__ = ["FORMATS", "check_format", "export"]

FORMATS = (".csv", ".parquet", ".nc")


def check_format(path: Path) -> None:
    """Refuse a file whose suffix names no format.

    Raises
    ------
    InputError
        If it does not.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: unknown type {path.suffix!r}; use {', '.join(FORMATS)}")


def export(
    store: Store, path: Path, where: Where | None = None, sweep: StoredSweep | None = None
) -> int:
    """Write points to a file, whole or not at all, and return their number.

    Parameters
    ----------
    store : Store
    path : Path
        CSV has the unit of a column in its name, Parquet in the column's metadata, netCDF in its
        attributes; netCDF holds one sweep, with the axes as dimensions.
    where : mapping, optional
        See `Store.frame`.
    sweep : StoredSweep, optional
        Default: every point of the store; for netCDF the sweep that was last run.

    Raises
    ------
    InputError
        If no point is left, or the file cannot be written.
    """
    check_format(path)
    suffix = path.suffix.lower()
    if suffix == ".nc":
        content = store.dataset(None if sweep is None else sweep.number, where)
        with replacing(path) as temporary:
            content.to_netcdf(temporary, engine="scipy")
        return int((content["status"] != "").sum())
    frame = store.frame(where, None if sweep is None else sweep.number)
    if frame.empty:
        raise InputError(f"{store.path} holds no such point: nothing to export")
    with replacing(path) as temporary:
        if suffix == ".csv":
            _write_csv(temporary, frame, store)
        else:
            _write_parquet(temporary, frame, store)
    return len(frame)


def _with_units(units: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a CSV file: a unit that is not in the name already is added."""
    words = {name: unit.replace("1/", "per_").replace("/", "_per_") for name, unit in units.items()}
    return {
        name: f"{name}_{word}"
        for name, word in words.items()
        if not name.endswith(f"_{word.lower()}")
    }


def _write_csv(path: Path, frame: pd.DataFrame, store: Store) -> None:
    # Pandas takes ten times as long.
    with extra("sweep"):
        import pyarrow.csv

    table = _table(frame.rename(columns=_with_units(store.units)))
    options = pyarrow.csv.WriteOptions(quoting_style="needed", quoting_header="needed")
    pyarrow.csv.write_csv(table, path, options)


def _write_parquet(path: Path, frame: pd.DataFrame, store: Store) -> None:
    with extra("sweep"):
        import pyarrow as pa
        import pyarrow.parquet

    table, units = _table(frame), store.units
    fields = [
        field.with_metadata({"unit": units[field.name]}) if field.name in units else field
        for field in table.schema
    ]
    notes = {"amcspice provenance": json.dumps(store.provenance)}
    schema = pa.schema(fields, {**(table.schema.metadata or {}), **notes})
    pyarrow.parquet.write_table(table.cast(schema), path)


def _table(frame: pd.DataFrame) -> Any:
    """Return an arrow table; a column of words and numbers becomes words."""
    with extra("sweep"):
        import pyarrow as pa

    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        mixed = [name for name in frame if frame[name].dtype == object]
        words = {name: frame[name].map(str, na_action="ignore") for name in mixed}
        return pa.Table.from_pandas(frame.assign(**words), preserve_index=False)
