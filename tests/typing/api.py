"""How the public API is typed. Never executed: mypy and pyright read it, both strict."""

# pyright: reportUnusedFunction=false

from __future__ import annotations

from typing import Any, assert_type

import httpx
import httpx2

import failwell
from failwell.actions import Emit, Flow, Send, Store, Update, Wait
from failwell.adoption import Adoption
from failwell.clients.httpx import AsyncTransport
from failwell.clients.requests import Adapter
from failwell.contract import Dialect
from failwell.dialects import Flat, Generic, Nested, Problem
from failwell.drive import Rim, adrive, drive
from failwell.events import Event, Recovered
from failwell.flows.runs import Summary
from failwell.model import Reply, Request, Response, Sent
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from failwell.testing import Add, Clock, Played, Script, play


def calls() -> None:
    """A client is httpx2's: its answers are httpx2's own."""
    with failwell.Client(base_url="https://api.example.org", timeout=5.0) as client:
        assert_type(client, failwell.Client)
        assert_type(client.get("/jobs"), httpx2.Response)
        assert_type(client.post("/jobs", json={}).status_code, int)
        assert_type(client.contract, failwell.Contract)
        assert_type(client.policy, failwell.Policy)
        view = client.with_options(deadline=5.0, retry=None, expect="json", idempotency_key="k")
        assert_type(view, failwell.Client)
        assert_type(view.request("POST", "/jobs"), httpx2.Response)
        options = failwell.Options(idempotency_key="k", deadline=None)
        assert_type(client.post("/", extensions={"failwell": options}), httpx2.Response)
        with client.stream("GET", "/big") as response:
            assert_type(response, httpx2.Response)


async def async_calls() -> None:
    """The async twin has the same names and the same types."""
    async with failwell.AsyncClient(contract=failwell.GENERIC, store="memory:") as client:
        assert_type(client, failwell.AsyncClient)
        assert_type(await client.get("/jobs"), httpx2.Response)
        assert_type(client.with_options(deadline=1.0), failwell.AsyncClient)
        try:
            await client.post("/jobs")
        except failwell.FailwellError as error:
            assert_type(await client.settle(error, content=b"x"), failwell.Settled)
        async with client.stream("GET", "/big") as response:
            assert_type(response, httpx2.Response)


def failures(client: failwell.Client) -> None:
    """Every fact on an exception has a type."""
    try:
        client.get("/")
    except failwell.RateLimitError as error:
        assert_type(error, failwell.RateLimitError)
        assert_type(error.retry_after, float | None)
    except failwell.APIError as error:
        assert_type(error.status_code, int | None)
        assert_type(error.code, str | None)
        assert_type(error.message, str)
        assert_type(error.kind, failwell.Kind)
        assert_type(error.outcome, failwell.Outcome | None)
        assert_type(error.details, Any)
        assert_type(error.data, Any)
        assert_type(error.issues, tuple[failwell.Issue, ...])
        assert_type(error.errors, list[dict[str, Any]])
        assert_type(error.body, str)
        assert_type(error.request_id, str | None)
        assert_type(error.timestamp, str | None)
        assert_type(error.attempts, tuple[failwell.Attempt, ...])
        assert_type(error.advice, str)
        assert_type(error.failure, failwell.Failure)
        assert_type(error.sent, Sent | None)
    except failwell.FailwellError as error:
        settled = client.settle(error)
        assert_type(settled, failwell.Settled)
        assert_type(settled.outcome, failwell.Outcome | None)
        assert_type(settled.why, str)
        assert_type(settled.record, Any)
        assert_type(settled.error, failwell.FailwellError | None)


def create(name: str) -> dict[str, str]:
    """A step."""
    return {"id": name}


async def acreate(name: str) -> dict[str, str]:
    """A step that is awaited."""
    return {"id": name}


def delete(part: dict[str, str]) -> None:
    """Its compensation."""


def forget(number: int) -> None:
    """A compensation of something else."""


