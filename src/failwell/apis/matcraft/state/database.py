"""The service's database: a component that can be stopped and started again."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from failwell.apis import database

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


class Database(database.Database):
    """The service's database; what it is asked while it is stopped raises `sqlite3.Error`."""

    file = "matcraft.db"
    schema = _SCHEMA

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Carry out a statement."""
        return self._open.execute(statement, values)

    def rows(self, cls: type[R], statement: str, values: Sequence[Any] = ()) -> list[R]:
        """The rows that a `SELECT` finds; each column is a field of `cls`."""
        return database.records(self.execute(statement, values), cls)

    def count(self, statement: str, values: Sequence[Any] = ()) -> int:
        """The number that a statement gives."""
        found: tuple[int] = self.execute(statement, values).fetchone()
        return found[0]

    def created(self, tables: Sequence[str]) -> dict[str, int]:
        """How many rows were ever written; it can be asked while the database is stopped."""
        return self.counts({table: f"SELECT count(*) FROM {table}" for table in tables})


def new_id(prefix: str) -> str:
    """A new id: the prefix and 16 hexadecimal digits."""
    return f"{prefix}_{secrets.token_hex(8)}"
