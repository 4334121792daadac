"""A store that a client has opened by its URL is its own: it is closed with the client."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

import failwell
from failwell.actions import StoreError
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add, Look


def open_files(path: Path) -> int:
    """How often this process has the file open."""
    folder = Path("/proc/self/fd")
    links = [os.readlink(link) for link in folder.iterdir() if link.is_symlink()]
    return sum(link.startswith(str(path)) for link in links)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of open files")
def test_closing_the_client_closes_it(tmp_path: Path) -> None:
    """However it is closed, though the client itself is kept."""
    path = tmp_path / "own.db"
    kept: list[object] = []
    for _ in range(3):
        with failwell.Client(store=f"sqlite:///{path}") as client:
            kept.append(client)
        client = failwell.Client(store=f"sqlite:///{path}")
        client.close()
        kept.append(client)

    async def both() -> None:
        async with failwell.AsyncClient(store=f"sqlite:///{path}") as client:
            kept.append(client)
        client = failwell.AsyncClient(store=f"sqlite:///{path}")
        await client.aclose()
        kept.append(client)

    asyncio.run(both())
    gc.collect()
    assert open_files(path) == 0
    assert len(kept) == 8


def test_a_store_that_was_given_is_left_open(tmp_path: Path) -> None:
    """It belongs to whoever made it."""
    store = SQLiteStore(str(tmp_path / "given.db"))
    with failwell.Client(store=store):
        pass
    store.update("k", Add())
    assert store.update("k", Look())[0] is not None
    store.close()


def test_a_store_that_could_never_be_opened_is_closed_too(tmp_path: Path) -> None:
    """Nothing is there to close, and nothing goes wrong."""
    with failwell.Client(store=f"sqlite:///{tmp_path}/no/such/folder.db") as client:
        assert not client.is_closed
    assert client.is_closed


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Whoever ends a run with a closed client is told."""
    with failwell.Client(store=f"sqlite:///{tmp_path}/run.db", run="night") as client:
        pass
    with pytest.raises((StoreError, failwell.RunError)):
        client.end_run()
