"""Say a scenario once, run it in the sync world and in the async one.

A scenario is an async function of one `Face`. Over a sync client each of its awaits is answered
at once, so the whole scenario runs without an event loop; over an async client it runs in one.
Sleeps of the client are recorded in `Face.sleeps` and not slept, unless it is asked to.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

import failwell
from failwell.dialects import Nested
from failwell.stores.memory import MemoryStore

T = TypeVar("T")

API = failwell.Contract(
    name="Records",
    dialect=Nested(details="details", request_id="request_id", timestamp="timestamp"),
    codes=(
        failwell.Code(code="internal", status=500),
        failwell.Code(code="gateway", status=502),
        failwell.Code(code="unavailable", status=503),
        failwell.Code(code="upstream", status=504),
        failwell.Code(code="busy", status=429, proves=failwell.Outcome.NOT_STARTED),
        failwell.Code(code="clash", status=409, proves=failwell.Outcome.NOT_STARTED),
        failwell.Code(code="slow", status=408),
        failwell.Code(code="no_auth", status=401, proves=failwell.Outcome.NOT_STARTED),
        failwell.Code(code="not_found", status=404, proves=failwell.Outcome.NOT_STARTED),
        failwell.Code(code="invalid", status=422, proves=failwell.Outcome.NOT_STARTED),
    ),
    idempotency=failwell.Idempotency(keys="honoured"),
    reads_json=True,
)
"""What the fault server promises. It carries out what it says it does, and says no more."""

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "request", "send", "settle")


class Face:
    """One client, sync or async, with one set of awaitable methods."""

    def __init__(self, client: Any, sleeps: list[float]) -> None:
        self.client = client
        self.sleeps = sleeps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if name not in METHODS:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await _later(found(*args, **kwargs))

        return call

    def with_options(self, **options: Any) -> Face:
        return Face(self.client.with_options(**options), self.sleeps)

    @asynccontextmanager
    async def stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        manager = self.client.stream(*args, **kwargs)
        if hasattr(manager, "__aenter__"):
            async with manager as response:
                yield response
        else:
            with manager as response:
                yield response


async def _later(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def chunks(response: Any, how: str = "iter_bytes") -> AsyncIterator[Any]:
    """What is read of a streamed answer, in either world."""
    if hasattr(response.stream, "__aiter__") and not hasattr(response.stream, "__iter__"):
        async for chunk in getattr(response, f"a{how}")():
            yield chunk
    else:
        for chunk in getattr(response, how)():
            yield chunk


async def read(response: Any) -> bytes:
    """The whole of a streamed answer, in either world."""
    return b"".join([chunk async for chunk in chunks(response)])


def _finish(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError("a sync scenario awaited something")


class World:
    """The sync world, or the async one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name != "sync"

    def run(
        self,
        scenario: Callable[[Face], Awaitable[T]],
        *,
        really_sleeps: bool = False,
        on_sleep: Callable[[float], None] | None = None,
        **arguments: Any,
    ) -> T:
        """What the scenario returns, run with a client of those arguments."""
        return self.run_alone(self._with_client, scenario, really_sleeps, on_sleep, arguments)

    def run_alone(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """What an async function returns, run in this world."""
        if self.name == "sync":
            result: T = _finish(function(*args))
            return result
        if self.name == "trio":
            import trio

            return trio.run(function, *args)

        async def main() -> T:
            return await function(*args)

        return asyncio.run(main())

    def client(self, **arguments: Any) -> Any:
        """A new client, not closed by anybody but the caller."""
        arguments = {"trust_env": False, "verify": False, "contract": API} | arguments
        return (failwell.AsyncClient if self.is_async else failwell.Client)(**arguments)

    async def _with_client(
        self,
        scenario: Callable[[Face], Awaitable[T]],
        really_sleeps: bool,
        on_sleep: Callable[[float], None] | None,
        arguments: dict[str, Any],
    ) -> T:
        client = self.client(**arguments)
        sleeps: list[float] = []
        if not really_sleeps:
            _record(client, sleeps, on_sleep, keeps_store="store" in arguments)
        try:
            return await scenario(Face(client, sleeps))
        finally:
            await _later(client.aclose() if self.is_async else client.close())


def _record(
    client: Any,
    sleeps: list[float],
    on_sleep: Callable[[float], None] | None,
    *,
    keeps_store: bool,
) -> None:
    """Put a recorder in the place of the client's sleep; what it knows of an origin goes by a
    clock that the recorded sleeps move."""

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if on_sleep is not None:
            on_sleep(seconds)

    settings = client._settings
    store = MemoryStore(lambda: time.monotonic() + sum(sleeps))
    rim = msgspec.structs.replace(
        settings.rim, sleep=sleep, store=settings.rim.store if keeps_store else store
    )
    client._settings = msgspec.structs.replace(settings, rim=rim)


def body_for(world: World, parts: list[bytes]) -> Any:
    """A generator of the kind that this world's client reads."""

    async def slowly() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return slowly() if world.is_async else (part for part in parts)
