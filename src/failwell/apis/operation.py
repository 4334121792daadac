"""What an API's client does, told once for sync and async.

An operation is a generator. It yields `Ask` to have a call made and gets httpx2's response, or the
failwell exception that the call raised, thrown in; it yields `Pause` to sleep. Each answer comes
with the time beside it, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import httpx2
import msgspec

from failwell.actions import Action, Wait
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.waiting.look import alook, look
from failwell.deeds import acarry_out, carry_out
from failwell.drive import adrive, drive
from failwell.errors import FailwellError
from failwell.flows.account import continued
from failwell.model import Outcome
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


@contextmanager
def belonging_to(write: FailwellError) -> Generator[None]:
    """What fails in here is a step of the write that `write` tells the beginning of, and says what
    became of that one."""
    try:
        yield
    except FailwellError as error:
        raise continued(error, write) from error.__cause__


def deleted(path: str) -> Operation[None]:
    """What is at this path is gone: by this request, whatever became of its answer, or by the one
    before it, whose answer was lost, so that this one was told 404."""
    try:
        yield from Ask("DELETE", path)
    except FailwellError as error:
        if error.outcome is not Outcome.APPLIED:
            raise


def run(client: Client, operation: Operation[T]) -> T:
    """Carry the operation out; its result."""
    return carry_out(operation, lambda step: (_perform(client, step), client.rim.clock()))


async def arun(client: AsyncClient, operation: Operation[T]) -> T:
    """Carry the operation out; its result."""

    async def do(step: Step) -> tuple[Any, float]:
        return await _aperform(client, step), client.rim.clock()

    return await acarry_out(operation, do)


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
