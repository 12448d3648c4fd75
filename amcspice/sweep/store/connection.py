"""Connections to a store: who may do what, and what the errors of SQLite mean."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amcspice.errors import AmcspiceError, InputError, WaitingWarning
from amcspice.sweep.store.schema import MIGRATIONS, check_store, migrate

__all__ = ["FullError", "LockedError", "connect", "explained"]

BUSY_PATIENCE = 60.0
"""Seconds to wait for another process that writes."""

QUIET_PATIENCE = 2.0
"""Seconds of these before a note is given; SQLite itself waits for as long, in one go."""

PAGE = 8192
"""Bytes; a row has 2.5 kB, so that half of SQLite's usual 4096 would be left empty."""

_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class FullError(AmcspiceError):
    """The store cannot grow; what it holds is intact."""


class LockedError(AmcspiceError):
    """Another process has kept the store locked for too long; what it holds is intact."""


class _Patient(sqlite3.Connection):
    """A connection whose statements wait for other processes that write."""

    path: Path

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        """Execute a statement once no other process has the store locked.

        Raises
        ------
        LockedError
            If that takes too long.
        """
        started, told = time.monotonic(), False
        while True:
            try:
                return super().execute(*statement)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() - started > BUSY_PATIENCE:
                    raise LockedError(_locked(self.path)) from error
            if not told and time.monotonic() - started > 0.9 * QUIET_PATIENCE:
                told = True
                warnings.warn(
                    f"{self.path} is locked by another process; waiting for it, "
                    f"{BUSY_PATIENCE:g} s at most",
                    WaitingWarning,
                    stacklevel=2,
                )
            time.sleep(_AGAIN_AFTER)


_AGAIN_AFTER = 0.1  # [s]: SQLite does not wait itself where that could be for ever


def _locked(path: Path) -> str:
    return (
        f"{path} has been locked by another process for {BUSY_PATIENCE:g} s. It is intact and "
        "holds every point written before; let that process finish or end it (`fuser` with the "
        "file's name tells which one it is), then run the same command again"
    )


def connect(path: Path, create: bool, read_only: bool) -> sqlite3.Connection:
    """Open a store, make it or bring it to the present schema; see `Store.open`."""
    if read_only:
        return _reader(path)
    connection = _sqlite(path, "rwc" if create else "rw")
    try:
        if not create and check_store(connection, str(path)) == 0:
            raise InputError(f"{path} is not an amcspice store: it is empty")
        check_store(connection, str(path))
        connection.execute(f"PRAGMA page_size = {PAGE}")  # of a new store only
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _reader(path: Path) -> sqlite3.Connection:
    """Connect as writers do if that is allowed: such a reader leaves no files behind."""
    for mode in ("rw", "ro", "ro&immutable=1"):  # the last for a folder where nobody can write
        connection = _sqlite(path, mode)
        try:
            version = check_store(connection, str(path))
            connection.execute("PRAGMA query_only = ON")
            break
        except sqlite3.OperationalError:
            connection.close()
            if mode.endswith("1"):
                raise
        except BaseException:
            connection.close()
            raise
    if version == len(MIGRATIONS):
        return connection
    connection.close()
    if version == 0:
        raise InputError(f"{path} is not an amcspice store: it is empty")
    connect(path, create=False, read_only=False).close()
    return _reader(path)


def _sqlite(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=QUIET_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
        factory=_Patient,
    )
    connection.path = path
    return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _FULL:
            raise FullError(
                f"{path} cannot grow: {error}. It is intact and holds every point written before; "
                "free space on the disk, then run the same command again"
            ) from error
        if code == sqlite3.SQLITE_BUSY:
            raise LockedError(_locked(path)) from error
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise InputError(f"{path} is not an amcspice store, or damaged: {error}") from error
        raise InputError(f"{path} cannot be used: {error}") from error
