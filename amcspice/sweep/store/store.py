"""The results of sweeps: one SQLite file, one row a point.

One process writes, any number read meanwhile (write-ahead log).  Every write is one transaction,
so a writer that is killed, or a disk that is full, loses what was not yet written and nothing
else.  Reading is in `amcspice.sweep.store.queries`.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from amcspice.errors import InputError
from amcspice.pool import leave_if_imported
from amcspice.sweep.outcome import Outcome, Scalar, canonical
from amcspice.sweep.store.connection import FullError, connect, explained
from amcspice.sweep.store.lock import Lock
from amcspice.sweep.store.queries import Queries
from amcspice.sweep.store.stored_sweep import StoredSweep

__all__ = ["FullError", "Store", "StoredSweep"]

SHARED_PROVENANCE = (
    "amcspice",
    "ngspice",
    "python",
    "numpy",
    "scipy",
    "models",
    "platform",
    "host",
    "simulator",
    "solver",
    "amplifier",
)
"""What is equal for many points and kept once; the rest stands in the row of each point."""


class Store(Queries):
    """Results of sweeps in an SQLite file; a context manager, made by `Store.open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: Lock | None) -> None:
        super().__init__(path, connection)
        self._lock = lock

    @classmethod
    def open(
        cls, path: str | Path, create: bool = False, read_only: bool = False, own: bool = False
    ) -> Self:
        """Open a store; an older one is brought to the present schema.

        Parameters
        ----------
        path : str or Path
        create : bool
            Make a store if there is none.
        read_only : bool
            Only read; always possible while another process writes.
        own : bool
            Be the one that runs points: a second one is refused.

        Raises
        ------
        InputError
            If there is no store, it is no store, it is of a newer amcspice, or it is owned.
        """
        path = Path(path)
        if not path.exists() and not (create and not read_only):
            raise InputError(f"there is no store {path}: amcspice sweep run SPEC --store {path}")
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "no regular file"
            raise InputError(f"{path} is {what}, not an amcspice store")
        if own:
            leave_if_imported()
        lock = Lock(path) if own else None
        try:
            with explained(path):
                return cls(path, connect(path, create, read_only), lock)
        except BaseException:
            if lock is not None:
                lock.release()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give up the lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def add_sweep(
        self,
        name: str,
        spec_text: str,
        axes: Mapping[str, Sequence[Scalar]],
        *,
        keys: Sequence[str] = (),
        units: Mapping[str, str] | None = None,
    ) -> int:
        """Add a sweep, or find the equal one that is there, and return its number.

        Parameters
        ----------
        name, spec_text : str
        axes : mapping of str to list
        keys : sequence of str
            Its points, in order.
        units : mapping of str to str, optional
            Units of parameters and metrics.
        """
        text = json.dumps({axis: list(values) for axis, values in axes.items()})
        with self._transaction() as run:
            run.execute(
                "INSERT INTO sweep (name, spec, axes, added_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (name, spec) DO UPDATE SET axes = excluded.axes, "
                "added_at = excluded.added_at",
                (name, spec_text, text, _now()),
            )
            (number,) = run.execute(
                "SELECT id FROM sweep WHERE name = ? AND spec = ?", (name, spec_text)
            ).fetchone()
            run.execute("DELETE FROM member WHERE sweep = ?", (number,))
            run.executemany(
                "INSERT INTO member VALUES (?, ?, ?)",
                ((number, place, key) for place, key in enumerate(keys)),
            )
            run.executemany("INSERT OR REPLACE INTO unit VALUES (?, ?)", (units or {}).items())
        return int(number)

    def write(self, results: Iterable[Outcome]) -> None:
        """Write points in one transaction; a failed one takes a new result, a done one stays.

        Raises
        ------
        FullError
            If the disk is full: nothing of this call is written.
        LockedError
            If another process keeps the store locked: the same.
        """
        now = _now()
        with self._transaction() as run:
            for result in results:
                shared, details = _split(result.provenance)
                run.execute("INSERT OR IGNORE INTO provenance (content) VALUES (?)", (shared,))
                run.execute(
                    "INSERT INTO point SELECT ?, ?, ?, ?, ?, id, ?, ?, ?, ? FROM provenance "
                    "WHERE content = ? ON CONFLICT (key) DO UPDATE SET status = excluded.status, "
                    "metrics = excluded.metrics, details = excluded.details, "
                    "provenance = excluded.provenance, error = excluded.error, "
                    "deck = excluded.deck, seconds = excluded.seconds, "
                    "finished_at = excluded.finished_at WHERE point.status = 'failed'",
                    (
                        result.key,
                        result.status,
                        canonical(result.parameters),
                        _json(result.metrics),
                        details,
                        result.error,
                        result.deck,
                        result.seconds,
                        now,
                        shared,
                    ),
                )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _split(provenance: Mapping[str, Any]) -> tuple[str, str]:
    shared = {name: value for name, value in provenance.items() if name in SHARED_PROVENANCE}
    details = {name: value for name, value in provenance.items() if name not in SHARED_PROVENANCE}
    return json.dumps(shared, sort_keys=True), json.dumps(details, default=str)


def _json(metrics: Mapping[str, Any]) -> str:
    """Return metrics as JSON, which has no nan and no infinity."""
    numbers = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
    return json.dumps(numbers, separators=(",", ":"))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
