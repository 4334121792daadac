"""What an API's client does, told once for sync and async.

An operation is a generator. It yields `Ask` to have a call made and gets httpx2's response, or the
failwell exception that the call raised, thrown in; it yields `Pause` to sleep. Each answer comes
with the time beside it, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

import httpx2
import msgspec

from failwell.actions import Action, Wait
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.waiting.look import alook, look
from failwell.drive import adrive, drive
from failwell.settings import Options

T = TypeVar("T")


class Ask(msgspec.Struct, frozen=True):
    """Make one call, with failwell's care for it; its body is `json`, or `content` as it is. One
    that is not `signed` goes without the client's credential."""

    method: str
    path: str
    json: Any = None
    params: dict[str, str] | None = None
    options: Options | None = None
    content: bytes | None = None
    headers: dict[str, str] | None = None
    signed: bool = True

    def __iter__(self) -> Generator[Step, tuple[Any, float], tuple[httpx2.Response, float]]:
        answer: tuple[httpx2.Response, float] = yield self
        return answer


class Pause(msgspec.Struct, frozen=True):
    """Sleep for `seconds`."""

    seconds: float

    def __iter__(self) -> Generator[Step, tuple[Any, float], float]:
        _, now = yield self
        return now


Step: TypeAlias = "Ask | Pause | Action"
Operation: TypeAlias = Generator[Step, tuple[Any, float], T]
"""A flow that looks at something, such as `failwell.flows.poll.poll`, may be a part of one."""


def run(client: Client, operation: Operation[T]) -> T:
    """Carry the operation out; its result."""
    answer: Any = None
    try:
        step = next(operation)
        while True:
            try:
                answer = _perform(client, step)
            except Exception as error:
                step = operation.throw(error)
            else:
                step = operation.send((answer, client.rim.clock()))
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
                answer = await _aperform(client, step)
            except Exception as error:
                step = operation.throw(error)
            else:
                step = operation.send((answer, client.rim.clock()))
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        operation.close()


def _perform(client: Client, step: Step) -> Any:
    if isinstance(step, Ask):
        return client.request(**_arguments(step))
    action = Wait(step.seconds) if isinstance(step, Pause) else step
    answer, _ = drive(iter(action), look(client), client.rim)
    return answer


async def _aperform(client: AsyncClient, step: Step) -> Any:
    if isinstance(step, Ask):
        return await client.request(**_arguments(step))
    action = Wait(step.seconds) if isinstance(step, Pause) else step
    answer, _ = await adrive(iter(action), alook(client), client.rim)
    return answer


def _arguments(ask: Ask) -> dict[str, Any]:
    arguments: dict[str, Any] = {"method": ask.method, "url": ask.path, "json": ask.json}
    if ask.params is not None:
        arguments["params"] = ask.params
    if ask.content is not None:
        arguments["content"] = ask.content
    if ask.headers is not None:
        arguments["headers"] = ask.headers
    if not ask.signed:
        arguments["auth"] = None
    if ask.options is not None:
        arguments["extensions"] = {"failwell": ask.options}
    return arguments
