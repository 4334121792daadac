"""State in one file, shared by the processes of one machine: stdlib `sqlite3` in WAL mode."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TypeVar

import msgspec

from failwell.actions import Change, Step, StoreError
from failwell.stores import sqlite_sql as sql

R = TypeVar("R")
A = TypeVar("A")

_REAP_EVERY = 256
"""Updates between two reapings: fewer than the records that one of them takes."""


class SQLiteStore:
    """Records in the file at `path`; it closes the file before a fork and reopens it on both sides.

    `clock` gives epoch seconds. `synchronous` is SQLite's own setting: "NORMAL" survives the
    death of any process, "FULL" a power cut too.

    Raises `StoreError` where the file cannot be opened, read or written within `timeout` seconds.
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
        self._closed = False
        self._held = False
        self._connection: sqlite3.Connection | None = None
        with self._told():
            self._own_connection()
        _stores.add(self)

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        with self._lock, self._told():
            connection = self._own_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                step = self._apply(connection, key, change)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return step.answer

    @contextmanager
    def _told(self) -> Generator[None]:
        """Whatever SQLite raises inside becomes a `StoreError` that names the file."""
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StoreError(f"The store in {self._path!r} cannot be used: {error}") from error

    def _apply(self, connection: sqlite3.Connection, key: str, change: Change[R, A]) -> Step[R, A]:
        now = self._clock()
        self._reap(connection, now)
        record, ends = self._read(connection, key, change.record_type, now)
        step = change(record, now)
        if step.record is None:
            connection.execute(sql.DELETE, (key,))
        elif step.record is not record or step.ttl is not None:
            ends = ends if step.ttl is None else now + step.ttl
            connection.execute(sql.WRITE, (key, msgspec.msgpack.encode(step.record), ends))
        return step

    def _read(
        self, connection: sqlite3.Connection, key: str, record_type: type[R], now: float
    ) -> tuple[R | None, float | None]:
        kept = connection.execute(sql.READ, (key,)).fetchone()
        if kept is None or (kept[1] is not None and kept[1] <= now):
            return None, None
        return msgspec.msgpack.decode(kept[0], type=record_type), kept[1]

    def _reap(self, connection: sqlite3.Connection, now: float) -> None:
        self._updates += 1
        if self._updates % _REAP_EVERY == 0:
            connection.execute(sql.REAP, (now,))

    def close(self) -> None:
        """Close the file; an update after that raises `StoreError`."""
        with self._lock:
            self._closed = True
            self._let_go()

    def __del__(self) -> None:
        """A client that opened it by its URL lets go of it without a word."""
        with suppress(Exception):
            self._let_go()

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _own_connection(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"The store in {self._path!r} is closed")
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def before_fork(self) -> None:
        """No connection may be open across a fork, nor an update be under way: SQLite keeps in
        the process what it has locked, and a child that inherits that writes into files which
        its parent has deleted. A database in memory has no file, and is simply copied."""
        self._held = self._lock.acquire(timeout=self._timeout)
        if self._held and self._path != ":memory:":
            self._let_go()

    def after_fork_in_parent(self) -> None:
        """Let the other threads go on; the next update reopens the file."""
        if self._held:
            self._lock.release()

    def after_fork_in_child(self) -> None:
        """Go on as a process of its own; the next update opens the file."""
        self._lock = threading.Lock()
        if not self._held and self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False
        )
        try:
            self._set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        self._switch_to_wal(connection)
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.executescript(sql.SCHEMA)

    def _switch_to_wal(self, connection: sqlite3.Connection) -> None:
        """SQLite does not wait for this lock by itself, and many processes may open at once."""
        gives_up = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > gives_up:
                    raise
            time.sleep(0.01)


_stores: weakref.WeakSet[SQLiteStore] = weakref.WeakSet()
_inherited: list[sqlite3.Connection] = []
"""Connections that came over a fork all the same: a child may not even close them."""


def _tell_all(what: Callable[[SQLiteStore], None]) -> Callable[[], None]:
    def tell() -> None:
        for store in tuple(_stores):
            what(store)

    return tell


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_tell_all(SQLiteStore.before_fork),
        after_in_parent=_tell_all(SQLiteStore.after_fork_in_parent),
        after_in_child=_tell_all(SQLiteStore.after_fork_in_child),
    )
