"""What a journal's store promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
