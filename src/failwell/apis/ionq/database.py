"""The service's database: a SQLite file that can be closed and opened while it serves."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    token TEXT PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL,
    project TEXT NOT NULL, organization TEXT NOT NULL, plan TEXT NOT NULL, revoked REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parent TEXT, session TEXT,
    submitter TEXT NOT NULL, project TEXT NOT NULL, type TEXT NOT NULL, backend TEXT NOT NULL,
    name TEXT, metadata TEXT, settings TEXT NOT NULL, noise TEXT, shots INTEGER NOT NULL,
    dry_run INTEGER NOT NULL, status TEXT NOT NULL, submitted REAL NOT NULL, started REAL,
    completed REAL, failure TEXT, flaw TEXT, qubits INTEGER NOT NULL, circuits INTEGER NOT NULL,
    one_qubit INTEGER NOT NULL, two_qubit INTEGER NOT NULL, price REAL, deleted REAL
);
CREATE INDEX IF NOT EXISTS jobs_by_parent ON jobs (parent);
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (number)
    WHERE status IN ('submitted', 'ready');
CREATE INDEX IF NOT EXISTS parts_under_way ON jobs (parent)
    WHERE status IN ('submitted', 'ready', 'started');
CREATE TABLE IF NOT EXISTS work (
    job INTEGER PRIMARY KEY REFERENCES jobs, circuit BLOB, result BLOB
);
CREATE TABLE IF NOT EXISTS sessions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, backend TEXT NOT NULL,
    project TEXT NOT NULL, organization TEXT NOT NULL, creator TEXT NOT NULL, created REAL NOT NULL,
    started REAL, ended REAL, ender TEXT, settings TEXT NOT NULL
);
"""


class Database:
    """The store, as a component; `path` tells where its file is once there is a folder for it.

    Raises `sqlite3.ProgrammingError` for everything while it is stopped.
    """

    def __init__(self, path: Callable[[], Path]) -> None:
        self._path = path
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    @property
    def running(self) -> bool:
        return self._writer is not None

    async def start(self) -> None:
        """Open the file, and make its tables where there are none yet."""
        if self._writer is None:
            self._writer, self._reader = self._connect(), self._connect()
            self._writer.executescript(_SCHEMA)

    async def stop(self) -> None:
        """Close the file; what is in it stays."""
        for connection in (self._writer, self._reader):
            if connection is not None:
                connection.close()
        self._writer = self._reader = None

    @contextmanager
    def transaction(self) -> Generator[None]:
        """What is written inside stands or falls together."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def execute(self, sql: str, *values: Any) -> int:
        """Write; gives the number of rows that it touched."""
        return _open(self._writer).execute(sql, values).rowcount

    def insert(self, table: str, row: dict[str, Any]) -> int:
        """Add a row; gives its number."""
        names, places = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({places})"
        return _open(self._writer).execute(sql, tuple(row.values())).lastrowid or 0

    def rows(self, cls: type[R], sql: str, *values: Any) -> list[R]:
        """What a query finds among all that is committed, each row as `cls`."""
        cursor = _open(self._reader).execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [cls(**dict(zip(names, row, strict=True))) for row in cursor]

    def one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row that a query finds."""
        row: tuple[Any, ...] | None = _open(self._reader).execute(sql, values).fetchone()
        return row

    def count(self, query: str) -> int:
        """What a counting query says; it can be asked while the store is stopped."""
        with closing(self._connect()) as reader:
            number: int = reader.execute(query).fetchone()[0]
            return number

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path(), isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def _open(connection: sqlite3.Connection | None) -> sqlite3.Connection:
    if connection is None:
        raise sqlite3.ProgrammingError("the store is stopped")
    return connection


def iso(at: float | None) -> str | None:
    """A time of day (epoch seconds) in ISO 8601 with milliseconds; None stays None."""
    if at is None:
        return None
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{whole}.{int(at % 1 * 1000):03d}Z"
