"""The first attempt of a call, made before its flow: most calls go well at once, and need none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx2

from failwell.clients.httpx2.attempt import answered, content_type, speaks_of_limits
from failwell.flows.gate import CALM
from failwell.flows.terms import Begun
from failwell.model import Reply
from failwell.policy import deadline, promise

if TYPE_CHECKING:
    from failwell.clients.httpx2.prepared import Prepared
    from failwell.clients.httpx2.settings import Settings

    How = dict[str, Any]
    """What httpx2's own `send` is told besides the request."""

    Came = httpx2.Response | Reply
    """An answer below 400 that was read, as httpx2's own; else what came of the attempt."""

    Transmit = Callable[[Prepared, httpx2.Request, float | None, bool, How], Came]
    """Sends that request for a call, as a stream or not, and has so many seconds for it."""

    AsyncTransmit = Callable[[Prepared, httpx2.Request, float | None, bool, How], Awaitable[Came]]
    """The same for an async client."""


def first(
    settings: Settings,
    prepared: Prepared,
    asked: httpx2.Request,
    transmit: Transmit,
    how: How,
    now: float,
) -> httpx2.Response | Begun | None:
    """The answer of a call that went well at once; else what is begun of it, if anything. It
    begins `now` (monotonic seconds), and sends what is `asked`."""
    passed = settings.admitted(prepared, now)
    if passed is not CALM:
        return None if passed is None else Begun(passed)
    try:
        reply = transmit(prepared, asked, deadline.left(prepared.ends, now), False, how)
    except BaseException as interruption:
        from failwell.flows.account import leave_word

        leave_word(interruption, settings.contract, prepared.request)
        raise
    if isinstance(reply, httpx2.Response):
        if is_plain(prepared, reply):
            return reply
        reply = answered(reply, asked)
    return Begun(CALM, reply, now, settings.rim.clock())


async def afirst(
    settings: Settings,
    prepared: Prepared,
    asked: httpx2.Request,
    transmit: AsyncTransmit,
    how: How,
    now: float,
) -> httpx2.Response | Begun | None:
    """The same for an async client."""
    passed = settings.admitted(prepared, now)
    if passed is not CALM:
        return None if passed is None else Begun(passed)
    try:
        reply = await transmit(prepared, asked, deadline.left(prepared.ends, now), False, how)
    except BaseException as interruption:
        from failwell.flows.account import leave_word

        leave_word(interruption, settings.contract, prepared.request)
        raise
    if isinstance(reply, httpx2.Response):
        if is_plain(prepared, reply):
            return reply
        reply = answered(reply, asked)
    return Begun(CALM, reply, now, settings.rim.clock())


def is_plain(prepared: Prepared, response: httpx2.Response) -> bool:
    """Whether an answer below 400 is what was promised, and tells nothing besides."""
    gate, contract = prepared.standing.gate, prepared.standing.contract
    if gate is not None and gate.governor is not None and speaks_of_limits(response):
        return False
    body = response.content
    if promise.is_evident(contract, prepared.reads_json, body):
        return True
    label = content_type(response)
    return promise.is_kept(contract, prepared.request, response.status_code, label, body)
