"""The first attempt of a call, made before its flow: most calls go well at once, and need none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from failwell.clients.httpx2.attempt import answered, speaks_of_limits
from failwell.clients.httpx2.prepared import Prepared
from failwell.clients.httpx2.settings import Settings
from failwell.flows.gate import CALM, Enter, Pass, Stay
from failwell.flows.terms import Begun
from failwell.model import Reply
from failwell.policy import deadline, promise

How = dict[str, Any]
"""What httpx2's own `send` is told besides the request."""

Transmit = Callable[[Prepared, httpx2.Request, float | None, bool, How], httpx2.Response | Reply]
"""Sends that request for a call, as a stream or not, and has so many seconds for it: an answer
below 400 that was read is httpx2's own."""

AsyncTransmit = Callable[
    [Prepared, httpx2.Request, float | None, bool, How], Awaitable[httpx2.Response | Reply]
]
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
    passed = _admitted(settings, prepared, now)
    if passed is not CALM:
        return None if passed is None else Begun(passed)
    try:
        reply = transmit(prepared, asked, deadline.left(prepared.terms.ends, now), False, how)
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
    passed = _admitted(settings, prepared, now)
    if passed is not CALM:
        return None if passed is None else Begun(passed)
    try:
        reply = await transmit(prepared, asked, deadline.left(prepared.terms.ends, now), False, how)
    except BaseException as interruption:
        from failwell.flows.account import leave_word

        leave_word(interruption, settings.contract, prepared.request)
        raise
    if isinstance(reply, httpx2.Response):
        if is_plain(prepared, reply):
            return reply
        reply = answered(reply, asked)
    return Begun(CALM, reply, now, settings.rim.clock())


def _admitted(settings: Settings, prepared: Prepared, now: float) -> Pass | Stay | None:
    """How the attempt is let through; None where it cannot be made so: what is known of the origin
    is elsewhere, or a run or a token asks for more."""
    near, terms = settings.near, prepared.terms
    if near is None or prepared.plan is not None:
        return None
    gate = terms.gate
    if gate is None:
        return CALM
    if near.glance(gate.key, gate):
        return CALM
    request, left = prepared.request, deadline.left(terms.ends, now)
    return near.update(gate.key, Enter(gate, request.method, request.url, left))


def is_plain(prepared: Prepared, response: httpx2.Response) -> bool:
    """Whether an answer below 400 is what was promised, and tells nothing besides."""
    if speaks_of_limits(response):
        return False
    contract, request = prepared.terms.contract, prepared.request
    status, fields = response.status_code, response.headers
    return promise.is_kept(contract, request, status, fields, response.content)
