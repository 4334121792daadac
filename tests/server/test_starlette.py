"""Starlette: `install` does all of it for an app without FastAPI, too.

Over real HTTP; what FastAPI adds is in `test_fastapi.py`, the wrapper alone in `test_wrap.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from failwell.actions import StoreError
from failwell.contract import Contract
from failwell.sandbox.wire import running
from failwell.server.starlette import idempotent_route, install, single_tenant

SECRET = "hunter2"
RUNS: list[str] = []
LATER: list[str] = []


class Names(AuthenticationBackend):
    """Whoever says who they are."""

    async def authenticate(self, conn: HTTPConnection) -> Any:
        name = conn.headers.get("x-name")
        return None if name is None else (AuthCredentials(), SimpleUser(name))


async def who(request: Request) -> str:
    """The caller, awaited; nobody is nobody."""
    if not request.user.is_authenticated:
        raise HTTPException(401, "Say your name")
    return str(request.user.display_name)


async def later(tag: str) -> None:
    await asyncio.sleep(0.3)
    LATER.append(tag)


@idempotent_route
async def order(request: Request) -> Response:
    tag = (await request.json())["tag"]
    RUNS.append(tag)
    task = BackgroundTask(later, tag)
    return JSONResponse({"order": len(RUNS)}, 201, background=task)


@idempotent_route(on_error="release")
def blocking(request: Request) -> Response:
    RUNS.append("blocking")
    raise RuntimeError(SECRET)


async def boom(request: Request) -> Response:
    raise RuntimeError(SECRET)


@pytest.fixture(scope="module")
def http(shop_contract: Contract) -> Iterator[httpx2.Client]:
    app = Starlette(
        routes=[
            Route("/orders", order, methods=["POST"]),
            Route("/blocking", blocking, methods=["POST"]),
            Mount("/sub", Starlette(routes=[Route("/boom", boom)])),
        ],
        middleware=[
            Middleware(CORSMiddleware, allow_origins=["*"]),
            Middleware(AuthenticationMiddleware, backend=Names()),
        ],
    )
    served = install(app, shop_contract, store="memory:", caller=who, max_body=100)
    with running(served) as url, httpx2.Client(base_url=url, trust_env=False) as client:
        yield client


def ask(http: httpx2.Client, path: str, tag: str, **fields: str) -> httpx2.Response:
    sent = {"Idempotency-Key": "k", "X-Name": "ann", "Origin": "https://x.example"} | fields
    answer = http.post(path, json={"tag": tag}, headers=sent)
    assert SECRET not in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    return answer


def test_a_write_runs_once_for_each_caller(http: httpx2.Client) -> None:
    """One run a caller; what the background does happens once, too, and after the answers."""
    first, again = ask(http, "/orders", "one"), ask(http, "/orders", "one")
    assert LATER.count("one") == 0
    assert (first.status_code, again.content) == (201, first.content)
    assert ask(http, "/orders", "two").status_code == 409
    assert ask(http, "/orders", "one", **{"X-Name": "bob"}).json() != first.json()
    ends = time.monotonic() + 5
    while LATER.count("one") < 2 and time.monotonic() < ends:
        time.sleep(0.01)
    assert (RUNS.count("one"), LATER.count("one")) == (2, 2)


def test_who_is_nobody_gets_nothing(http: httpx2.Client) -> None:
    """The function that names the caller may refuse."""
    sent = {"Idempotency-Key": "k"}
    answer = http.post("/orders", json={"tag": "one"}, headers=sent)
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "Say your name")


def test_an_endpoint_that_blocks(http: httpx2.Client) -> None:
    """It runs in a thread; its exception is the contract's 500 and, here, frees the key."""
    for _ in range(2):
        answer = ask(http, "/blocking", "x")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "failed")
    assert RUNS.count("blocking") == 2


def test_mounted_apps_and_sizes(http: httpx2.Client) -> None:
    """A mounted app's exception has an envelope; a body that is too large does not get in."""
    assert http.get("/sub/boom").json()["error"]["code"] == "failed"
    assert ask(http, "/orders", "x" * 100).status_code == 413


def test_a_mark_without_a_store_is_an_error(shop_contract: Contract, caplog: Any) -> None:
    """A marked endpoint never runs unprotected because somebody forgot the store."""
    app = install(Starlette(routes=[Route("/", order, methods=["POST"])]), shop_contract)
    with running(app) as url:
        answer = httpx2.post(url, json={"tag": "forgotten"}, trust_env=False)
    assert (answer.status_code, "forgotten" in RUNS) == (500, False)
    assert "install(app, contract, store=" in caplog.text


def test_settings_are_checked(shop_contract: Contract) -> None:
    """A store without a caller is refused; one tenant must be said."""
    with pytest.raises(ValueError, match="single_tenant"):
        install(Starlette(), shop_contract, store="memory:")
    install(Starlette(), shop_contract, store="memory:", caller=single_tenant)


class Down:
    """A store that is down."""

    async def update(self, key: str, change: Any) -> Any:
        raise StoreError("down")

    def close(self) -> None: ...


@pytest.mark.parametrize("on_outage", ["refuse", "run"])
def test_a_store_that_is_down(shop_contract: Contract, on_outage: Any) -> None:
    """Keyed writes are refused, and nothing was started, or run without protection."""
    app = Starlette(routes=[Route("/", order, methods=["POST"])])
    served = install(
        app, shop_contract, store=Down(), caller=single_tenant, on_outage=on_outage, wait=0
    )
    tag = f"outage {on_outage}"
    with running(served) as url:
        fields = {"Idempotency-Key": "k"}
        answer = httpx2.post(url, json={"tag": tag}, headers=fields, trust_env=False)
    if on_outage == "refuse":
        assert (answer.status_code, tag in RUNS) == (503, False)
        assert answer.headers["failwell-outcome"] == "not_started"
    else:
        assert (answer.status_code, RUNS.count(tag)) == (201, 1)


def test_a_request_that_is_cancelled_lets_go(shop_contract: Contract) -> None:
    """A server that cancels a request leaves no heartbeat behind: the lease runs out, and what
    became of the write is unknown."""

    @idempotent_route
    async def forever(request: Request) -> Response:
        await asyncio.sleep(60)
        return Response()

    app = Starlette(routes=[Route("/", forever, methods=["POST"])])
    served = install(app, shop_contract, store="memory:", caller=single_tenant, lease=0.1, wait=0)
    fields = [(b"idempotency-key", b"k")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": fields}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        task = asyncio.ensure_future(served(dict(scope), receive, send))
        await asyncio.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.15)
        assert len(asyncio.all_tasks()) == 1
        await served(dict(scope), receive, send)

    asyncio.run(main())
    assert sent[0]["status"] == 409
    assert (b"Failwell-Outcome", b"unknown") in sent[0]["headers"]
