"""The one table of a journal: its columns, an entry as a row of it, and how rows are found.

The databases differ in how they are connected to, and in how they spell a parameter.
"""

from __future__ import annotations

import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import msgspec

from failwell.journal.base import REAPED_AT_ONCE
from failwell.journal.entry import Entry

COLUMNS = ("at", "request_id", "idempotency_key", "code", "status", "api", "outcome", "entry")
INDICES = tuple(
    f"CREATE INDEX IF NOT EXISTS failwell_journal_{name} ON failwell_journal ({columns})"
    for name, columns in {
        "request": "request_id",
        "key": "idempotency_key",
        "code": "code, at",
        "at": "at",
    }.items()
)

_LONGEST_STORY = 1000
"""Entries of one request that are read."""

_decoder = msgspec.json.Decoder(Entry)


class TableJournal(ABC):
    """A `Backend` over the table `failwell_journal`, which is made when first written to.

    A database gives its `mark` (how it spells a parameter), what it reads an entry's JSON by, and
    what keeps two reapers apart. It connects anew after a fork and after an error. `keep` is in
    seconds, `clock` gives epoch seconds.
    """

    mark: ClassVar[str]
    as_text: ClassVar[str] = "entry"
    skip_locked: ClassVar[str] = ""

    def __init__(self, keep: float, clock: Callable[[], float]) -> None:
        self._keep = keep
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: Any = None
        if hasattr(os, "register_at_fork"):
            forked = weakref.WeakMethod(self._after_fork)
            os.register_at_fork(after_in_child=lambda: (told := forked()) and told())

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[Any]:
        """A connection, in a transaction that is alone. Raises `StoreError`."""

    @abstractmethod
    def _read(self, query: str, values: tuple[object, ...]) -> list[Entry]:
        """The entries that a query finds. Raises `StoreError`."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these entries, all or none. Raises `StoreError` where that is impossible now."""
        rows = [_row(entry) for entry in entries]
        marks = ", ".join([self.mark] * len(COLUMNS))
        statement = f"INSERT INTO failwell_journal ({', '.join(COLUMNS)}) VALUES ({marks})"
        with self._transaction() as connection:
            connection.cursor().executemany(statement, rows)

    def reap(self) -> int:
        """Take out some entries older than `keep`; how many. Raises `StoreError`."""
        statement = (
            "DELETE FROM failwell_journal WHERE id IN (SELECT id FROM failwell_journal "
            f"WHERE at < {self.mark} ORDER BY at LIMIT {REAPED_AT_ONCE}{self.skip_locked})"
        )
        with self._transaction() as connection:
            reaped: int = connection.execute(statement, (self._clock() - self._keep,)).rowcount
            return reaped

    def by_request(self, request_id: str) -> list[Entry]:
        """The story of a request, in time order. Raises `StoreError` where there is no journal."""
        query = (
            f"SELECT {self.as_text} FROM failwell_journal WHERE request_id = {self.mark} "
            "OR idempotency_key IN "
            f"(SELECT idempotency_key FROM failwell_journal WHERE request_id = {self.mark}) "
            f"ORDER BY at, id LIMIT {_LONGEST_STORY}"
        )
        return self._read(query, (request_id, request_id)) if request_id else []

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
        wanted = {"code": code, "status": status, "api": api, "outcome": outcome}
        given = {name: value for name, value in wanted.items() if value is not None}
        matching = "".join(f" AND {name} = {self.mark}" for name in given)
        query = (
            f"SELECT {self.as_text} FROM failwell_journal WHERE at >= {self.mark}{matching} "
            f"ORDER BY at DESC, id DESC LIMIT {self.mark}"
        )
        return self._read(query, (since, *given.values(), limit))[::-1]

    def close(self) -> None:
        """End the connection; the next use makes another."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._connection is not None:
            _inherited.append(self._connection)
            self._connection = None


_inherited: list[object] = []
"""Connections that came over a fork: SQLite forbids even to close them in the child, and closing
one to PostgreSQL would end the parent's session."""


def _row(entry: Entry) -> tuple[object, ...]:
    """The entry as a row of `COLUMNS`: what is searched for, and the whole of it as JSON."""
    searched = tuple(getattr(entry, name) for name in COLUMNS[:-1])
    return (*searched, msgspec.json.encode(entry).decode())


def entry_of(text: str) -> Entry:
    """The entry that was kept as this JSON. Raises `msgspec.DecodeError` where it is none."""
    return _decoder.decode(text)
