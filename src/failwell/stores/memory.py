"""State in this process: a dictionary and a lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from failwell.actions import Change

R = TypeVar("R")
A = TypeVar("A")

_SWEEP_EVERY = 256


class MemoryStore:
    """Records of this process, shared by its threads and tasks; gone with it.

    `clock` gives epoch seconds; tests move it by hand.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, tuple[Any, float | None]] = {}
        self._updates = 0

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        with self._lock:
            now = self._clock()
            self._sweep(now)
            record, ends = self._records.get(key, (None, None))
            if ends is not None and ends <= now:
                record, ends = None, None
            step = change(record, now)
            if step.record is None:
                self._records.pop(key, None)
            else:
                ends = ends if step.ttl is None else now + step.ttl
                self._records[key] = (step.record, ends)
            return step.answer

    def _sweep(self, now: float) -> None:
        self._updates += 1
        if self._updates % _SWEEP_EVERY == 0:
            gone = [k for k, (_, ends) in self._records.items() if ends is not None and ends <= now]
            for key in gone:
                del self._records[key]

    def close(self) -> None:
        """Forget every record."""
        self._records.clear()
