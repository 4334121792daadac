"""A journal's store, opened by its URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from failwell import redaction
from failwell.journal.base import KEEP, Backend


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
