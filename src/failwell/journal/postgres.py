"""The journal of many hosts: one table in PostgreSQL, over psycopg 3."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, cast

import msgspec

from failwell import redaction
from failwell.actions import StoreError
from failwell.journal.base import KEEP
from failwell.journal.entry import Entry
from failwell.journal.table import INDICES, TableJournal, entry_of

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

_EXISTS = "SELECT to_regclass('failwell_journal')"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('failwell_journal'))"
_SCHEMA = """
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
"""
_DEFAULTS = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "application_name": "failwell-journal",
}
"""Settings of a connection where the URL says nothing else."""


class PostgresJournal(TableJournal):
    """Entries in the table `failwell_journal` of the database at `url`, made when first needed.

    It connects anew after a fork and after an error. `keep` is in seconds, `clock` gives epoch
    seconds.

    Raises `ModuleNotFoundError` where psycopg is not installed.
    """

    mark = "%s"
    as_text = "entry::text"
    skip_locked = " FOR UPDATE SKIP LOCKED"

    def __init__(
        self, url: str, *, keep: float = KEEP, clock: Callable[[], float] = time.time
    ) -> None:
        try:
            import psycopg
        except ModuleNotFoundError as error:
            message = "A journal in PostgreSQL needs psycopg: pip install 'failwell[postgres]'"
            raise ModuleNotFoundError(message, name=error.name) from error
        super().__init__(keep, clock)
        self._psycopg = psycopg
        self._url = url

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
        connection: Connection | None = self._connection
        if connection is None:
            connection = self._connection = self._connect()
            self._set_up(connection)
        return connection

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
            for statement in (_SCHEMA, *INDICES):
                connection.execute(cast(LiteralString, statement))
