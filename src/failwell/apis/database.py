"""SQLite as a component of a re-created system: it is closed and opened again while it serves."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, TypeVar

R = TypeVar("R")


class SQLiteFile:
    """A database in a file of the system's folder, which keeps what it holds while it is stopped.
    A class says the `file`'s name and its `schema`.

    Raises `sqlite3.ProgrammingError` for everything while it is stopped.
    """

    file: ClassVar[str]
    schema: ClassVar[str]

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._connection: sqlite3.Connection | None = None

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._connection is not None

    async def start(self) -> None:
        """Open the file; make its tables where it is new."""
        if self._connection is None:
            self._connection = self._connect()
            if not self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                self._connection.executescript(self.schema)

    async def stop(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def counts(self, queries: Mapping[str, str]) -> dict[str, int]:
        """What counting queries say, by name; they can be asked while it is stopped."""
        with contextlib.closing(self._connect()) as reader:
            return {name: reader.execute(query).fetchone()[0] for name, query in queries.items()}

    @property
    def _open(self) -> sqlite3.Connection:
        return opened(self._connection)

    def _connect(self) -> sqlite3.Connection:
        path = self._folder() / self.file
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        return connection


class Database(SQLiteFile):
    """One whose transactions are over before anything is awaited."""

    @contextmanager
    def transaction(self) -> Generator[None]:
        """What is written inside stands or falls together; nothing may be awaited inside."""
        with transaction(self._open):
            yield


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """What is written inside stands or falls together."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def opened(connection: sqlite3.Connection | None) -> sqlite3.Connection:
    """The connection. Raises `sqlite3.ProgrammingError` where there is none."""
    if connection is None:
        raise sqlite3.ProgrammingError("the database is stopped")
    return connection


def records(cursor: sqlite3.Cursor, cls: type[R]) -> list[R]:
    """The rows that were found; each column is a field of `cls`."""
    names = [column[0] for column in cursor.description]
    return [cls(**dict(zip(names, row, strict=True))) for row in cursor]


def timestamp(at: float | None = None) -> str:
    """A time of day (epoch seconds; now where none is given) in ISO 8601 with milliseconds."""
    at = time.time() if at is None else at
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}Z"
