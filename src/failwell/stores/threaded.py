"""A store that blocks, for code that must not: its updates run in one thread of their own."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any, Generic, TypeVar, cast

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
        self._lock = Lock()
        self._asked: deque[_Asked[Any]] = deque()
        self._is_working = False

    async def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        if self._process != os.getpid():  # the thread stayed behind
            self._begin()
        update = partial(self._store.update, key, change)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await self._updated_on_trio(update)
        return await self._updated(update, loop)

    def _updated(
        self, update: Callable[[], A], loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[A]:
        answer: asyncio.Future[A] = loop.create_future()
        self._ask(_Asked(update, answer, loop.call_soon_threadsafe))
        return answer

    async def _updated_on_trio(self, update: Callable[[], A]) -> A:
        import anyio.to_thread

        answer: Future[A] = Future()
        self._ask(_Asked(update, answer, _at_once))
        return await anyio.to_thread.run_sync(answer.result)

    def _ask(self, asked: _Asked[Any]) -> None:
        with self._lock:
            if not self._is_working:
                self._thread.submit(self._work)
                self._is_working = True
            self._asked.append(asked)

    def _work(self) -> None:
        """All that is asked for until there is no more: to hand a single update over to the thread
        takes longer than the update."""
        while (asked := self._next()) is not None:
            asked.carry_out()

    def _next(self) -> _Asked[Any] | None:
        with self._lock:
            if self._asked:
                return self._asked.popleft()
            self._is_working = False
            return None


class _Asked(Generic[A]):
    """An update that somebody waits for; `tell` calls a function in the waiter's own thread."""

    def __init__(
        self,
        update: Callable[[], A],
        answer: asyncio.Future[A] | Future[A],
        tell: Callable[..., object],
    ) -> None:
        self._update = update
        self._answer = answer
        self._tell = tell

    def carry_out(self) -> None:
        """Make the update, unless nobody waits for it any more, and tell what came of it."""
        if self._answer.cancelled():
            return
        try:
            answer = self._update()
        except BaseException as error:
            self._end(self._answer.set_exception, error)
            del self  # the error knows this frame, and would keep itself
        else:
            self._end(self._answer.set_result, answer)

    def _end(self, end: Callable[[Any], object], value: object) -> None:
        with suppress(RuntimeError):  # the waiter's loop is closed
            self._tell(_unless_over, self._answer, end, value)


def _unless_over(
    answer: asyncio.Future[Any] | Future[Any], end: Callable[[Any], object], value: object
) -> None:
    if not answer.done():
        end(value)


def _at_once(function: Callable[..., object], *arguments: object) -> None:
    function(*arguments)


def unblocked(store: Store | AsyncStore) -> Store | AsyncStore:
    """The store, as async code may use it: in a thread of its own where its updates would block."""
    if isinstance(store, MemoryStore) or inspect.iscoroutinefunction(store.update):
        return store
    return ThreadedStore(cast("Store", store))
