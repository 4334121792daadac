"""The service's database: a SQLite file that can be closed and opened while it serves."""

from __future__ import annotations

import sqlite3
from typing import Any, TypeVar

import msgspec

from failwell.apis import database

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


class Database(database.Database):
    """The store, as a component; one connection writes, the other reads what is committed.

    Raises `sqlite3.ProgrammingError` for everything while it is stopped.
    """

    file = "ionq.db"
    schema = _SCHEMA
    _reader: sqlite3.Connection | None = None

    async def start(self) -> None:
        """Open the file, and make its tables where there are none yet."""
        await super().start()
        if self._reader is None:
            self._reader = self._connect()

    async def stop(self) -> None:
        """Close the file; what is in it stays."""
        await super().stop()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def execute(self, sql: str, *values: Any) -> int:
        """Write; gives the number of rows that it touched."""
        return self._open.execute(sql, values).rowcount

    def insert(self, table: str, row: dict[str, Any]) -> int:
        """Add a row; gives its number."""
        names, places = ", ".join(row), ", ".join("?" * len(row))
        sql = f"INSERT INTO {table} ({names}) VALUES ({places})"
        return self._open.execute(sql, tuple(row.values())).lastrowid or 0

    def rows(self, cls: type[R], sql: str, *values: Any) -> list[R]:
        """What a query finds among all that is committed, each row as `cls`."""
        return database.records(database.opened(self._reader).execute(sql, values), cls)

    def one(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row that a query finds."""
        row: tuple[Any, ...] | None = database.opened(self._reader).execute(sql, values).fetchone()
        return row

    def count(self, query: str) -> int:
        """What a counting query says; it can be asked while the store is stopped."""
        return self.counts({"all": query})["all"]


def iso(at: float | None) -> str | None:
    """A time of day (epoch seconds) in ISO 8601 with milliseconds; None stays None."""
    return None if at is None else database.timestamp(at)
