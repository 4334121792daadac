"""Writing to the journal without waiting for it.

`Journal.write` puts an entry into a bounded queue and returns. One daemon thread a process writes
what has gathered, in batches. Whatever happens to the store, the service goes on: entries wait
for the store to come back, and what there is no room for is counted.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from failwell.actions import StoreError
from failwell.journal.base import REAPED_AT_ONCE, Backend
from failwell.journal.entry import Entry
from failwell.journal.opening import open

logger = logging.getLogger("failwell.journal")

BATCH = 500
"""Entries of one transaction."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes that waiting entries may take, however many there may be."""

REAP_EVERY = 60.0
COMPLAIN_EVERY = 60.0
LONGEST_PAUSE = 1.0
AT_EXIT = 2.0
"""Seconds: between two reapings, between two complaints of one kind, between two tries of a dead
store, and for the last entries of a process."""


class Journal:
    """Keeps entries in the store at a URL (`failwell.journal.open`) or in a `Backend`.

    Entries are in the store within `flush_every` seconds, where it is well. At most `capacity` of
    them wait; the newest are dropped, for the first ones of an outage tell its cause. `dropped`
    counts these. A process that is forked goes on with its own thread and an empty queue: what
    was waiting is written by its parent. An entry may be written twice where the connection to
    PostgreSQL breaks in the middle of a commit.

    Raises `ValueError` for a URL that names no store, or for a number that makes no sense.
    """

    def __init__(
        self,
        store: str | Backend,
        *,
        capacity: int = 10_000,
        flush_every: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if capacity < 1 or flush_every <= 0:
            raise ValueError(f"capacity={capacity!r}, flush_every={flush_every!r}: both above 0")
        self.backend: Backend = open(store) if isinstance(store, str) else store
        self._capacity = capacity
        self._flush_every = flush_every
        self._clock = clock
        self._closed = False
        self._begin()
        _journals.add(self)

    def _begin(self) -> None:
        self._queue: deque[Entry] = deque()
        self._bytes = 0
        self._accepted = 0
        self._settled = 0
        self.dropped = 0
        self._told_of = 0
        self._said: dict[str, float] = {}
        self._is_missed = False
        self._next_reaping = 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._storing = threading.Lock()
        self._wake = threading.Event()
        self._hurry = threading.Event()

    def write(self, entry: Entry) -> None:
        """Take the entry; it waits for nothing, and raises nothing."""
        with self._lock:
            size = entry.size
            if self._closed or not self._has_room(size):
                self.dropped += 1
            else:
                self._queue.append(entry)
                self._bytes += size
                self._accepted += 1
            self._ensure_thread()
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, timeout: float = 5.0) -> bool:
        """Whether all that was taken so far is in the store, within `timeout` seconds."""
        with self._lock:
            target = self._accepted
            if self._settled >= target:
                return True
            is_alone = not self._ensure_thread()
        self._hurry.set()
        self._wake.set()
        if is_alone:
            self._store_all()
        with self._changed:
            return self._changed.wait_for(lambda: self._settled >= target, timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is waiting, within `timeout` seconds, and let go of the store.

        What comes later is dropped.
        """
        self.flush(timeout)
        with self._lock:
            thread, self._thread = self._thread, None
            self._closed = True
        self._hurry.set()
        self._wake.set()
        if thread is not None:
            thread.join(timeout)
        if thread is None or not thread.is_alive():
            self.backend.close()
        self._own_up()

    def _has_room(self, size: int) -> bool:
        return len(self._queue) < self._capacity and self._bytes + size <= MOST_BYTES

    def _ensure_thread(self) -> bool:
        """Whether a thread is there to write; a process that has no more to give goes without."""
        if self._closed or (self._thread is not None and self._thread.is_alive()):
            return not self._closed
        thread = threading.Thread(target=self._run, name="failwell-journal", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return False
        self._thread = thread
        _flush_before_exit()
        return True

    def _run(self) -> None:
        pause = 0.0
        while not self._closed:
            self._wake.wait(REAP_EVERY)
            self._hurry.wait(max(pause, self._flush_every / 4))
            self._hurry.clear()
            self._wake.clear()
            if self._store_all():
                pause = 0.0
                self._reap()
            else:
                pause = min(LONGEST_PAUSE, pause * 2 or self._flush_every)
                self._wake.set()
            self._own_up()

    def _store_all(self) -> bool:
        """Whether the queue could be emptied."""
        with self._storing:
            while batch := self._waiting():
                if not self._store(batch):
                    return False
        return True

    def _waiting(self) -> list[Entry]:
        with self._lock:
            return list(islice(self._queue, BATCH))

    def _store(self, batch: Sequence[Entry]) -> bool:
        """Whether these entries are settled: written, or given up because they never can be."""
        try:
            self.backend.append(batch)
        except (StoreError, OSError) as error:
            said = self._complain("dead", "the journal cannot be written, entries wait: %s", error)
            self._is_missed = self._is_missed or said
            return False
        except Exception as error:
            if len(batch) > 1:
                return all(self._store([entry]) for entry in batch)
            self._complain("bad", "an entry can never be kept: %r", error)
            with self._lock:
                self.dropped += 1
        self._settle(batch)
        if self._is_missed:
            self._is_missed = False
            logger.warning("the journal is written again")
        return True

    def _settle(self, batch: Sequence[Entry]) -> None:
        with self._changed:
            for entry in batch:
                self._queue.popleft()
                self._bytes -= entry.size
            self._settled += len(batch)
            self._changed.notify_all()

    def _reap(self) -> None:
        if self._clock() < self._next_reaping:
            return
        try:
            reaped = self.backend.reap()
        except Exception as error:
            self._complain("reap", "old entries of the journal cannot be taken out: %s", error)
            reaped = 0
        if reaped < REAPED_AT_ONCE:
            self._next_reaping = self._clock() + REAP_EVERY
        else:
            self._wake.set()

    def _own_up(self) -> None:
        """Say how many entries were dropped since it was last said."""
        fresh = self.dropped - self._told_of
        if fresh and self._complain("dropped", "the journal dropped %d entries", fresh):
            self._told_of += fresh

    def _complain(self, kind: str, sentence: str, fact: object) -> bool:
        """Log an error, unless this kind was logged less than a minute ago."""
        now = self._clock()
        if now < self._said.get(kind, -COMPLAIN_EVERY) + COMPLAIN_EVERY:
            return False
        self._said[kind] = now
        logger.error(sentence, fact)
        return True

    def _after_fork(self) -> None:
        self._begin()

    def _at_exit(self) -> None:
        if self._queue and not self.flush(AT_EXIT):
            logger.error("%d entries of the journal were not written", len(self._queue))


_journals: weakref.WeakSet[Journal] = weakref.WeakSet()
_is_forked = False
_will_flush = False


def _at_exit() -> None:
    for journal in list(_journals):
        journal._at_exit()  # pyright: ignore[reportPrivateUsage]


def _after_fork() -> None:
    global _is_forked, _will_flush
    _is_forked, _will_flush = True, False
    for journal in list(_journals):
        journal._after_fork()  # pyright: ignore[reportPrivateUsage]


def _flush_before_exit() -> None:
    """A forked child of multiprocessing ends without `atexit`, and has its own list instead."""
    global _will_flush
    util = sys.modules.get("multiprocessing.util")
    if _is_forked and not _will_flush and util is not None:
        util.Finalize(None, _at_exit, exitpriority=0)
        _will_flush = True


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
