"""State in PostgreSQL, shared by many machines: psycopg 3, one row a record.

A missing row cannot be locked, so an update inserts an empty one first and then locks it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import msgspec
import psycopg

from failwell.actions import Change, Step, StoreError
from failwell.stores import postgres_sql as sql

R = TypeVar("R")
A = TypeVar("A")

_REAP_EVERY = 256
_SETUP_LOCK = 0x6661696C77656C6C
"""The advisory lock ("failwell") for making the table: many processes may start at once."""

_inherited: list[Any] = []
"""Connections that came over a fork: to close them in the child would close them in the parent."""


class PostgresStore:
    """Records in the database at `url`; it reconnects after a fork and after a lost connection.

    `clock` gives epoch seconds; the database's own where it is left out. `timeout` (seconds)
    bounds connecting and waiting for a locked row.

    Raises `StoreError` where the database cannot be reached, read or written.
    """

    def __init__(
        self, url: str, *, clock: Callable[[], float] | None = None, timeout: float = 5.0
    ) -> None:
        self._url = url
        self._clock = clock
        self._timeout = timeout
        self._lock = threading.Lock()
        self._updates = 0
        self._pid = os.getpid()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        with self._told():
            self._connected()

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        self._leave_inherited()
        with self._lock:
            cursor = self._begun(sql.name(key))
            try:
                step = self._apply(cursor, sql.name(key), change)
                with self._told():
                    cursor.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):
                    cursor.execute("ROLLBACK")
                raise
            return step.answer

    def _begun(self, key: bytes) -> psycopg.Cursor[tuple[Any, ...]]:
        """A transaction with a row for the key in it; an idle connection may have been lost, and
        one with a statement that failed refuses all others."""
        with self._told():
            try:
                return self._begin(key)
            except psycopg.Error:
                self._drop()
                return self._begin(key)

    def _begin(self, key: bytes) -> psycopg.Cursor[tuple[Any, ...]]:
        cursor = self._connected().cursor()
        cursor.execute("BEGIN")
        cursor.execute(sql.INSERT, (key,))
        return cursor

    def _apply(
        self, cursor: psycopg.Cursor[tuple[Any, ...]], key: bytes, change: Change[R, A]
    ) -> Step[R, A]:
        with self._told():
            kept, ends = cursor.execute(sql.LOCK, (key,)).fetchone() or (None, None)
            now = self._now(cursor)
            self._reap(cursor, now)
            if kept is None or (ends is not None and ends <= now):
                kept = ends = None
            record = None if kept is None else msgspec.msgpack.decode(kept, type=change.record_type)
        step = change(record, now)
        with self._told():
            if step.record is None:
                cursor.execute(sql.DELETE, (key,))
            else:
                ends = ends if step.ttl is None else now + step.ttl
                cursor.execute(sql.UPDATE, (msgspec.msgpack.encode(step.record), ends, key))
        return step

    def _now(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> float:
        if self._clock is not None:
            return self._clock()
        row = cursor.execute(sql.CLOCK).fetchone()
        assert row is not None
        return float(row[0])

    def _reap(self, cursor: psycopg.Cursor[tuple[Any, ...]], now: float) -> None:
        self._updates += 1
        if self._updates % _REAP_EVERY == 0:
            cursor.execute(sql.REAP, (now,))

    def close(self) -> None:
        """Close the connection; the next update opens a new one."""
        self._leave_inherited()
        with self._lock:
            self._drop()

    def __del__(self) -> None:
        """A client that opened it by its URL lets go of it without a word."""
        with suppress(Exception):
            self._leave_inherited()
            self._drop()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=max(1, int(self._timeout)),
                options=f"-c lock_timeout={int(self._timeout * 1000)}",
            )
            try:
                _set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _leave_inherited(self) -> None:
        if self._pid != os.getpid():
            _inherited.append(self._connection)
            self._connection = None
            self._lock = threading.Lock()
            self._pid = os.getpid()

    @contextmanager
    def _told(self) -> Generator[None]:
        """Whatever PostgreSQL raises inside becomes a `StoreError`, without the URL's password."""
        try:
            yield
        except (psycopg.Error, msgspec.MsgspecError) as error:
            if isinstance(error, psycopg.Error):
                self._drop()
            raise StoreError(f"The store in PostgreSQL cannot be used: {_brief(error)}") from None


def _set_up(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SETUP_LOCK,))
        connection.execute(sql.SCHEMA)


def _brief(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
