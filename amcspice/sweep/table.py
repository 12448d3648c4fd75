"""The points of a store as a table."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.json

from amcspice.errors import InputError
from amcspice.sweep.outcome import Scalar

__all__ = ["Where", "frame"]

Where = Mapping[str, Scalar | Sequence[Scalar]]
"""Names of parameters or metrics, each with the value or the values that are wanted."""

TOLERANCE = 1e-6
"""Relative, of numbers that are compared: people type fewer digits than an axis has."""

BLOCK = 1 << 24
"""Bytes that are decoded at once: more than any row has."""

ROW = ("key", "status", "error", "deck", "seconds", "finished_at")


def frame(
    connection: sqlite3.Connection,
    where: Where | None,
    sweep: int | None,
    axes: Mapping[str, Sequence[Scalar]],
) -> pd.DataFrame:
    """Return points as a table; see `Store.frame`."""
    conditions, values = _conditions(connection, where or {})
    source, order = "point", "point.key"
    if sweep is not None:
        source, order = "member JOIN point USING (key)", "place"
        conditions.append("sweep = ?")
        values.append(sweep)
    chosen = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    names = ", ".join(f"point.{name}" for name in ROW)
    rows = connection.execute(
        f"SELECT {names}, parameters, metrics FROM {source} {chosen} ORDER BY {order}", values
    ).fetchall()
    *plain, parameters, metrics = zip(*rows, strict=True) if rows else [()] * (len(ROW) + 2)
    own = dict(zip(ROW, plain, strict=True))
    columns: dict[str, Any] = {"key": own.pop("key"), "status": own.pop("status")}
    columns |= _columns(parameters) | _columns(metrics)
    made = pd.DataFrame({**columns, **{name: list(own[name]) for name in own}})
    for axis in axes:
        if "+" in axis and axis not in made and made.shape[0]:
            made[axis] = [label(row) for row in made[axis.split("+")].itertuples(index=False)]
    return made


def label(values: Sequence[Scalar]) -> str:
    """Return the name of a place on an axis of several parameters."""
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)


def _columns(texts: Sequence[str]) -> dict[str, Any]:
    """Return the columns of JSON objects, one text a row."""
    if not texts:
        return {}
    content = io.BytesIO("\n".join(texts).encode())
    try:
        read = pyarrow.json.read_json(content, pyarrow.json.ReadOptions(block_size=BLOCK))
    except pyarrow.ArrowInvalid:  # a parameter that is a word here and a number there
        rows = [json.loads(text) for text in texts]
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: [row.get(name) for row in rows] for name in names}
    return {name: read[name].to_pandas().array for name in read.column_names}


def _conditions(connection: sqlite3.Connection, where: Where) -> tuple[list[str], list[Any]]:
    conditions, values = [], []
    for name, wanted in where.items():
        if name in ROW:
            left = f"point.{name}"
        else:
            _refuse_unknown(connection, name)
            left = f"coalesce(parameters ->> '$.{name}', metrics ->> '$.{name}')"
        choices = []
        for value in (
            [wanted] if isinstance(wanted, str) or not isinstance(wanted, Sequence) else wanted
        ):
            if isinstance(value, int | float) and not isinstance(value, bool):
                choices.append(f"abs({left} - ?) <= {TOLERANCE} * abs(?)")
                values += [value, value]
            else:
                choices.append(f"{left} IS ?")
                values.append(value)
        conditions.append(f"({' OR '.join(choices)})")
    return conditions, values


def _refuse_unknown(connection: sqlite3.Connection, name: str) -> None:
    known: set[str] = set()
    for kind in ("done", "failed"):
        row = connection.execute(
            "SELECT parameters, metrics FROM point WHERE status = ? LIMIT 1", (kind,)
        ).fetchone()
        for text in row or ():
            known |= json.loads(text).keys()
    if known and name not in known:
        raise InputError(f"there is no column {name!r}; choose from {', '.join(sorted(known))}")
