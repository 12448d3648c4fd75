"""The tables of a store, and how an older store becomes a present one.

A store is an SQLite file.  ``user_version`` counts the migrations it has had; a new store has all
of them, so the path from each version to the next is the only place where tables are made.
"""

from __future__ import annotations

import sqlite3

from amcspice.errors import InputError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "check_store", "migrate"]

APPLICATION_ID = 0x616D6373
"""Says in the file's header that this is a store of amcspice: "amcs"."""

MIGRATIONS: list[tuple[str, ...]] = [
    (
        """
        CREATE TABLE provenance (
            id INTEGER PRIMARY KEY,
            content TEXT NOT NULL UNIQUE     -- JSON: versions, shared by many points
        )
        """,
        """
        CREATE TABLE point (
            key TEXT PRIMARY KEY,            -- SHA-256 of parameters, version and models
            status TEXT NOT NULL CHECK (status IN ('done', 'failed')),
            parameters TEXT NOT NULL,        -- JSON: name to value, complete, SI units
            metrics TEXT NOT NULL,           -- JSON: name to number
            details TEXT NOT NULL,           -- JSON: provenance of this point alone
            provenance INTEGER NOT NULL REFERENCES provenance (id),
            error TEXT,                      -- why it failed
            deck TEXT,                       -- path of the deck that failed
            seconds REAL NOT NULL,           -- wall time
            finished_at TEXT NOT NULL        -- UTC, ISO 8601
        )
        """,
        "CREATE INDEX point_status ON point (status, key)",
        """
        CREATE TABLE sweep (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            spec TEXT NOT NULL,              -- the file as it was
            axes TEXT NOT NULL,              -- JSON: name to values, in order
            added_at TEXT NOT NULL,
            UNIQUE (name, spec)
        )
        """,
        """
        CREATE TABLE member (                -- points of a sweep, run or not
            sweep INTEGER NOT NULL REFERENCES sweep (id),
            place INTEGER NOT NULL,
            key TEXT NOT NULL,
            PRIMARY KEY (sweep, place)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE unit (name TEXT PRIMARY KEY, unit TEXT NOT NULL) WITHOUT ROWID",
    ),
]
"""The statements that lead from each version to the next."""


def check_store(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of a store.

    Raises
    ------
    InputError
        If the file is no store, or one of a newer amcspice.
    """
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        raise InputError(f"{path} is not an amcspice store: {error}") from None
    if application != APPLICATION_ID and (tables or application or version):
        raise InputError(f"{path} is not an amcspice store, but another program's database")
    if version > len(MIGRATIONS):
        raise InputError(
            f"{path} was written by a newer amcspice (schema {version}; this one knows "
            f"{len(MIGRATIONS)}): install that one to open it"
        )
    return int(version)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring a store to the present version, in one transaction; an empty file becomes a store."""
    if check_store(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = check_store(connection, path)  # somebody else may have been faster
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
