"""A store that blocks, in async code: on asyncio and on trio, in order, and across a fork."""

from __future__ import annotations

import os
import threading
import warnings
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
        self.callers: set[int] = set()
        self.keys: list[str] = []

    def update(self, key: str, change: Any) -> Any:
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
