"""The database: rows in and out, transactions, and a way to take it down for real."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from failwell.apis.flow.records.rows import (
    DataRow,
    ExecutionRow,
    ImportRow,
    ProcessRow,
    ProjectRow,
    SampleRow,
    UserRow,
)
from failwell.apis.flow.records.schema import SCHEMA

R = TypeVar("R")

_TABLES: dict[type[Any], str] = {
    UserRow: "users",
    ProjectRow: "projects",
    SampleRow: "samples",
    DataRow: "data",
    ExecutionRow: "executions",
    ProcessRow: "processes",
    ImportRow: "imports",
}


class Database:
    """A component: the SQLite database in `folder()`, which keeps what it holds while it is
    stopped.

    Raises `sqlite3.ProgrammingError` for everything while it is stopped.
    """

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None

    @property
    def running(self) -> bool:
        return self._connection is not None

    async def start(self) -> None:
        """Open the database; make its tables where it is new."""
        if self._connection is None:
            is_new = not self._path.exists()
            self._connection = self._connect()
            if is_new:
                self._connection.executescript(SCHEMA)

    async def stop(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def transaction(self) -> Generator[None]:
        """What is written inside stands or falls together; nothing is awaited inside."""
        connection = self._open
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def all(self, cls: type[R], where: str = "1", *values: Any) -> list[R]:
        """The rows of a table that meet the condition."""
        cursor = self._open.execute(f"SELECT * FROM {_TABLES[cls]} WHERE {where}", values)
        names = [column[0] for column in cursor.description]
        return [cls(**dict(zip(names, row, strict=True))) for row in cursor]

    def one(self, cls: type[R], where: str, *values: Any) -> R | None:
        """The first row that meets the condition; None where there is none."""
        return next(iter(self.all(cls, where + " LIMIT 1", *values)), None)

    def get(self, cls: type[R], number: int) -> R:
        """The row with this number. Raises `LookupError`."""
        row = self.one(cls, "number = ?", number)
        if row is None:
            raise LookupError(f"no {_TABLES[cls]} {number}")
        return row

    def add(self, cls: type[R], **columns: Any) -> R:
        """A new row."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO {_TABLES[cls]} ({names}) VALUES ({marks})"
        cursor = self._open.execute(statement, tuple(columns.values()))
        return self.get(cls, cursor.lastrowid or 0)

    def change(self, cls: type[Any], number: int, **columns: Any) -> None:
        """New values for some columns of a row."""
        named = ", ".join(f"{name} = ?" for name in columns)
        statement = f"UPDATE {_TABLES[cls]} SET {named} WHERE number = ?"
        self._open.execute(statement, (*columns.values(), number))

    def remove(self, cls: type[Any], number: int) -> None:
        """A row less."""
        self._open.execute(f"DELETE FROM {_TABLES[cls]} WHERE number = ?", (number,))

    def value(self, query: str, *values: Any) -> Any:
        """The first column of the first row of a query; None where there is none."""
        row = self._open.execute(query, values).fetchone()
        return None if row is None else row[0]

    def run(self, statement: str, *values: Any) -> None:
        """Carry a statement out."""
        self._open.execute(statement, values)

    def created(self) -> dict[str, int]:
        """How many of each were really created and are there; outputs of executions are theirs, and
        not counted as data. It can be asked while the
        database is stopped."""
        counts = {
            "samples": "samples WHERE NOT given",
            "projects": "projects",
            "data": "data WHERE complete AND NOT given AND process IS NULL",
            "executions": "executions",
        }
        with contextlib.closing(self._connect()) as reader:
            return {
                name: reader.execute(f"SELECT count(*) FROM {of}").fetchone()[0]
                for name, of in counts.items()
            }

    @property
    def _path(self) -> Path:
        return self._folder() / "flow.db"

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the database is stopped")
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return connection


def timestamp(now: float | None = None) -> str:
    """A time of day (epoch seconds; now where none is given) in ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
