"""Where shared state lives, opened by its URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from failwell.actions import Store


def open(url: str) -> Store:
    """The store at `url`: `memory:`, `sqlite:///path/to/file.db` (`sqlite:///:memory:` too),
    `postgresql://…`, `valkey://…` or `redis://…`.

    Raises `ValueError` for a URL that names no store, `StoreError` where it cannot be opened.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "memory":
            from failwell.stores.memory import MemoryStore

            return MemoryStore()
        case "sqlite" if parts.path[1:] and not parts.netloc:
            from failwell.stores.sqlite import SQLiteStore

            return SQLiteStore(unquote(parts.path[1:]))
        case "postgresql" | "postgres":
            from failwell.stores.postgres import PostgresStore

            return PostgresStore(url)
        case "valkey" | "valkeys" | "redis" | "rediss":
            from failwell.stores.valkey import ValkeyStore

            return ValkeyStore(url)
        case _:
            raise ValueError(
                f"{parts.scheme or url[:20]!r} names no store: use memory:, "
                "sqlite:///path/to/file.db, postgresql://…, valkey://… or redis://…"
            )
