"""The journal of many hosts: one table in PostgreSQL, over psycopg 3."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, cast

import msgspec

from failwell import redaction
from failwell.actions import StoreError
from failwell.journal.base import COLUMNS, KEEP, REAPED_AT_ONCE, conditions, entry_of, row
from failwell.journal.entry import Entry

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_EXISTS = "SELECT to_regclass('failwell_journal')"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('failwell_journal'))"
_SCHEMA: tuple[LiteralString, ...] = (
    """
    CREATE TABLE IF NOT EXISTS failwell_journal (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at DOUBLE PRECISION NOT NULL,
        request_id TEXT NOT NULL,
        idempotency_key TEXT,
        code TEXT,
        status INTEGER,
        api TEXT NOT NULL,
        outcome TEXT,
        entry JSONB NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS failwell_journal_request ON failwell_journal (request_id)",
    "CREATE INDEX IF NOT EXISTS failwell_journal_key ON failwell_journal (idempotency_key)",
    "CREATE INDEX IF NOT EXISTS failwell_journal_code ON failwell_journal (code, at)",
    "CREATE INDEX IF NOT EXISTS failwell_journal_at ON failwell_journal (at)",
)
_APPEND = cast(
    LiteralString,
    f"INSERT INTO failwell_journal ({', '.join(COLUMNS)}) VALUES ({', '.join(['%s'] * 8)})",
)
_BY_REQUEST = """
SELECT entry::text FROM failwell_journal
WHERE request_id = %s OR idempotency_key IN
    (SELECT idempotency_key FROM failwell_journal WHERE request_id = %s)
ORDER BY at, id LIMIT 1000
"""
_REAP = """
DELETE FROM failwell_journal WHERE id IN
    (SELECT id FROM failwell_journal WHERE at < %s ORDER BY at LIMIT %s FOR UPDATE SKIP LOCKED)
"""
_DEFAULTS = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "application_name": "failwell-journal",
}
"""Settings of a connection where the URL says nothing else."""

_inherited: list[object] = []
"""Connections that came over a fork: closing one would end the parent's session."""


class PostgresJournal:
    """Entries in the table `failwell_journal` of the database at `url`, made when first needed.

    It connects anew after a fork and after an error. `keep` is in seconds, `clock` gives epoch
    seconds.

    Raises `ModuleNotFoundError` where psycopg is not installed.
    """

    def __init__(
        self, url: str, *, keep: float = KEEP, clock: Callable[[], float] = time.time
    ) -> None:
        try:
            import psycopg
        except ModuleNotFoundError as error:
            message = "A journal in PostgreSQL needs psycopg: pip install 'failwell[postgres]'"
            raise ModuleNotFoundError(message, name=error.name) from error
        self._psycopg = psycopg
        self._url = url
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (told := forked()) and told())

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these entries, all or none. Raises `StoreError` where that is impossible now."""
        rows = [row(entry) for entry in entries]
        with self._transaction() as connection:
            connection.cursor().executemany(_APPEND, rows)

    def reap(self) -> int:
        """Take out some entries older than `keep`; how many. Raises `StoreError`."""
        with self._transaction() as connection:
            ends = self._clock() - self._keep
            return connection.execute(_REAP, (ends, REAPED_AT_ONCE)).rowcount

    def by_request(self, request_id: str) -> list[Entry]:
        """The story of a request, in time order. Raises `StoreError` where there is no journal."""
        return self._read(_BY_REQUEST, (request_id, request_id)) if request_id else []

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
        matching, values = conditions("%s", filters)
        query = (
            f"SELECT entry::text FROM failwell_journal WHERE at >= %s{matching} "
            "ORDER BY at DESC, id DESC LIMIT %s"
        )
        return self._read(query, (since, *values, limit))[::-1]

    def close(self) -> None:
        """End the connection; the next use makes another."""
        with self._lock:
            self._let_go()

    @contextmanager
    def _transaction(self) -> Generator[Connection]:
        with self._lock, self._told():
            try:
                connection = self._own_connection()
                with connection.transaction():
                    yield connection
            except BaseException:
                self._let_go()
                raise

    @contextmanager
    def _told(self) -> Generator[None]:
        """Whatever psycopg raises inside becomes a `StoreError`, without the password; a row that
        PostgreSQL cannot hold is not the store's fault."""
        try:
            yield
        except (self._psycopg.DataError, self._psycopg.IntegrityError):
            raise
        except (self._psycopg.Error, msgspec.MsgspecError) as error:
            message = f"The journal in {self._where()} cannot be used: {self._clean(str(error))}"
            raise StoreError(message) from None

    def _where(self) -> str:
        return repr(self._clean(redaction.url(self._url)))

    def _clean(self, text: str) -> str:
        secrets = redaction.secrets_of({}, self._url, None)
        return redaction.text(" ".join(text.split()), secrets)

    def _read(self, query: str, values: tuple[object, ...]) -> list[Entry]:
        with self._told():
            try:
                with closing(self._connect()) as connection:
                    found = connection.execute(cast(LiteralString, query), values)
                    return [entry_of(text) for (text,) in found]
            except self._psycopg.errors.UndefinedTable:
                message = f"There is no journal in {self._where()}: nothing was ever written."
                raise StoreError(message) from None

    def _own_connection(self) -> Connection:
        if self._connection is None:
            self._connection = self._connect()
            self._set_up(self._connection)
        return self._connection

    def _connect(self) -> Connection:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        settings: dict[str, Any] = {**_DEFAULTS, **conninfo_to_dict(self._url)}
        return self._psycopg.connect(make_conninfo("", **settings), autocommit=True)

    def _set_up(self, connection: Connection) -> None:
        """Make the table, one host at a time; who may not make tables can use one that is there."""
        found = connection.execute(_EXISTS).fetchone()
        if found is not None and found[0] is not None:
            return
        with connection.transaction():
            connection.execute(_LOCK)
            for statement in _SCHEMA:
                connection.execute(statement)

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None
