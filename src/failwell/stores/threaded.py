"""A store that blocks, for code that must not: its updates run in one thread of their own."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from failwell.actions import AsyncStore, Change, Store
from failwell.stores.memory import MemoryStore

R = TypeVar("R")
A = TypeVar("A")


class ThreadedStore:
    """The updates of `store`, awaited; one at a time, in the order they were asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="failwell-store")

    async def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._store.update, key, change)


def unblocked(store: Store | AsyncStore) -> Store | AsyncStore:
    """The store, as async code may use it: in a thread of its own where its updates would block."""
    if isinstance(store, MemoryStore) or inspect.iscoroutinefunction(store.update):
        return store
    return ThreadedStore(cast("Store", store))
