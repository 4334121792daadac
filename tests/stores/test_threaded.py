"""A store that blocks, in async code: on asyncio and on trio, in order, and across a fork."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

import anyio
import pytest

import failwell
from clients.fault_server import Server
from failwell.actions import StoreError
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from failwell.stores.threaded import ThreadedStore, unblocked
from failwell.testing import Add, Look

LOOPS = pytest.mark.parametrize("loop", ["asyncio", "trio"])


class Watched(MemoryStore):
    """A store that knows who called it; `update` waits for `gate`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.callers: set[int] = set()
        self.keys: list[str] = []

    def update(self, key: str, change: Any) -> Any:
        self.entered.set()
        self.gate.wait(10.0)
        self.callers.add(threading.get_ident())
        self.keys.append(key)
        return super().update(key, change)


@LOOPS
def test_updates_run_one_by_one_in_a_thread_of_their_own(loop: str) -> None:
    """In the order in which they were asked for; the loop goes on meanwhile."""
    inner = Watched()
    store = ThreadedStore(inner)
    wanted = [str(number) for number in range(50)]

    async def main() -> None:
        inner.gate.clear()
        async with anyio.create_task_group() as group:
            for key in wanted:
                group.start_soon(store.update, key, Add())
                await anyio.lowlevel.checkpoint()
            inner.gate.set()

    anyio.run(main, backend=loop)
    assert inner.keys == wanted
    assert len(inner.callers) == 1
    assert threading.get_ident() not in inner.callers


@LOOPS
def test_its_errors_come_through(loop: str, tmp_path: Path) -> None:
    """A `StoreError` is what it was."""
    kept = SQLiteStore(str(tmp_path / "s.db"))
    kept.close()
    with pytest.raises(StoreError, match="is closed"):
        anyio.run(ThreadedStore(kept).update, "k", Add(), backend=loop)


@LOOPS
def test_a_cancelled_update_harms_no_other(loop: str) -> None:
    """Whether it was applied or not, the next one is."""
    inner = Watched()
    store = ThreadedStore(inner)

    async def main() -> Any:
        inner.gate.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(store.update, "k", Add())
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
            inner.gate.set()
        return await store.update("l", Add())

    assert anyio.run(main, backend=loop) == 1


def test_an_update_that_nobody_waits_for_is_not_begun() -> None:
    """Cancelled in the queue, it leaves nothing behind; those after it have their turn."""
    inner = Watched()
    store = ThreadedStore(inner)

    async def main() -> None:
        inner.gate.clear()
        tasks = [asyncio.create_task(store.update(key, Add())) for key in "klm"]
        await asyncio.to_thread(inner.entered.wait, 10.0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        inner.gate.set()
        await asyncio.wait(tasks)

    asyncio.run(main())
    assert inner.keys == ["k", "m"]


def test_a_loop_that_is_over_is_not_waited_for() -> None:
    """The update that it asked for is made; the next loop goes on with the same store."""
    inner = Watched()
    store = ThreadedStore(inner)

    async def leave() -> None:
        inner.gate.clear()
        task = asyncio.create_task(store.update("k", Add()))
        await asyncio.to_thread(inner.entered.wait, 10.0)
        task.cancel()

    asyncio.run(leave())
    inner.gate.set()
    assert asyncio.run(store.update("k", Add())) == 2


def test_loops_in_several_threads_share_it() -> None:
    """Whoever asks first while it rests wakes it, and nobody is forgotten."""
    store = ThreadedStore(MemoryStore())

    async def many() -> None:
        for _ in range(50):
            await asyncio.gather(*[store.update("k", Add()) for _ in range(4)])

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert asyncio.run(store.update("k", Add())) == 4 * 50 * 4 + 1


class BrokenError(Exception):
    """What a store raises."""


class Breaking:
    """A store that fails each time."""

    def update(self, key: str, change: Any) -> Any:
        raise BrokenError


def test_an_error_is_gone_when_it_was_caught() -> None:
    """Nothing that it went through keeps it, nor what its traceback shows."""
    store = ThreadedStore(Breaking())

    async def main() -> weakref.ref[BrokenError]:
        try:
            await store.update("k", Add())
        except BrokenError as error:
            return weakref.ref(error)
        raise AssertionError("it did not fail")

    gc.disable()
    try:
        caught = asyncio.run(main())
        asyncio.run(ThreadedStore(MemoryStore()).update("k", Add()))
        assert caught() is None
    finally:
        gc.enable()


def test_it_is_used_in_one_loop_after_another() -> None:
    """A client may outlive a loop: nothing of it stays."""
    store = ThreadedStore(MemoryStore())
    counts = [anyio.run(store.update, "k", Add(), backend=b) for b in ("asyncio", "trio") * 2]
    assert counts == [1, 2, 3, 4]


def test_it_goes_on_after_a_fork(tmp_path: Path) -> None:
    """The thread stays behind in the parent; the child gets one of its own."""
    store = ThreadedStore(SQLiteStore(str(tmp_path / "s.db")))
    anyio.run(store.update, "k", Add())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads and forks, from 3.12 on
        child = os.fork()
    if child == 0:
        os._exit(anyio.run(store.update, "k", Add()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    assert anyio.run(store.update, "k", Add()) == 3


@LOOPS
def test_an_async_client_shares_its_state_through_a_file(loop: str, tmp_path: Path) -> None:
    """Runs and policy state are kept in SQLite, on either loop."""
    where = f"sqlite:///{tmp_path / 's.db'}"

    async def main() -> list[Any]:
        answers: list[Any] = []
        for _ in range(2):
            async with failwell.AsyncClient(base_url=server.url, store=where, run="r") as client:
                answers.append(await client.post("/records", json={"name": "a"}))
        return answers

    with Server() as server:
        first, again = anyio.run(main, backend=loop)
        assert (first.json(), server.done) == (again.json(), 1)


def test_what_does_not_block_needs_no_thread() -> None:
    """A store in memory, and one that is awaited, stay as they are."""
    memory = MemoryStore()
    threaded = ThreadedStore(memory)
    assert unblocked(memory) is memory
    assert unblocked(threaded) is threaded
    assert memory.update("k", Look())[0] is None
