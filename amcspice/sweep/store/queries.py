"""What can be asked of a store of results, whoever writes it meanwhile."""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amcspice.errors import InputError
from amcspice.sweep.metrics import higher_is_better
from amcspice.sweep.outcome import Scalar
from amcspice.sweep.store.connection import explained
from amcspice.sweep.store.stored_sweep import StoredSweep
from amcspice.sweep.store.table import FULLEST

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from amcspice.sweep.spec.experiment import Experiment
    from amcspice.sweep.store.table import Where

__all__ = ["Queries"]

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?")


class Queries:
    """The reading half of `amcspice.sweep.store.store.Store`.

    Parameters
    ----------
    path : Path
    connection : sqlite3.Connection
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def finished(self, *, failed: bool = True) -> set[str]:
        """Return the keys that need not run again, with or without the failed ones."""
        states = ("done", "failed") if failed else ("done", "done")
        return {
            key for (key,) in self._query("SELECT key FROM point WHERE status IN (?, ?)", states)
        }

    def counts(self, sweep: int | None = None) -> dict[str, int]:
        """Return how many points are done and failed, and with a sweep how many are left."""
        if sweep is None:
            rows = self._query("SELECT status, count(*) FROM point GROUP BY status")
            return {"done": 0, "failed": 0, **dict(rows)}
        rows = self._query(
            "SELECT coalesce(status, 'left'), count(*) FROM member LEFT JOIN point USING (key) "
            "WHERE sweep = ? GROUP BY 1",
            (sweep,),
        )
        return {"done": 0, "failed": 0, "left": 0, **dict(rows)}

    def sweeps(self) -> list[StoredSweep]:
        """Return the sweeps, the one that was last run last."""
        rows = self._query("SELECT id, name, spec, axes, added_at FROM sweep ORDER BY added_at, id")
        return [
            StoredSweep(number, name, spec, json.loads(axes), added)
            for number, name, spec, axes, added in rows
        ]

    @property
    def axes(self) -> dict[str, list[Scalar]]:
        """Axes of the sweep that was last run: name to values, in order."""
        sweeps = self.sweeps()
        return sweeps[-1].axes if sweeps else {}

    @property
    def units(self) -> dict[str, str]:
        """Units of columns; what has none is not in it."""
        return {name: unit for name, unit in self._query("SELECT name, unit FROM unit") if unit}

    @property
    def provenance(self) -> list[dict[str, Any]]:
        """Versions and machines that points were computed with, each with its number of points."""
        rows = self._query(
            "SELECT content, count(*) FROM point JOIN provenance ON provenance.id = provenance "
            "GROUP BY provenance.id ORDER BY 2 DESC"
        )
        return [{**json.loads(content), "points": count} for content, count in rows]

    def failures(self) -> list[dict[str, Any]]:
        """Return why points failed, most frequent first: points, reason, key of one of them.

        Errors that differ in their numbers only are the same reason.
        """
        counts: dict[str, list[str]] = {}
        for key, error in self._query("SELECT key, error FROM point WHERE status = 'failed'"):
            lines = (error or "").strip().splitlines() or ["no reason given"]
            told = lines[-1] if lines[0].startswith("internal error") else lines[0]
            counts.setdefault(_NUMBER.sub("#", told), []).append(key)
        reasons = [
            {"points": len(keys), "reason": reason, "key": keys[0]}
            for reason, keys in counts.items()
        ]
        return sorted(reasons, key=lambda group: -group["points"])

    def extremes(self, metric: str) -> dict[str, dict[str, Any] | None]:
        """Return the points with the best and the worst value of a metric.

        The best is the least, but the largest where `higher_is_better` says so.

        Raises
        ------
        InputError
            If no point has such a metric, although points are done.
        """
        extremes: dict[str, dict[str, Any] | None] = {}
        value = "json_extract(metrics, ?)"
        orders = ("DESC", "ASC") if higher_is_better(metric) else ("ASC", "DESC")
        for word, order in zip(("best", "worst"), orders, strict=True):
            rows = self._query(
                f"SELECT key, parameters, {value} FROM point WHERE status = 'done' "
                f"AND {value} IS NOT NULL ORDER BY 3 {order} LIMIT 1",
                (f"$.{metric}", f"$.{metric}"),
            )
            extremes[word] = None
            for key, text, extreme in rows:
                parameters = json.loads(text)
                axis_values = {
                    name: parameters[name]
                    for axis in self.axes
                    for name in axis.split("+")
                    if name in parameters
                }
                extremes[word] = {"key": key, "value": extreme, "axes": axis_values}
        if extremes["best"] is None:
            self._refuse_unknown(metric)
        return extremes

    def metric_names(self) -> list[str]:
        """Return the metrics of the point that has most; empty if none is done."""
        rows = self._query(f"SELECT metrics FROM point WHERE status = 'done' {FULLEST}")
        return [name for (text,) in rows for name in json.loads(text)]

    def _refuse_unknown(self, metric: str) -> None:
        known = self.metric_names()
        if known and metric not in known:
            raise InputError(f"there is no metric {metric!r}; choose from {', '.join(known)}")

    def find(self, key: str) -> str:
        """Return the complete key of a point from its first characters.

        Raises
        ------
        InputError
            If no point or more than one begins so.
        """
        if not key or set(key) - set("0123456789abcdef"):
            raise InputError(f"{key!r} is not a key: keys are hexadecimal")
        rows = self._query(
            "SELECT key FROM point WHERE key >= ? AND key < ? LIMIT 2", (key, key + "g")
        )
        if len(rows) != 1:
            what = "no point" if not rows else "more than one point"
            raise InputError(f"{self.path} has {what} whose key begins with {key}")
        return str(rows[0][0])

    def point(self, key: str) -> dict[str, Any]:
        """Return everything about a point: fields of the row, JSON decoded.

        Raises
        ------
        InputError
            If there is no such point; the first characters of a key suffice.
        """
        columns = (
            "key",
            "status",
            "parameters",
            "metrics",
            "details",
            "error",
            "deck",
            "seconds",
            "finished_at",
        )
        ((*values, content),) = self._query(
            f"SELECT {', '.join(f'point.{name}' for name in columns)}, content FROM point "
            "JOIN provenance ON provenance.id = provenance WHERE key = ?",
            (self.find(key),),
        )
        fields = dict(zip(columns, values, strict=True))
        fields["parameters"] = json.loads(fields["parameters"])
        fields["metrics"] = _numbers(json.loads(fields["metrics"]))
        fields["provenance"] = {**json.loads(content), **json.loads(fields.pop("details"))}
        return fields

    def experiment(self, key: str) -> Experiment:
        """Return a point as an experiment, to simulate it again and look into it."""
        from amcspice.sweep.spec.experiment import Experiment

        return Experiment.of(self.point(key)["parameters"])

    def command(self, key: str) -> str:
        """Return the command line that repeats a point."""
        from amcspice.sweep.point import command

        return command(self.point(key)["parameters"])

    def frame(self, where: Where | None = None, sweep: int | None = None) -> pd.DataFrame:
        """Return one row a point.

        Parameters
        ----------
        where : mapping of str to scalar or list, optional
            Only points whose parameter or metric has this value, or one of these; numbers are
            compared with a tolerance of a millionth.
        sweep : int, optional
            Only points of this sweep, in its order; else all in the order of their keys.

        Returns
        -------
        pandas.DataFrame
            The index is the place in the sweep, if one is given.  Columns ``key``,
            ``status``, each parameter, each metric, ``error``, ``deck``,
            ``seconds``, ``finished_at``.  A name of both is the parameter's where it is an
            axis, else the metric's.

        Raises
        ------
        InputError
            If a name of ``where`` is no column.
        """
        from amcspice.sweep.store.table import frame

        with explained(self.path):
            return frame(self._connection, where, sweep, self.axes)

    def dataset(self, sweep: int | None = None, where: Where | None = None) -> xr.Dataset:
        """Return a sweep with its axes as dimensions, units as attributes.

        Parameters
        ----------
        sweep : int, optional
            Its number; default: the one that was last run.
        where : mapping, optional
            See `frame`.

        Raises
        ------
        InputError
            If there is no such sweep, or it has no such point.
        """
        from amcspice.sweep.store.dataset import dataset

        sweeps = [stored for stored in self.sweeps() if sweep in (None, stored.number)]
        if not sweeps:
            raise InputError(f"{self.path} has no sweep {sweep or ''}".rstrip())
        chosen = sweeps[-1]
        return dataset(self.frame(where, chosen.number), chosen, self.units, self.provenance)

    def _query(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with explained(self.path):
            return self._connection.execute(statement, values).fetchall()


def _numbers(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in metrics.items()}
