"""State in one file, shared by the processes of one machine: stdlib `sqlite3` in WAL mode."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from failwell.actions import Change

R = TypeVar("R")
A = TypeVar("A")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS failwell_records (
    key TEXT PRIMARY KEY,
    record BLOB NOT NULL,
    ends REAL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failwell_records_ends ON failwell_records (ends);
"""
_READ = "SELECT record, ends FROM failwell_records WHERE key = ?"
_WRITE = """
INSERT INTO failwell_records (key, record, ends) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET record = excluded.record, ends = excluded.ends
"""
_DELETE = "DELETE FROM failwell_records WHERE key = ?"
_REAP = """
DELETE FROM failwell_records WHERE key IN
    (SELECT key FROM failwell_records WHERE ends <= ? ORDER BY ends LIMIT 100)
"""
_REAP_EVERY = 256


class SQLiteStore:
    """Records in the file at `path`; it reopens itself after a fork.

    `clock` gives epoch seconds. `synchronous` is SQLite's own setting: "NORMAL" survives the
    death of any process, "FULL" a power cut too.

    Raises `sqlite3.Error` where the file cannot be opened or written within `timeout` seconds.
    """

    def __init__(
        self,
        path: str,
        *,
        clock: Callable[[], float] = time.time,
        synchronous: str = "NORMAL",
        timeout: float = 5.0,
    ) -> None:
        if synchronous not in ("NORMAL", "FULL"):
            raise ValueError(f"synchronous={synchronous!r}: use NORMAL or FULL")
        self._path = path
        self._clock = clock
        self._synchronous = synchronous
        self._timeout = timeout
        self._lock = threading.Lock()
        self._updates = 0
        self._pid = os.getpid()
        self._connection = self._connect()
        os.register_at_fork(after_in_child=self._after_fork)

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        with self._lock:
            connection = self._own_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                answer = self._apply(connection, key, change)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return answer

    def _apply(self, connection: sqlite3.Connection, key: str, change: Change[R, A]) -> A:
        now = self._clock()
        self._reap(connection, now)
        kept = connection.execute(_READ, (key,)).fetchone()
        blob, ends = kept if kept and (kept[1] is None or kept[1] > now) else (None, None)
        record = None if blob is None else msgspec.msgpack.decode(blob, type=change.record_type)
        step = change(record, now)
        if step.record is None:
            connection.execute(_DELETE, (key,))
        elif step.record is not record or step.ttl is not None:
            ends = ends if step.ttl is None else now + step.ttl
            connection.execute(_WRITE, (key, msgspec.msgpack.encode(step.record), ends))
        return step.answer

    def _reap(self, connection: sqlite3.Connection, now: float) -> None:
        self._updates += 1
        if self._updates % _REAP_EVERY == 0:
            connection.execute(_REAP, (now,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _own_connection(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._connection = self._connect()
        return self._connection

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.executescript(_SCHEMA)
        return connection
