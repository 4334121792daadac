"""A store that could not be opened when it was named: whoever needs it tries again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from failwell.actions import Change, Store

R = TypeVar("R")
A = TypeVar("A")


class LateStore:
    """The store that `open` gives, from the first update on that can open it.

    Until then each update raises the `StoreError` that stood in the way.
    """

    def __init__(self, open: Callable[[], Store]) -> None:
        self._open = open
        self._lock = threading.Lock()
        self._store: Store | None = None

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        return (self._store or self._opened()).update(key, change)

    def close(self) -> None:
        """Close the store, if it could be opened."""
        close = getattr(self._store, "close", None)
        if close is not None:
            close()

    def _opened(self) -> Store:
        with self._lock:
            if self._store is None:
                self._store = self._open()
            return self._store
