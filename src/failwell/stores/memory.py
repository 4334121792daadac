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
_MOST_MARKS = 4096


class Kept:
    """A record and when it ends; and the `marks` that were made on it in its `lull` (see `Step`),
    without the lock."""

    __slots__ = ("ends", "lull", "marks", "record")

    def __init__(self) -> None:
        self.record: Any = None
        self.ends: float | None = None
        self.lull: tuple[object, float, float] | None = None
        self.marks: list[None] = []


class MemoryStore:
    """Records of this process, shared by its threads and tasks; gone with it.

    `clock` gives epoch seconds; tests move it by hand.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, Kept] = {}
        self._updates = 0

    def update(self, key: str, change: Change[R, A]) -> A:
        """Apply `change` to the record under `key`, atomically; its answer."""
        with self._lock:
            now = self.clock()
            self._updates += 1
            if not self._updates % _SWEEP_EVERY:
                self._sweep(now)
            kept = self._records.get(key)
            if kept is None or (kept.ends is not None and kept.ends <= now):
                kept = Kept()
            step = change(_caught_up(kept), now)
            if step.record is None:
                self._records.pop(key, None)
            else:
                kept.record, kept.lull = step.record, step.lull
                kept.ends = kept.ends if step.ttl is None else now + step.ttl
                self._records[key] = kept
            return step.answer

    def glance(self, key: str, who: object) -> bool:
        """Whether the record under `key` has a lull for `who`: then one more is marked on it, which
        the next update counts. The lock is not taken."""
        kept = self._records.get(key)
        if kept is None or kept.lull is None or len(kept.marks) >= _MOST_MARKS:
            return False
        whose, since, until = kept.lull
        if whose is not who or not since <= self.clock() < until:
            return False
        kept.marks.append(None)
        return True

    def _sweep(self, now: float) -> None:
        gone = [key for key, k in self._records.items() if k.ends is not None and k.ends <= now]
        for key in gone:
            del self._records[key]

    def close(self) -> None:
        """Forget every record."""
        self._records.clear()


def _caught_up(kept: Kept) -> Any:
    """The record with its marks; those that are made meanwhile wait for the next time."""
    count = len(kept.marks)
    if not count:
        return kept.record
    del kept.marks[:count]
    return kept.record.marked(count)
