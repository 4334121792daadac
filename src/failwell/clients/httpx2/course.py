"""The course of a call that does not go well at once: its flow, and what it hands over at its end.

It is imported by the first call that needs it, for most programs start more often than they fail.
"""

from __future__ import annotations

from datetime import timedelta

import httpx2

from failwell.actions import Flow
from failwell.clients.httpx2.prepared import Prepared
from failwell.clients.httpx2.stream import AsyncStream, SyncStream, guard
from failwell.flows.call import call
from failwell.flows.intended import intended
from failwell.flows.terms import Begun, Done


def course(prepared: Prepared, now: float, begun: Begun | None) -> Flow[Done]:
    """What brings the call to its end; it began `now` (monotonic seconds)."""
    if prepared.plan is None:
        return call(prepared.request, prepared.terms, now, begun=begun)
    return intended(prepared.plan, prepared.terms, now)


def hand_over(done: Done, prepared: Prepared, *, sync: bool, stream: bool) -> httpx2.Response:
    """httpx2's own answer, with what is known of it in `extensions`; made here where it is one that
    was kept, or a record out of another answer. A stream is guarded on its way."""
    native: httpx2.Response | None = done.response.native
    response = _made(done, prepared.native) if native is None else native
    if done.attempts:
        response.extensions["failwell_attempts"] = done.attempts
    if done.how != "answered":
        response.extensions[f"failwell_{done.how}"] = True
    if stream and native is not None:
        guard(response, prepared, SyncStream if sync else AsyncStream)
    return response


def _made(done: Done, asked: httpx2.Request) -> httpx2.Response:
    told = done.response
    made = httpx2.Response(
        told.status, headers=dict(told.headers), content=told.body or b"", request=asked
    )
    made.elapsed = timedelta(0)
    return made
