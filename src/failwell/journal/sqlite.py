"""The journal of one machine: a file of its own, stdlib `sqlite3` in WAL mode."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from failwell.actions import StoreError
from failwell.journal.base import KEEP
from failwell.journal.entry import Entry
from failwell.journal.table import INDICES, TableJournal, entry_of

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
)
"""


class SQLiteJournal(TableJournal):
    """Entries in the file at `path`, which only its owner may read; made when first written to.

    It opens itself anew after a fork, after an error, and where the file was deleted. `keep` is
    in seconds, `clock` gives epoch seconds; `timeout` (seconds) is how long to wait for a file
    that another process is writing to.
    """

    mark = "?"

    def __init__(
        self,
        path: str,
        *,
        keep: float = KEEP,
        clock: Callable[[], float] = time.time,
        timeout: float = 5.0,
    ) -> None:
        super().__init__(keep, clock)
        self._path = path
        self._timeout = timeout
        self._file: tuple[int, int] | None = None

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
        connection: sqlite3.Connection | None = self._connection
        if connection is None:
            Path(self._path).touch(mode=0o600)
            connection = self._connection = self._connect("rw")
            self._set_up(connection)
            self._file = self._identity()
        return connection

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
        connection.executescript(";".join((_SCHEMA, *INDICES)))
