"""The first attempt of a call, made before its flow: most calls go well at once, and need none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import httpx2

from failwell.actions import Send
from failwell.clients.httpx2.prepare import Prepared, Settings
from failwell.flows.account import leave_word
from failwell.flows.call import went_well
from failwell.flows.gate import CALM, Enter, Pass, Stay
from failwell.flows.story import Begun
from failwell.model import Reply
from failwell.policy import deadline
from failwell.stores.memory import MemoryStore


def is_direct(settings: Settings, prepared: Prepared, *, stream: bool) -> bool:
    """Whether the first attempt may be made so: what is known of an origin is in this process,
    and neither a run, a token nor a stream asks for more."""
    return settings.is_direct and prepared.plan is None and not stream


def first(
    settings: Settings, prepared: Prepared, attempt: Callable[[Send], Reply], now: float
) -> httpx2.Response | Begun:
    """The answer of a call that went well at once; else what is begun. It begins `now`
    (monotonic seconds)."""
    passed = _admitted(settings, prepared, now)
    if passed is not CALM:
        return Begun(passed)
    try:
        reply = attempt(_send(prepared, now))
    except BaseException as interruption:
        leave_word(interruption, settings.contract, prepared.request)
        raise
    return _judged(settings, prepared, reply, now)


async def afirst(
    settings: Settings,
    prepared: Prepared,
    attempt: Callable[[Send], Awaitable[Reply]],
    now: float,
) -> httpx2.Response | Begun:
    """The same for an async client."""
    passed = _admitted(settings, prepared, now)
    if passed is not CALM:
        return Begun(passed)
    try:
        reply = await attempt(_send(prepared, now))
    except BaseException as interruption:
        leave_word(interruption, settings.contract, prepared.request)
        raise
    return _judged(settings, prepared, reply, now)


def _admitted(settings: Settings, prepared: Prepared, now: float) -> Pass | Stay:
    gate = prepared.terms.gate
    if gate is None:
        return CALM
    request = prepared.request
    left = deadline.left(prepared.terms.ends, now)
    store = cast("MemoryStore", settings.rim.store)
    return store.update(gate.key, Enter(gate, request.method, request.url, left))


def _send(prepared: Prepared, now: float) -> Send:
    return Send(prepared.request, 1, deadline.left(prepared.terms.ends, now))


def _judged(
    settings: Settings, prepared: Prepared, reply: Reply, now: float
) -> httpx2.Response | Begun:
    if went_well(prepared.terms, prepared.request, reply):
        return cast("httpx2.Response", reply.native)  # type: ignore[union-attr]
    return Begun(CALM, reply, now, settings.rim.clock())
