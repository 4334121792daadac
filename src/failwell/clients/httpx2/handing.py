"""What a call hands over to its caller: httpx2's own response."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from failwell.flows.story import Done


def hand_over(done: Done, asked: httpx2.Request) -> httpx2.Response:
    """The answer, with what is known of it in `extensions`; made here where it is one that was
    kept, or a record out of another answer."""
    native: httpx2.Response | None = done.response.native
    response = _made(done, asked) if native is None else native
    if done.attempts:
        response.extensions["failwell_attempts"] = done.attempts
    if done.how != "answered":
        response.extensions[f"failwell_{done.how}"] = True
    return response


def _made(done: Done, asked: httpx2.Request) -> httpx2.Response:
    told = done.response
    made = httpx2.Response(
        told.status, headers=dict(told.headers), content=told.body or b"", request=asked
    )
    made.elapsed = timedelta(0)
    return made
