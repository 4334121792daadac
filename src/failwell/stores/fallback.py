"""A shared store that may go away, and the memory of this process, which does not.

While the shared one cannot be used, what it would have decided for all is decided for this
process alone; it is tried again every few seconds. That is right for what protects a service
(budget, breaker, quota), and wrong for what must be the same for all, such as idempotency records.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

from failwell.actions import AsyncStore, Change, Store, StoreError
from failwell.stores.memory import MemoryStore

R = TypeVar("R")
A = TypeVar("A")

logger = logging.getLogger("failwell")

RETRY_AFTER = 5.0
"""Seconds for which a store that failed is left alone."""

_LOG_EVERY = 60.0


class _Health:
    """Whether the shared store is to be tried, and what is logged about it: an error each minute
    that it is away, and one line when it is back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._away_until: float | None = None
        self._logged = float("-inf")

    def is_worth_trying(self) -> bool:
        return self._away_until is None or self._clock() >= self._away_until

    def failed(self, error: StoreError) -> None:
        with self._lock:
            now = self._clock()
            self._away_until = now + RETRY_AFTER
            if now - self._logged < _LOG_EVERY:
                return
            self._logged = now
        logger.error("the shared store cannot be used, this process goes on alone: %s", error)

    def worked(self) -> None:
        if self._away_until is None:
            return
        with self._lock:
            self._away_until, self._logged = None, float("-inf")
        logger.warning("the shared store is back")


class FallbackStore:
    """`shared` as long as it works, else `local`; `clock` is in monotonic seconds."""

    def __init__(
        self, shared: Store, local: MemoryStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._local = local
        self._health = _Health(clock)

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        if self._health.is_worth_trying():
            try:
                answer = self._shared.update(key, change)
            except StoreError as error:
                self._health.failed(error)
            else:
                self._health.worked()
                return answer
        return self._local.update(key, change)


class AsyncFallbackStore:
    """The same for a shared store that is awaited."""

    def __init__(
        self,
        shared: Store | AsyncStore,
        local: MemoryStore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from failwell.stores.threaded import unblocked

        self._shared = cast("AsyncStore", unblocked(shared))
        self._local = local
        self._health = _Health(clock)

    async def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        if self._health.is_worth_trying():
            try:
                answer = await self._shared.update(key, change)
            except StoreError as error:
                self._health.failed(error)
            else:
                self._health.worked()
                return answer
        return self._local.update(key, change)