async def together() -> None:
    """A step gives what its action gives; its undo takes that; a batch keeps the type."""
    with failwell.transaction() as tx:
        assert_type(tx.do(create, "a", undo=delete), dict[str, str])
        tx.do(create, "a", undo=forget)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
    async with failwell.transaction(store="memory:", name="order-17") as atx:
        assert_type(await atx.do(acreate, "a", undo=delete), dict[str, str])
    try:
        assert_type(failwell.gather([failwell.Call(create, "a")], limit=3), list[dict[str, str]])
        calls = [failwell.Call(acreate, name) for name in "ab"]
        assert_type(await failwell.agather(calls), list[dict[str, str]])
    except failwell.RollbackError as error:
        assert_type(error.first, Exception)
        assert_type(error.todo, tuple[failwell.Todo, ...])
    except failwell.GatherError as error:
        assert_type(error.unsettled, tuple[int, ...])
    failwell.Call(create, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def contracts() -> None:
    """A contract is declared with keywords, and makes exceptions."""
    contract = failwell.Contract(
        name="Own",
        dialect=Nested(request_id="requestId"),
        codes=(failwell.Code(code="gone", status=410, proves=failwell.Outcome.NOT_STARTED),),
        idempotency=failwell.Idempotency(keys="required"),
        request_ids=failwell.RequestIds(accepts=True),
        exceptions={failwell.Kind.GONE: failwell.GoneError},
    )
    assert_type(contract.fail("gone", message="x", details={"a": 1}), failwell.FailwellError)
    assert_type(contract.trusting_keys(), failwell.Contract)
    assert_type(contract.find("gone", 410), failwell.Code | None)
    dialects: list[Dialect] = [Problem(), Nested(), Flat(), Generic()]
    assert_type(dialects[0].parse(Response(status=400)), failwell.Failure | None)


def policies() -> None:
    """Settings are keywords; None turns a part off."""
    failwell.Policy(retry=None, deadline=None)
    failwell.Policy(retry=failwell.Retry(max_retries=1, jitter="ten_percent"), deadline=2.5)
    failwell.Retry(jitter=None)
    failwell.Retry(jitter="half")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    failwell.Options(expect="xml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def my_flow(request: Request) -> Flow[int]:
    """Each action knows the type of its answer."""
    reply, now = yield from Send(request, 1)
    assert_type(reply, Reply)
    assert_type(now, float)
    nothing, _ = yield from Wait(1.0)
    assert_type(nothing, None)
    told, _ = yield from Emit(Recovered(()))
    assert_type(told, None)
    count, _ = yield from Update("k", Add())
    assert_type(count, int)
    return count


def hook(event: Event) -> None:
    """A hook is any function of an event."""


async def drivers(request: Request, script: Script) -> None:
    """What a flow returns is what its driver returns, in both worlds."""
    rim = Rim(hooks=(hook,), store=MemoryStore())
    assert_type(drive(my_flow(request), script, rim), int)
    assert_type(await adrive(my_flow(request), script.later, rim), int)
    assert_type(play(my_flow(request), script, Clock()), Played[int])


def stores() -> None:
    """A store answers with what the change answers."""
    store: Store = SQLiteStore("x.db", synchronous="FULL")
    assert_type(store.update("k", Add()), int)
    failwell.Client(store=store)


def adoption(client: httpx.Client, told: list[Adoption]) -> None:
    """What is adopted keeps its type."""
    assert_type(failwell.adopt(client, policy=failwell.Policy(), tell=told.append), httpx.Client)
    assert_type(failwell.adopt(client, run="night", store="sqlite:///run.db"), httpx.Client)


async def runs(transport: AsyncTransport, adapter: Adapter) -> None:
    """A run ends at its seam, or from anywhere."""
    with failwell.options(name="order 17", get_existing=True):
        assert_type(await transport.end_run(), Summary | None)
    assert_type(adapter.end_run(force=True), Summary | None)
    assert_type(failwell.end_run("night", store="sqlite:///run.db"), Summary | None)
