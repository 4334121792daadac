"""The service's database: a component that can be closed, and what all its tables share."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failwell.apis.database import Database

_NAMED = """
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL,
    created TEXT NOT NULL, updated TEXT NOT NULL, fields TEXT NOT NULL,
"""
_SCHEMA = f"""
CREATE TABLE keys (
    token TEXT PRIMARY KEY, user TEXT NOT NULL, project TEXT, expires REAL, revoked REAL
) WITHOUT ROWID;
CREATE TABLE cell_specs ({_NAMED}
    name TEXT NOT NULL, scope TEXT NOT NULL, UNIQUE (scope, name)
);
CREATE TABLE cell_batches ({_NAMED}
    name TEXT NOT NULL COLLATE NOCASE,
    scope TEXT NOT NULL REFERENCES cell_specs (id) ON DELETE CASCADE, UNIQUE (scope, name)
);
CREATE TABLE cell_instances ({_NAMED}
    name TEXT NOT NULL,
    scope TEXT NOT NULL REFERENCES cell_specs (id) ON DELETE CASCADE, UNIQUE (scope, name)
);
CREATE TABLE measurements ({_NAMED}
    name TEXT NOT NULL,
    scope TEXT NOT NULL REFERENCES cell_instances (id) ON DELETE CASCADE, UNIQUE (scope, name)
);
CREATE TABLE processing (
    measurement TEXT PRIMARY KEY REFERENCES measurements (id) ON DELETE CASCADE,
    status TEXT NOT NULL, error TEXT, steps TEXT, cycles TEXT
) WITHOUT ROWID;
CREATE TABLE uploads (
    id TEXT PRIMARY KEY, instance TEXT NOT NULL REFERENCES cell_instances (id) ON DELETE CASCADE,
    kind TEXT NOT NULL, filenames TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE templates (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,
    protocol TEXT NOT NULL, created TEXT NOT NULL, UNIQUE (project, source)
) WITHOUT ROWID;
CREATE TABLE models (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, parameters TEXT NOT NULL,
    UNIQUE (project, parameters)
) WITHOUT ROWID;
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL,
    kind TEXT NOT NULL, subject TEXT NOT NULL, task BLOB NOT NULL, status TEXT NOT NULL,
    error TEXT, created TEXT NOT NULL, updated TEXT NOT NULL
);
CREATE INDEX waiting ON jobs (status, number);
CREATE TABLE simulations ({_NAMED} job TEXT NOT NULL REFERENCES jobs (id),
    model TEXT NOT NULL, template TEXT NOT NULL, folder TEXT, metrics TEXT
);
CREATE TABLE pipelines ({_NAMED} job TEXT NOT NULL REFERENCES jobs (id),
    name TEXT NOT NULL, result TEXT
);
"""

CREATED = ("cell_specs", "cell_instances", "measurements", "simulations", "pipelines")
"""The tables whose records are counted as effects."""


class Records(Database):
    """The service's database, as a component that can be waited for.

    Raises `sqlite3.ProgrammingError` for everything while it is stopped.
    """

    file = "ionworks.db"
    schema = _SCHEMA

    def __init__(self, folder: Callable[[], Path]) -> None:
        super().__init__(folder)
        self._opened = asyncio.Event()

    async def start(self) -> None:
        """Open the database, and make it where it is not there yet."""
        await super().start()
        self._opened.set()

    async def stop(self) -> None:
        """Close the database."""
        self._opened.clear()
        await super().stop()

    async def until_running(self) -> None:
        """Return when the database is open."""
        await self._opened.wait()

    def write(self, sql: str, *values: Any) -> int:
        """Carry out one statement; how many rows it changed."""
        return self._open.execute(sql, values).rowcount

    def insert(self, table: str, **columns: Any) -> None:
        """One new row."""
        marks = ", ".join("?" * len(columns))
        names = ", ".join(columns)
        self._open.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", list(columns.values())
        )

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self._open.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query; None where there is none."""
        found: sqlite3.Row | None = self._open.execute(sql, values).fetchone()
        return found

    def created(self) -> dict[str, int]:
        """How many of each were ever created; it can be asked while the database is closed."""
        with contextlib.closing(self._connect()) as reader:
            counts = dict(reader.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        return {table: counts.get(table, 0) for table in CREATED}

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


def minted() -> str:
    """A new id."""
    return str(uuid.uuid4())


def timestamp(at: datetime | None = None) -> str:
    """The time of day, or `at`, in UTC: ISO 8601 with microseconds, so that text sorts as time."""
    return (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
