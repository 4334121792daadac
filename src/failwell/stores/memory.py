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
    """A record and when it ends; and the `marks` that were made on it since, without the lock: a
    record that may be marked has a method `marked(count)`, which gives it with so many more."""

    __slots__ = ("ends", "marks", "record")

    def __init__(self, record: Any, ends: float | None) -> None:
        self.record = record
        self.ends = ends
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
                kept = Kept(None, None)
            step = change(_caught_up(kept), now)
            if step.record is None:
                self._records.pop(key, None)
            else:
                kept.record = step.record
                kept.ends = kept.ends if step.ttl is None else now + step.ttl
                self._records[key] = kept
            return step.answer

    def glance(self, key: str) -> Kept | None:
        """What is kept under `key`, read without the lock: only to be marked, or left alone; None
        where there is nothing, or it has as many marks as it bears."""
        kept = self._records.get(key)
        return kept if kept is not None and len(kept.marks) < _MOST_MARKS else None

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
