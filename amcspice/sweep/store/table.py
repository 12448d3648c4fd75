"""The points of a store as a table."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amcspice.errors import InputError, did_you_mean
from amcspice.extras import extra
from amcspice.sweep.outcome import Scalar

with extra("sweep"):
    import pandas as pd
    import pyarrow
    import pyarrow.json

__all__ = ["Where", "frame"]

Where = Mapping[str, Scalar | Sequence[Scalar]]
"""Names of parameters or metrics, each with the value or the values that are wanted."""

TOLERANCE = 1e-6
"""Relative tolerance of numbers that are compared: people type fewer digits than an axis has."""

BLOCK = 1 << 24
"""Bytes that are decoded at once: more than any row has."""

ROW = ("key", "status", "error", "deck", "seconds", "finished_at")

FULLEST = "ORDER BY (SELECT count(*) FROM json_each(metrics)) DESC LIMIT 1"
"""Ends a query for the point that has most metrics."""


def frame(
    connection: sqlite3.Connection,
    where: Where | None,
    sweep: int | None,
    axes: Mapping[str, Sequence[Scalar]],
) -> pd.DataFrame:
    """Return points as a table; see `Store.frame`."""
    conditions, values = _conditions(connection, where or {})
    source, place = "point", "NULL"
    if sweep is not None:
        source, place = "member JOIN point USING (key)", "place"
        conditions.append("sweep = ?")
        values.append(sweep)
    where_clause = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    names = ", ".join(f"point.{name}" for name in ROW)
    rows = connection.execute(
        f"SELECT {names}, parameters, metrics, {place} FROM {source} {where_clause} "
        f"ORDER BY {'point.key' if sweep is None else 'place'}",
        values,
    ).fetchall()
    if not rows:
        return pd.DataFrame(columns=["key", "status", *_column_names(connection), *ROW[2:]])
    *plain, parameters, metrics, places = zip(*rows, strict=True)
    key, status, *row_fields = map(list, plain)
    decoded = _columns(parameters)
    first = {axis: decoded[axis] for axis in axes if axis in decoded}
    # An axis keeps its column before a metric of its name, such as what a limit came to.
    columns = {"key": key, "status": status, **first, **decoded, **_columns(metrics), **first}
    columns |= dict(zip(ROW[2:], row_fields, strict=True))
    table = pd.DataFrame(columns, index=None if sweep is None else list(places))
    for axis in axes:
        if "+" in axis and axis not in table:
            table[axis] = [label(row) for row in table[axis.split("+")].itertuples(index=False)]
    return table


def label(values: Sequence[Any]) -> str:
    """Return the name of a place on an axis of several parameters.

    >>> label(["ginv-compact", 100000000, None]) == label(["ginv-compact", 1e8, float("nan")])
    True
    """
    return ", ".join(map(_word, values))


def _word(value: Any) -> str:
    if value is None or value != value:
        return "none"
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return f"{value:.10g}"
    return str(value)


def _columns(texts: Sequence[str]) -> dict[str, Any]:
    """Return the columns of JSON objects, one text a row."""
    if not texts:
        return {}
    content = io.BytesIO("\n".join(texts).encode())
    try:
        table = pyarrow.json.read_json(content, pyarrow.json.ReadOptions(block_size=BLOCK))
    except pyarrow.ArrowInvalid:  # a parameter that is a word here and a number there
        rows = [json.loads(text) for text in texts]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    return {name: _column(table[name]) for name in table.column_names}


def _column(column: Any) -> Any:
    """Return a column; one that is never known is nan, whatever it would be."""
    if pyarrow.types.is_null(column.type):
        return np.full(len(column), np.nan)
    return column.to_pandas().array


def _conditions(connection: sqlite3.Connection, where: Where) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    names = _column_names(connection) if where else []
    for name, choice in where.items():
        if name in ROW:
            expression = f"point.{name}"
        elif name in names:
            expression = "coalesce({}, {})".format(
                *(f"json_extract({part}, '$.{name}')" for part in ("parameters", "metrics"))
            )
        elif names:
            raise InputError(f"there is no column {name!r}; {did_you_mean(name, names)}")
        else:
            return ["0"], []
        alternatives = []
        for value in [choice] if isinstance(choice, Scalar) else choice:
            if isinstance(value, int | float) and not isinstance(value, bool):
                alternatives.append(f"abs({expression} - ?) <= {TOLERANCE} * abs(?)")
                values += [value, value]
            else:
                alternatives.append(f"{expression} IS ?")
                values.append(value)
        conditions.append(f"({' OR '.join(alternatives)})")
    return conditions, values


def _column_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of parameters and metrics, from one done and one failed point.

    Points that ask for costs have more metrics than others in the same store.
    """
    names: dict[str, None] = {}
    for status in ("done", "failed"):
        row = connection.execute(
            f"SELECT parameters, metrics FROM point WHERE status = ? {FULLEST}", (status,)
        ).fetchone()
        for text in row or ():
            names |= dict.fromkeys(json.loads(text))
    return list(names)
