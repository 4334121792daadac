"""A piece of work at an API, and what is done about a write whose outcome is unknown: by its key,
by its name, or, where the API has neither, by patience."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

import msgspec

from failwell.errors import (
    APIConnectionError,
    AuthenticationError,
    FailwellError,
    RateLimitError,
    ServerError,
    UnprocessableError,
)
from failwell.flows.settle import Settled
from failwell.model import Outcome
from failwell.sandbox.demo.story import Call, Item, Stage

C = TypeVar("C")
T = TypeVar("T")

_SENDS = 20
_LOOKS = 3
_BETWEEN = 0.5
"""How often, and after how many seconds, a write that can only be looked for is looked for."""

_MAY_PASS = (APIConnectionError, ServerError, RateLimitError, AuthenticationError)
"""What may be otherwise in a while; a credential is one that could not be renewed just now."""


class Task(msgspec.Struct, Generic[C], frozen=True):
    """One piece of work, by which client it is done, and where it is shown."""

    client: C
    item: Item
    stage: Stage

    def calling(self, step: str) -> AbstractContextManager[Call]:
        """A step of the work."""
        return self.stage.calling(self.item, step)

    async def keyed(
        self,
        step: str,
        send: Callable[[], Awaitable[T]],
        settle: Callable[[FailwellError], Awaitable[Settled]],
        read: Callable[[Any], Awaitable[T]],
    ) -> T:
        """What a write with an idempotency key gives. Where its outcome is unknown it is settled,
        and the same is `read` of its record."""
        with self.calling(step) as call:
            try:
                return await send()
            except FailwellError as error:
                if not _is_open(error):
                    raise
                call.saved = "settling"
                return await read(await _record(error, settle))

    async def named(
        self,
        step: str,
        send: Callable[[], Awaitable[T]],
        look: Callable[[], Awaitable[T | None]] | None = None,
        final: type[FailwellError] = UnprocessableError,
    ) -> T:
        """What a write gives at an API that has one record of a name, and refuses the second.

        Where the outcome is unknown, `look` says what is there by now; what is not, is sent once
        more. Without `look`, sending is what looks: a `create_or_get`. What is `final`, and could
        be read, is refused however often it is sent, so that there is nothing.
        """
        with self.calling(step) as call:
            for left in reversed(range(_SENDS)):
                try:
                    return await send()
                except FailwellError as error:
                    if isinstance(error, final) and error.code is not None:
                        raise
                    may_pass = _is_open(error) or isinstance(error, _MAY_PASS)
                    if not left or not (may_pass or call.saved):
                        raise
                call.saved = "its name"
                found = None if look is None else await _until_answered(look)
                if found is not None:
                    return found
        raise AssertionError("the last of the sends has raised")

    async def repeated(self, step: str, send: Callable[[], Awaitable[T]]) -> T:
        """What a step gives that may be taken again however it ended, until it goes well or is
        refused for good: a read, or a write under one and the same key."""
        with self.calling(step):
            return await _until_answered(send)

    async def unnamed(
        self,
        step: str,
        send: Callable[[], Awaitable[T]],
        look: Callable[[], Awaitable[T | None]],
    ) -> T:
        """What a write gives that has neither key nor name. Where its outcome is unknown, `look`
        looks for what it has made, again and again; it is sent anew only where that does not turn
        up. No API says when a request that was lost is lost for good, so that this is the caller's
        own to decide; in the sandbox it is, seconds later."""
        for left in reversed(range(_SENDS)):
            try:
                with self.calling(step) as call:
                    return await _found(send, look, call)
            except FailwellError as error:
                if not left or not _is_open(error):
                    raise
        raise AssertionError("the last of the sends has raised")


def _is_open(error: FailwellError) -> bool:
    """Whether there may be something for this write, for all that its answer says."""
    return error.outcome in (Outcome.UNKNOWN, Outcome.APPLIED)


async def _until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """What is answered, or refused for good, however often it takes: no answer is not a no."""
    for _ in range(_SENDS):
        try:
            return await ask()
        except _MAY_PASS:
            await asyncio.sleep(_BETWEEN)
    return await ask()


async def _record(
    error: FailwellError, settle: Callable[[FailwellError], Awaitable[Settled]]
) -> Any:
    for _ in range(_SENDS):
        settled = await settle(error)
        if settled.response is not None:
            return settled.record
        await asyncio.sleep(_BETWEEN)
    raise error


async def _found(
    send: Callable[[], Awaitable[T]], look: Callable[[], Awaitable[T | None]], call: Call
) -> T:
    try:
        return await send()
    except FailwellError as error:
        if not _is_open(error):
            raise
        for _ in range(_LOOKS):
            await asyncio.sleep(_BETWEEN)
            found = await _until_answered(look)
            if found is not None:
                call.saved = "a look at the list"
                return found
        raise
