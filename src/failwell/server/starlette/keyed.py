"""Keyed writes that run once, for endpoints of Starlette and of what is built on it."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from failwell.flows.serve import Served
from failwell.server.asgi.late import Terms, claim_of
from failwell.server.context import writing
from failwell.server.guard import Asked, fields_of

Endpoint = Callable[..., Any]


def idempotent_route(
    endpoint: Endpoint | None = None,
    *,
    transactional: bool = False,
    on_error: Literal["keep", "release"] = "keep",
) -> Any:
    """Mark an endpoint, whose keyed writes then run once; the options are those of `Settings`."""
    terms = Terms(transactional=transactional, on_error=on_error)

    def marked(endpoint: Endpoint) -> Endpoint:
        call = called(endpoint)

        @functools.wraps(endpoint)
        async def once(request: Request) -> Any:
            return await keyed(request, lambda: call(request), terms)

        return once

    return marked if endpoint is None else marked(endpoint)


def called(endpoint: Endpoint) -> Callable[..., Awaitable[Any]]:
    """The endpoint, to be awaited: in a thread where it blocks.

    Raises `TypeError` for a generator: its answer begins before it is known how it ends.
    """
    if inspect.isgeneratorfunction(endpoint) or inspect.isasyncgenfunction(endpoint):
        raise TypeError(f"{endpoint!r} yields its answer: have it return a StreamingResponse")
    if inspect.iscoroutinefunction(endpoint):
        return endpoint
    return functools.partial(run_in_threadpool, endpoint)


async def keyed(request: Request, run: Callable[[], Awaitable[Any]], terms: Terms) -> Any:
    """What `run` answers: now, or when the same write was asked for first.

    The answer to a write leaves when the app is done with it, so that a COMMIT after the handler
    still counts; where there are background tasks, it leaves before them.
    """
    claim = claim_of(request.scope)
    key = claim.key_of(request.scope)
    if key is None:
        return await run()
    served = await claim.take(await _asked(request, await claim.caller_of(request), key), terms)
    if served is not None:
        return _recorded(served)
    with writing(claim.write):
        answer = await run()
    claim.leaves_early = claim.leaves_early or getattr(answer, "background", None) is not None
    return answer


async def _asked(request: Request, caller: str, key: str) -> Asked:
    return Asked(
        caller=caller,
        method=request.method,
        path=request.scope["path"],
        query=request.url.query,
        media=request.headers.get("content-type", ""),
        body=await _body(request),
        key=key,
    )


async def _body(request: Request) -> bytes:
    """What was sent; of a form its fields, for the boundary between them is new each time."""
    try:
        return await request.body()
    except RuntimeError:  # it was read as a form
        fields = (await request.form()).multi_items()
        return msgspec.json.encode([[name, await _field(value)] for name, value in fields])


async def _field(value: UploadFile | str) -> Any:
    if isinstance(value, str):
        return value
    digest = hashlib.sha256()
    await value.seek(0)
    while chunk := await value.read(64 * 1024):
        digest.update(chunk)
    await value.seek(0)
    return [value.filename, value.content_type, digest.hexdigest()]


def _recorded(served: Served) -> Response:
    response = Response(served.answer.body, served.answer.status)
    fields = fields_of(served)
    response.raw_headers = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in fields]
    return response
