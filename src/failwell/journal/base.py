"""What a journal's store promises, and opening one by its URL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote, urlsplit

from failwell import redaction
from failwell.journal.entry import Entry

KEEP = 30 * 86_400.0
"""Seconds that an entry is kept, unless told otherwise."""

REAPED_AT_ONCE = 500
"""Entries that one reaping takes out at most, so that no writer waits long for it."""


class Backend(Protocol):
    """Where entries live. Nothing is connected or created before the first use."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Keep these entries, all or none.

        Raises `StoreError` where the store cannot be used now: the same entries may be given
        again. Any other exception says that these entries can never be kept.
        """
        ...

    def reap(self) -> int:
        """Take out some entries that are too old, `REAPED_AT_ONCE` at most; how many it were.

        Raises `StoreError` where the store cannot be used now.
        """
        ...

    def by_request(self, request_id: str) -> list[Entry]:
        """The story of a request, in time order: the entries with its id, and those of the same
        write (the same idempotency key). Empty where nothing is known of it.

        Raises `StoreError` where the store cannot be read or holds no journal.
        """
        ...

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
        """The newest entries of those that match, `limit` at most, in time order; `since` is in
        epoch seconds.

        Raises `StoreError` where the store cannot be read or holds no journal.
        """
        ...

    def close(self) -> None:
        """Let go of the store; the next use opens it again."""
        ...


def open(url: str, *, keep: float = KEEP) -> Backend:
    """The store at `url`: `sqlite:///path/to/file.db` or `postgresql://…`; entries older than
    `keep` seconds are taken out.

    Raises `ValueError` for a URL that names no such store, `ModuleNotFoundError` where PostgreSQL
    is named and psycopg is not installed.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "sqlite" if parts.path[1:] not in ("", ":memory:") and not parts.netloc:
            from failwell.journal.sqlite import SQLiteJournal

            return SQLiteJournal(unquote(parts.path[1:]), keep=keep)
        case "postgresql" | "postgres":
            from failwell.journal.postgres import PostgresJournal

            return PostgresJournal(url, keep=keep)
        case _:
            raise ValueError(
                f"{redaction.url(url)!r} names no journal: "
                "use sqlite:///path/to/file.db or postgresql://user@host/database"
            )
