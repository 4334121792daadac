"""Where an adapter keeps what it knows, and how much of that is its own to close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from failwell.actions import AsyncStore, Store
from failwell.clients.origin import (
    async_store,
    only_sync,
    opened,
    run_of,
    sync_store,
    unblocked_store,
)

if TYPE_CHECKING:
    from failwell.flows.runs import Book


class Kept(msgspec.Struct, frozen=True):
    """Where an adapter keeps what it knows: of origins (`near`), and of its run (`durable`, with
    the `book`), if it has one. `own` is a store that was opened for it by its URL."""

    near: Store | AsyncStore
    book: Book | None
    durable: Store | AsyncStore | None
    own: Store | AsyncStore | None

    @classmethod
    def sync(cls, store: Store | AsyncStore | str | None, run: str | Book | None) -> Kept:
        """For an adapter in sync code. Raises `InvalidRequestError` for a run that cannot be."""
        kept = only_sync(opened(store))
        book, durable = run_of(run, kept)
        return cls(sync_store(kept), book, durable, kept if isinstance(store, str) else None)

    @classmethod
    def awaited(cls, store: Store | AsyncStore | str | None, run: str | Book | None) -> Kept:
        """The same for async code."""
        kept = opened(store)
        book, durable = run_of(run, kept)
        durable = durable and unblocked_store(durable)
        return cls(async_store(kept), book, durable, kept if isinstance(store, str) else None)

    def close(self) -> None:
        """Close the store that was opened for this adapter."""
        close = getattr(self.own, "close", None)
        if close is not None:
            close()
