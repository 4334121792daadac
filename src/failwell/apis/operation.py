"""What an API's client does, told once for sync and async.

An operation is a generator. It yields `Ask` to have a call made and gets httpx2's response, or the
failwell exception that the call raised, thrown in; it yields `Pause` to sleep. Each answer comes
with the time beside it, in monotonic seconds.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import anyio
import httpx2
import msgspec

from failwell.clients.httpx2 import AsyncClient, Client
from failwell.contract import Options

T = TypeVar("T")


class Ask(msgspec.Struct, frozen=True):
    """Make one call, with failwell's care for it."""

    method: str
    path: str
    json: Any = None
    params: dict[str, str] | None = None
    options: Options | None = None

    def __iter__(self) -> Generator[Step, tuple[Any, float], tuple[httpx2.Response, float]]:
        answer: tuple[httpx2.Response, float] = yield self
        return answer


class Pause(msgspec.Struct, frozen=True):
    """Sleep for `seconds`."""

    seconds: float

    def __iter__(self) -> Generator[Step, tuple[Any, float], float]:
        _, now = yield self
        return now


Step = Ask | Pause
Operation = Generator[Step, tuple[Any, float], T]


def run(client: Client, operation: Operation[T]) -> T:
    """Carry the operation out; its result."""
    answer: Any = None
    try:
        step = next(operation)
        while True:
            try:
                if isinstance(step, Ask):
                    answer = client.request(**_arguments(step))
                else:
                    time.sleep(step.seconds)
            except Exception as error:
                step = operation.throw(error)
            else:
                step = operation.send((answer, time.monotonic()))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        operation.close()


async def arun(client: AsyncClient, operation: Operation[T]) -> T:
    """Carry the operation out; its result."""
    answer: Any = None
    try:
        step = next(operation)
        while True:
            try:
                if isinstance(step, Ask):
                    answer = await client.request(**_arguments(step))
                else:
                    await anyio.sleep(step.seconds)
            except Exception as error:
                step = operation.throw(error)
            else:
                step = operation.send((answer, time.monotonic()))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        operation.close()


def _arguments(ask: Ask) -> dict[str, Any]:
    arguments: dict[str, Any] = {"method": ask.method, "url": ask.path, "json": ask.json}
    if ask.params is not None:
        arguments["params"] = ask.params
    if ask.options is not None:
        arguments["extensions"] = {"failwell": ask.options}
    return arguments
