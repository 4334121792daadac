"""The journal of one machine: a file of its own, stdlib `sqlite3` in WAL mode."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from failwell.actions import StoreError
from failwell.journal.base import COLUMNS, KEEP, REAPED_AT_ONCE, conditions, entry_of, row
from failwell.journal.entry import Entry

_SCHEMA = """
CREATE TABLE IF NOT EXISTS failwell_journal (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    request_id TEXT NOT NULL,
    idempotency_key TEXT,
    code TEXT,
    status INTEGER,
    api TEXT NOT NULL,
    outcome TEXT,
    entry TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS failwell_journal_request ON failwell_journal (request_id);
CREATE INDEX IF NOT EXISTS failwell_journal_key ON failwell_journal (idempotency_key);
CREATE INDEX IF NOT EXISTS failwell_journal_code ON failwell_journal (code, at);
CREATE INDEX IF NOT EXISTS failwell_journal_at ON failwell_journal (at);
"""
_APPEND = f"INSERT INTO failwell_journal ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_BY_REQUEST = """
SELECT entry FROM failwell_journal
WHERE request_id = ?1 OR idempotency_key IN
    (SELECT idempotency_key FROM failwell_journal WHERE request_id = ?1)
ORDER BY at, id LIMIT 1000
"""
_REAP = """
DELETE FROM failwell_journal WHERE id IN
    (SELECT id FROM failwell_journal WHERE at < ? ORDER BY at LIMIT ?)
"""

_inherited: list[sqlite3.Connection] = []
"""Connections that came over a fork: SQLite forbids even to close them in the child."""


class SQLiteJournal:
    """Entries in the file at `path`, which only its owner may read; made when first written to.

    It opens itself anew after a fork, after an error, and where the file was deleted. `keep` is
    in seconds, `clock` gives epoch seconds; `timeout` (seconds) is how long to wait for a file
    that another process is writing to.
    """

    def __init__(
        self,
        path: str,
        *,
        keep: float = KEEP,
        clock: Callable[[], float] = time.time,
        timeout: float = 5.0,
    ) -> None:
        self._path = path
        self._keep = keep
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (told := forked()) and told())

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these entries, all or none. Raises `StoreError` where that is impossible now."""
        rows = [row(entry) for entry in entries]
        with self._transaction() as connection:
            connection.executemany(_APPEND, rows)

    def reap(self) -> int:
        """Take out some entries older than `keep`; how many. Raises `StoreError`."""
        with self._transaction() as connection:
            ends = self._clock() - self._keep
            return connection.execute(_REAP, (ends, REAPED_AT_ONCE)).rowcount

    def by_request(self, request_id: str) -> list[Entry]:
        """The story of a request, in time order. Raises `StoreError` where there is no journal."""
        return self._read(_BY_REQUEST, (request_id,)) if request_id else []

    def search(
        self,
        since: float = 0.0,
        *,
        code: str | None = None,
        status: int | None = None,
        api: str | None = None,
        outcome: str | None = None,
        limit: int = 100,
    ) -> list[Entry]:
        """The newest entries that match, in time order. Raises `StoreError` as `by_request`."""
        filters = {"code": code, "status": status, "api": api, "outcome": outcome}
        matching, values = conditions("?", filters)
        query = (
            f"SELECT entry FROM failwell_journal WHERE at >= ?{matching} "
            "ORDER BY at DESC, id DESC LIMIT ?"
        )
        return self._read(query, (since, *values, limit))[::-1]

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._let_go()

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        """A transaction that is alone; after any error the file is opened anew."""
        with self._lock, self._told():
            try:
                connection = self._own_connection()
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._let_go()
                raise

    @contextmanager
    def _told(self) -> Generator[None]:
        """Whatever SQLite raises inside becomes a `StoreError` that names the file; a row that it
        cannot hold is not the store's fault."""
        try:
            yield
        except (sqlite3.DataError, sqlite3.IntegrityError):
            raise
        except (sqlite3.Error, OSError, msgspec.MsgspecError) as error:
            raise StoreError(f"The journal in {self._path!r} cannot be used: {error}") from error

    def _read(self, query: str, values: tuple[object, ...]) -> list[Entry]:
        if not os.path.exists(self._path):
            raise StoreError(f"There is no journal in {self._path!r}: no such file.")
        with self._told(), closing(self._connect("ro")) as connection:
            return [entry_of(text) for (text,) in connection.execute(query, values)]

    def _own_connection(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != self._identity():
            self._let_go()
        if self._connection is None:
            Path(self._path).touch(mode=0o600)
            self._connection = self._connect("rw")
            self._set_up(self._connection)
            self._file = self._identity()
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        """Which file the path names: one that was deleted can still be written to, in vain."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{Path(self._path).absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,
        )

    def _set_up(self, connection: sqlite3.Connection) -> None:
        """WAL, which SQLite does not wait for by itself while others open the same file."""
        gives_up = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                break
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > gives_up:
                    raise
            time.sleep(0.01)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None
