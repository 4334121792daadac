"""The stores that an app is given: opened where they are URLs and then closed when the app stops,
and watched, so that an outage's end is known."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import inspect
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, cast

from failwell import stores
from failwell.actions import AsyncStore, Change, Store
from failwell.server.outage import Outage
from failwell.server.types import Message, SendMessage
from failwell.stores.memory import MemoryStore

R = TypeVar("R")
A = TypeVar("A")


def kept(store: Store | AsyncStore | str, outage: Outage) -> Store | AsyncStore:
    """The store itself, or the one at this URL; `outage` hears when it answers again.

    Raises what `failwell.stores.open` raises.
    """
    if store == "memory:" or type(store) is MemoryStore:
        return MemoryStore() if isinstance(store, str) else store
    if not isinstance(store, str) and inspect.iscoroutinefunction(store.update):
        return AsyncKeptStore(cast("AsyncStore", store), outage)
    return KeptStore(cast("Store | str", store), outage)


class KeptStore:
    """A store that blocks. One that was opened here is closed by `close`, or with the process;
    the next update opens it again, for an app may be started twice."""

    def __init__(self, store: Store | str, outage: Outage) -> None:
        self._url = store if isinstance(store, str) else None
        self._store: Store | None = stores.open(store) if isinstance(store, str) else store
        self._outage = outage
        if self._url is not None:
            _opened.add(self)

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        answer = (self._store or self._reopened()).update(key, change)
        if self._outage.lasts:
            self._outage.over()
        return answer

    def close(self) -> None:
        """Close the store, where it was opened here."""
        if self._url is not None:
            store, self._store = self._store, None
            cast("Any", store).close() if store is not None else None

    def _reopened(self) -> Store:
        self._store = stores.open(self._url or "")
        return self._store


class AsyncKeptStore:
    """A store that is awaited; whoever made it closes it."""

    def __init__(self, store: AsyncStore, outage: Outage) -> None:
        self._store = store
        self._outage = outage

    async def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        answer = await self._store.update(key, change)
        if self._outage.lasts:
            self._outage.over()
        return answer


def closing(send: SendMessage, *closers: Callable[[], object]) -> SendMessage:
    """The `send` of an ASGI app's lifespan, which lets go of what was opened for the app before
    the server hears that it has shut down.

    Source: ASGI lifespan protocol 2.0, https://asgi.readthedocs.io/en/latest/specs/lifespan.html
    """

    async def told(message: Message) -> None:
        if message["type"].startswith("lifespan.shutdown."):
            for close in closers:
                await asyncio.to_thread(close)
        await send(message)

    return told


def close_of(store: Store | AsyncStore) -> Callable[[], object]:
    """What lets go of a store of `kept`; nothing where it was not opened there."""
    return store.close if isinstance(store, KeptStore) else lambda: None


_opened: weakref.WeakSet[KeptStore] = weakref.WeakSet()


def _at_exit() -> None:
    """Servers of WSGI do not tell an app that it is over."""
    for store in list(_opened):
        with contextlib.suppress(Exception):
            store.close()


atexit.register(_at_exit)
