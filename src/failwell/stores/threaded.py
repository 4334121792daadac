"""A store that blocks, for code that must not: its updates run in one thread of their own."""

from __future__ import annotations

import asyncio
import inspect
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

from failwell.actions import AsyncStore, Change, Store
from failwell.stores.memory import MemoryStore

R = TypeVar("R")
A = TypeVar("A")


class ThreadedStore:
    """The updates of `store`, awaited on asyncio or trio; one at a time, in the order they were
    asked for. It may be used on both sides of a fork."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begin()

    def _begin(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="failwell-store")
        self._process = os.getpid()

    async def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        if self._process != os.getpid():  # the thread stayed behind
            self._begin()
        return await _awaited(self._thread.submit(self._store.update, key, change))


async def _awaited(future: Future[A]) -> A:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        import anyio.to_thread

        return await anyio.to_thread.run_sync(future.result)
    return await asyncio.wrap_future(future)


def unblocked(store: Store | AsyncStore) -> Store | AsyncStore:
    """The store, as async code may use it: in a thread of its own where its updates would block."""
    if isinstance(store, MemoryStore) or inspect.iscoroutinefunction(store.update):
        return store
    return ThreadedStore(cast("Store", store))
