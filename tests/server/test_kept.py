"""The stores that an app was given: opened where they are URLs, closed when it stops, and said to
be back when an outage is over."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from failwell.actions import StoreError
from failwell.contract import Contract
from failwell.events import StoreFailed
from failwell.policy.quota import Window
from failwell.sandbox.wire import running
from failwell.server.asgi import idempotent, limited, wrap
from failwell.server.kept import KeptStore, kept
from failwell.server.outage import Outage
from failwell.server.starlette import idempotent_route, install, single_tenant
from failwell.stores.memory import MemoryStore
from failwell.testing import Add, Clock, Look, Tally

KEY = {"Idempotency-Key": "order-1"}


def is_open(path: Path) -> bool:
    """Whether somebody has the database open: its last one takes the WAL away."""
    return path.with_name(path.name + "-wal").exists()


async def order(_: Request) -> Response:
    return JSONResponse({"id": 1}, 201)


def installed(contract: Contract, folder: Path) -> Any:
    app = Starlette(routes=[Route("/", idempotent_route(order), methods=["POST"])])
    urls = {"store": f"sqlite:///{folder / 'a.db'}", "journal": f"sqlite:///{folder / 'b.db'}"}
    return install(app, contract, caller=single_tenant, **urls)  # type: ignore[arg-type]


def layered(contract: Contract, folder: Path) -> Any:
    once = idempotent(contract, f"sqlite:///{folder / 'a.db'}", caller=single_tenant)
    windows = [Window(10, 60.0)]
    quota = limited(contract, f"sqlite:///{folder / 'b.db'}", windows, caller=single_tenant)
    layers = [Middleware(quota), Middleware(once)]
    return wrap(
        Starlette(routes=[Route("/", order, methods=["POST"])], middleware=layers), contract
    )


@pytest.mark.parametrize("made", [installed, layered])
def test_what_was_opened_by_url_is_closed_with_the_app(
    shop_contract: Contract, tmp_path: Path, made: Any
) -> None:
    """When the server shuts the app down, store, quota and journal are closed; an app that is
    started again opens them again, and replays what it had kept."""
    app = made(shop_contract, tmp_path)
    files = [tmp_path / "a.db", tmp_path / "b.db"]
    replayed = []
    for _ in range(2):
        with running(app) as url:
            answer = httpx2.post(url, headers=KEY, trust_env=False)
            httpx2.post(url + "/nowhere", trust_env=False)
            replayed.append("idempotent-replayed" in answer.headers)
            assert is_open(files[0])
        assert [is_open(path) for path in files] == [False, False]
    assert replayed == [False, True]


def test_a_store_that_was_given_is_left_open(shop_contract: Contract, tmp_path: Path) -> None:
    """What the author has opened, the author closes."""
    from failwell.stores.sqlite import SQLiteStore

    store = SQLiteStore(str(tmp_path / "a.db"))
    once = idempotent(shop_contract, store, caller=single_tenant)
    layers = [Middleware(once)]
    routes = [Route("/", order, methods=["POST"])]
    with running(wrap(Starlette(routes=routes, middleware=layers), shop_contract)) as url:
        assert httpx2.post(url, headers=KEY, trust_env=False).status_code == 201
    assert is_open(tmp_path / "a.db")
    store.close()


OF_WSGI = """
import sys
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.policy.quota import Window
from failwell.server.wsgi import limited

app = limited(TOOLPATH, sys.argv[1], [Window(3, 60.0)], caller=lambda _: "ann")(lambda *_: [b""])
app({}, None)
if "fork" in sys.argv:
    import os
    pid = os.fork()
    if pid == 0:
        sys.exit()
    assert os.waitpid(pid, 0)[1] == 0
    app({}, None)
"""


def test_the_end_of_the_process_closes_what_no_lifespan_did(tmp_path: Path) -> None:
    """A WSGI app is not told that it is over."""
    command = [sys.executable, "-W", "error", "-c", OF_WSGI, f"sqlite:///{tmp_path / 'a.db'}"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "a.db").exists()
    assert not is_open(tmp_path / "a.db")


def test_the_end_of_a_forked_worker_leaves_its_parent_alone(postgres_url: str) -> None:
    """A connection to PostgreSQL that came over a fork is not closed by the child's exit."""
    command = [sys.executable, "-c", OF_WSGI, postgres_url, "fork"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


class Fragile:
    """A store that is down when it is told to be."""

    def __init__(self) -> None:
        self.memory = MemoryStore()
        self.is_down = False

    def update(self, key: str, change: Any) -> Any:
        if self.is_down:
            raise StoreError("the disk is gone")
        return self.memory.update(key, change)


class AsyncFragile(Fragile):
    async def update(self, key: str, change: Any) -> Any:
        return super().update(key, change)


@pytest.mark.parametrize("store", [Fragile(), AsyncFragile()], ids=["blocking", "awaited"])
def test_its_recovery_is_logged(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An outage of 90 seconds: two errors, and one line that it is over, when the store answers."""
    clock = Clock(5.0)
    outage = Outage(logging.getLogger("failwell.server"), "the store of quotas", clock)
    watched: Any = kept(store, outage)

    async def ask() -> None:
        try:
            answer = watched.update("k", Look())
            await answer if isinstance(store, AsyncFragile) else None
        except StoreError as error:
            outage(StoreFailed(error, "requests are not counted"))

    def asked() -> list[str]:
        caplog.clear()
        asyncio.run(ask())
        return [
            f"{r.levelname} {r.getMessage()}" for r in caplog.records if r.name[:8] == "failwell"
        ]

    assert asked() == []
    store.is_down = True
    said = []
    for _ in range(9):
        said += asked()
        clock.advance(10.0)
    assert [line.partition(" ")[0] for line in said] == ["ERROR", "ERROR"]
    store.is_down = False
    assert asked() == ["WARNING the store of quotas is back, after 90.0 s"]
    assert asked() == []


def test_a_store_that_comes_and_goes_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Down for every other request: an error and an end each minute, not each second."""
    clock = Clock(5.0)
    outage = Outage(logging.getLogger("failwell.server"), "the store of quotas", clock)
    for _ in range(120):
        outage(StoreFailed(StoreError("the disk is gone"), "requests are not counted"))
        outage.over()
        clock.advance(1.0)
    levels = [record.levelname for record in caplog.records if "store of quotas" in record.message]
    assert levels == ["ERROR", "WARNING"] * 2


def test_a_kept_store_opens_again(tmp_path: Path) -> None:
    """After `close` the next update finds what was written before."""
    outage = Outage(logging.getLogger("failwell.server"), "a store")
    store = KeptStore(f"sqlite:///{tmp_path / 'a.db'}", outage)
    store.update("k", Add(3))
    store.close()
    store.close()
    assert store.update("k", Look())[0] == Tally(3)
    store.close()
