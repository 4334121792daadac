"""The service's database: a component that can be stopped and started again."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    token TEXT PRIMARY KEY, account TEXT NOT NULL, scopes TEXT NOT NULL,
    expires REAL, revoked REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS datasets (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
    columns BLOB NOT NULL, rows INTEGER NOT NULL, created_at TEXT NOT NULL,
    content BLOB NOT NULL, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS dataset_names ON datasets (account, name) WHERE deleted = 0;
CREATE TABLE IF NOT EXISTS campaigns (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, domain TEXT NOT NULL,
    status TEXT NOT NULL, created_at TEXT NOT NULL, problem BLOB NOT NULL, dataset TEXT,
    evaluations INTEGER NOT NULL DEFAULT 0, pareto BLOB NOT NULL DEFAULT '[]',
    surrogate TEXT, code TEXT, message TEXT, deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS campaign_names ON campaigns (account, name) WHERE deleted = 0;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, campaign TEXT NOT NULL REFERENCES campaigns,
    status TEXT NOT NULL, created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT,
    worker TEXT, runs INTEGER NOT NULL DEFAULT 0, phase TEXT, iteration INTEGER NOT NULL DEFAULT 0,
    total_iterations INTEGER NOT NULL, evaluations INTEGER NOT NULL DEFAULT 0,
    budget INTEGER NOT NULL, code TEXT, message TEXT
);
CREATE INDEX IF NOT EXISTS jobs_of ON jobs (campaign);
CREATE TABLE IF NOT EXISTS logs (
    number INTEGER PRIMARY KEY, job TEXT NOT NULL, at TEXT NOT NULL, level TEXT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS logs_of ON logs (job, number);
"""


class Database:
    """SQLite in a folder; what it is asked while it is stopped raises `sqlite3.Error`."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._connection = sqlite3.connect(":memory:")
        self._connection.close()
        self._is_open = False

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._is_open

    async def start(self) -> None:
        """Open it; the first time, make its tables."""
        if not self._is_open:
            self._connection = self._connected()
            self._connection.executescript(_SCHEMA)
            self._is_open = True

    async def stop(self) -> None:
        """Close it."""
        self._connection.close()
        self._is_open = False

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Carry out a statement."""
        return self._connection.execute(statement, values)

    def rows(self, cls: type[R], statement: str, values: Sequence[Any] = ()) -> list[R]:
        """The rows that a `SELECT` finds; each column is a field of `cls`."""
        cursor = self.execute(statement, values)
        names = [column[0] for column in cursor.description]
        return [cls(**dict(zip(names, row, strict=True))) for row in cursor]

    def count(self, statement: str, values: Sequence[Any] = ()) -> int:
        """The number that a statement gives."""
        found: tuple[int] = self.execute(statement, values).fetchone()
        return found[0]

    @contextmanager
    def transaction(self) -> Generator[None]:
        """What is written inside stands or falls together; nothing may be awaited inside."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def created(self, tables: Sequence[str]) -> dict[str, int]:
        """How many rows were ever written; it can be asked while the database is stopped."""
        with contextlib.closing(self._connected()) as reader:
            count = "SELECT count(*) FROM "
            return {table: reader.execute(count + table).fetchone()[0] for table in tables}

    def _connected(self) -> sqlite3.Connection:
        path = str(self._folder() / "matcraft.db")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def timestamp() -> str:
    """The time of day, in ISO 8601 with milliseconds."""
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"


def new_id(prefix: str) -> str:
    """A new id: the prefix and 16 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(8)}"
