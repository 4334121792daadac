"""A handler that awaits what somebody else has cancelled has failed; it was not cancelled.

Over real HTTP, at the edge of an app and inside of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from failwell.contract import Contract
from failwell.sandbox.wire import running
from failwell.server.asgi import idempotent, wrap
from failwell.server.guard import single_tenant
from failwell.server.starlette import idempotent_route, install
from failwell.server.stray import StrayCancellationError, unless_cancelled
from failwell.stores.memory import MemoryStore

RUNS: Counter[str] = Counter()


async def cancelled_by_somebody() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def write(request: Request) -> Response:
    RUNS[request.url.path] += 1
    await cancelled_by_somebody()
    return Response()


async def stream(scope: Any, receive: Any, send: Any) -> None:
    fields = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
    await cancelled_by_somebody()


MODES: dict[str, dict[str, Any]] = {
    "/keep": {},
    "/release": {"on_error": "release"},
    "/transactional": {"transactional": True},
}


def at_the_edge(contract: Contract) -> Any:
    """Each write behind an `idempotent` of its own; reads behind none."""
    inner = Starlette(
        routes=[Route(path, write, methods=["GET", "POST"]) for path in MODES]
        + [Mount("/stream", stream)]
    )
    once = {
        path: idempotent(contract, MemoryStore(), caller=single_tenant, **how)(inner)
        for path, how in MODES.items()
    }

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await once.get(scope.get("path"), inner)(scope, receive, send)

    return wrap(app, contract)


def inside(contract: Contract) -> Any:
    """Marked endpoints of Starlette."""
    routes: list[BaseRoute] = [Mount("/stream", stream)]
    for path, how in MODES.items():
        marked = idempotent_route(**how)(write)
        routes.append(Route(path, marked, methods=["GET", "POST"]))
    app = Starlette(routes=routes)
    return install(app, contract, store=MemoryStore(), caller=single_tenant)


@pytest.fixture(params=[at_the_edge, inside])
def http(request: pytest.FixtureRequest, shop_contract: Contract) -> Iterator[httpx2.Client]:
    RUNS.clear()
    with (
        running(request.param(shop_contract)) as url,
        httpx2.Client(base_url=url, trust_env=False, timeout=10) as client,
    ):
        yield client


def test_the_envelope_and_the_id(http: httpx2.Client) -> None:
    """It is a 500 like any other that nobody handled, and the connection goes on."""
    for _ in range(2):
        answer = http.get("/keep", headers={"X-Request-Id": "mine"})
        assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "mine")
        assert answer.json()["error"] == {
            "code": "failed", "message": "The shop failed", "requestId": "mine",
        }  # fmt: skip
        assert "connection" not in answer.headers


def test_a_stream_ends_with_the_failure(http: httpx2.Client) -> None:
    """After the answer has begun, events say that it broke off."""
    said = http.get("/stream/").text
    assert said.startswith("data: one\n\nevent: error\ndata: {")


@pytest.mark.parametrize(
    ("path", "runs", "outcome"),
    [("/keep", 1, "unknown"), ("/release", 2, "unknown"), ("/transactional", 2, "rolled_back")],
)
def test_the_record_is_that_of_an_exception(
    http: httpx2.Client, path: str, runs: int, outcome: str
) -> None:
    """The key is kept or freed as its author has said of exceptions, and at once: no lease runs."""
    first, second = (http.post(path, headers={"Idempotency-Key": "k"}) for _ in range(2))
    for answer in (first, second):
        assert (answer.status_code, answer.headers["Failwell-Outcome"]) == (500, outcome)
        assert answer.json()["error"]["code"] == "failed"
    assert RUNS[path] == runs


def test_a_cancellation_of_the_request_is_passed_on() -> None:
    """What its own server cancels ends as the server wants it, also out of a nested task."""

    async def main(work: Callable[[], Any]) -> None:
        task = asyncio.ensure_future(unless_cancelled(work()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def nested() -> None:
        await asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))

    for work in (nested, lambda: asyncio.sleep(60), lambda: asyncio.wait_for(nested(), 60)):
        asyncio.run(main(work))


def test_a_timeout_around_the_app_is_a_timeout() -> None:
    """`asyncio.timeout` cancels the task that it is in: that is no stray."""

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await unless_cancelled(asyncio.sleep(60))
        with pytest.raises(StrayCancellationError) as stray:
            await unless_cancelled(cancelled_by_somebody())
        assert isinstance(stray.value.__cause__, asyncio.CancelledError)

    asyncio.run(main())
