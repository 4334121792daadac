"""What came of one attempt over httpx2, in failwell's words."""

from __future__ import annotations

import re
import time

import httpx2

from failwell.clients.httpx2 import hops
from failwell.clients.httpx2.body import Tracked
from failwell.clients.httpx2.carried import carried
from failwell.clients.limits import awithin
from failwell.model import Fault, Headers, Kind, Reply, Response

FAULTS: dict[type[Exception], tuple[Kind, bool, bool]] = {
    httpx2.ConnectError: (Kind.CONNECTION, False, True),
    httpx2.ConnectTimeout: (Kind.TIMEOUT, False, True),
    httpx2.PoolTimeout: (Kind.TIMEOUT, False, True),
    httpx2.ProxyError: (Kind.CONNECTION, False, True),
    httpx2.UnsupportedProtocol: (Kind.BAD_REQUEST, False, False),
    httpx2.ReadTimeout: (Kind.TIMEOUT, True, True),
    httpx2.WriteTimeout: (Kind.TIMEOUT, True, True),
    httpx2.TimeoutException: (Kind.TIMEOUT, True, True),
    httpx2.ReadError: (Kind.CONNECTION, True, True),
    httpx2.WriteError: (Kind.CONNECTION, True, True),
    httpx2.CloseError: (Kind.CONNECTION, True, True),
    httpx2.NetworkError: (Kind.CONNECTION, True, True),
    httpx2.RemoteProtocolError: (Kind.CONNECTION, True, True),
    httpx2.LocalProtocolError: (Kind.BAD_REQUEST, True, False),
    httpx2.ProtocolError: (Kind.CONNECTION, True, True),
    httpx2.SSEError: (Kind.BAD_RESPONSE, True, False),
    httpx2.TransportError: (Kind.CONNECTION, True, True),
    httpx2.DecodingError: (Kind.BAD_RESPONSE, True, True),
    httpx2.TooManyRedirects: (Kind.BAD_RESPONSE, True, False),
    httpx2.RequestError: (Kind.CONNECTION, True, True),
    httpx2.StreamConsumed: (Kind.BAD_REQUEST, True, False),
    httpx2.StreamClosed: (Kind.BAD_REQUEST, True, False),
    httpx2.RequestNotRead: (Kind.BAD_REQUEST, True, False),
    httpx2.ResponseNotRead: (Kind.BAD_REQUEST, True, False),
    httpx2.StreamError: (Kind.BAD_REQUEST, True, False),
    httpx2.HTTPStatusError: (Kind.BAD_RESPONSE, True, False),
    httpx2.HTTPError: (Kind.CONNECTION, True, True),
    httpx2.InvalidURL: (Kind.BAD_REQUEST, True, False),
    httpx2.CookieConflict: (Kind.BAD_REQUEST, True, False),
}
"""What each of httpx2's own exceptions means: the kind of fault, whether a byte may have reached
the server, and whether it may pass."""

_H11S: tuple[Kind, bool, bool] = (Kind.BAD_REQUEST, True, False)
"""The same of h11's, which httpx2 lets through."""

RAISED: tuple[type[Exception], ...] = (
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    httpx2.CookieConflict,
)
"""The roots of the table above."""


def raised() -> tuple[type[Exception], ...]:
    """All that a call over httpx2 raises, for an `except`, which asks only once something is
    raised: to import h11 takes as long as to import failwell."""
    import h11

    return (*RAISED, h11.LocalProtocolError)


ERROR_LIMIT = 1024 * 1024
"""Bytes that are read of an error's body."""


def answer(response: httpx2.Response, asked: httpx2.Request, body: bytes | None) -> Response:
    """The whole answer (or, with no body, one whose body the caller will read)."""
    last, failed = response.request, response.status_code >= 400
    is_plain = last is asked and getattr(asked.stream, "fields", None) is None
    return Response(
        status=response.status_code,
        headers=Headers(response.headers) if failed else response.headers,
        body=body,
        at=time.time(),
        native=response,
        asked=asked.headers if is_plain and not failed else carried(asked, response),
        direct=_is_direct(response, asked),
        metered=speaks_of_limits(response),
    )


_CHALLENGES = (401, 403, 407)
"""With these, the request is sent again with another credential."""


def _is_direct(response: httpx2.Response, asked: httpx2.Request) -> bool:
    """Whether it answers what was asked, and nothing before it has been answered in another way: by
    way of redirects and challenges, but not where an auth sends again, or sends something else."""
    last, before = response.request, response.history
    if last.method != asked.method:
        return False
    if not before:
        return last is asked or last.url == asked.url
    is_led = last is asked or before[-1].has_redirect_location
    ways = (one.has_redirect_location or one.status_code in _CHALLENGES for one in before)
    return is_led and all(ways)


def answered(response: httpx2.Response, asked: httpx2.Request) -> Response:
    """The answer, whose body was read."""
    return answer(response, asked, response.content)


def speaks_of_limits(response: httpx2.Response) -> bool:
    """Whether the header fields may tell of a quota."""
    return b"limit" in b" ".join([name for name, _ in response.headers.raw]).lower()


def content_type(response: httpx2.Response) -> str | None:
    """The field of that name, looked for as bytes first: httpx2 decodes all fields, to find out in
    which encoding they are, before it looks for text."""
    raw = dict(response.headers.raw).get(b"content-type")
    return response.headers.get("content-type") if raw is None else raw.decode("latin-1")


def read_refusal(response: httpx2.Response) -> bytes:
    """The body of an answer of 400 and above, or as much of it as came."""
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ERROR_LIMIT:
                break
    except raised():
        pass
    response.close()
    return bytes(body[:ERROR_LIMIT])


async def aread_refusal(response: httpx2.Response, within: float | None) -> bytes:
    """The body of an answer of 400 and above, or as much of it as came `within` that time (s)."""
    body = bytearray()
    try:
        with awithin(within):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ERROR_LIMIT:
                    break
    except TimeoutError:
        pass
    except raised():
        pass
    await response.aclose()
    return bytes(body[:ERROR_LIMIT])


def keep_refusal(response: httpx2.Response) -> None:
    """Read an answer of 400 and above, for all who come after, hooks too."""
    if response.status_code >= 400:
        vars(response)["_content"] = read_refusal(response)


async def akeep_refusal(response: httpx2.Response) -> None:
    """The same of an async client."""
    if response.status_code >= 400:
        vars(response)["_content"] = await aread_refusal(response, None)


def refusal_of(error: httpx2.HTTPStatusError, asked: httpx2.Request) -> Reply:
    """What a caller's own event hook has turned into an exception; of an answer below 400, only
    the hook knows what is wrong with it."""
    response = error.response
    if not hops.is_about(error, response):
        return fault_of(error, asked, None)
    if response.status_code < 400:
        return fault_of(error, asked, None, response)
    try:
        return answer(response, asked, response.content)
    except httpx2.ResponseNotRead:
        return answer(response, asked, b"")


def fault_of(
    error: Exception,
    asked: httpx2.Request,
    tracked: Tracked | None,
    began: httpx2.Response | None = None,
) -> Fault:
    """What an exception of httpx2 says of the attempt; `began` is the answer that was cut."""
    kind, sent, transient = next(
        (FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS), _H11S
    )
    if not _is_first_hop(error, asked):
        kind, sent = (Kind.BAD_RESPONSE if kind is Kind.BAD_REQUEST else kind), True
    elif _is_in_head(error) or (began is None and hops.is_unprocessed(error)):
        sent = False
    elif not sent:
        sent = not (hops.is_from_wire(error) or hops.is_unsent(error))
    fields = carried(asked, began, getattr(error, "_request", None))
    if began is not None and began.request.method != asked.method:
        began = None
    return Fault(
        kind=kind,
        name=type(error).__name__,
        message=_message(error, asked),
        sent=sent,
        whole=_is_whole(kind, tracked),
        transient=transient,
        status=began.status_code if began is not None else None,
        headers=began.headers if began is not None else {},
        at=time.time(),
        asked=fields,
        cause=_clean(error, asked, fields),
    )


def out_of_time(
    asked: httpx2.Request, tracked: Tracked | None, began: httpx2.Response | None
) -> Fault:
    """The fault of an attempt that the call's deadline has ended."""
    error = httpx2.ReadTimeout("no whole answer in the time that the call had left")
    return fault_of(error, asked, tracked, began)


def _is_whole(kind: Kind, tracked: Tracked | None) -> bool:
    if tracked is None or tracked.exhausted:
        return True
    return kind is Kind.TIMEOUT and tracked.handed_over


def _is_first_hop(error: Exception, asked: httpx2.Request) -> bool:
    return getattr(error, "_request", None) in (None, asked) or hops.is_first(error)


def _is_in_head(error: Exception) -> bool:
    """Whether h11 has refused the head of the request, of which it then writes no byte."""
    import h11
    import httpcore2

    below = error.__cause__
    return isinstance(below, httpcore2.LocalProtocolError) and any(
        isinstance(origin, h11.LocalProtocolError) for origin in below.args
    )


_UNFIT = r"[^\t\x20-\x7e\x80-\xff]"


def _message(error: Exception, asked: httpx2.Request) -> str:
    if isinstance(error, httpx2.StreamConsumed):
        return "The body cannot be sent a second time: give bytes, or a file that can seek."
    said = _said(error, asked)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _said(error: Exception, asked: httpx2.Request) -> str:
    """The error's own words; but h11 quotes a header that it refuses, which may be a secret."""
    if not _is_in_head(error):
        return str(error)
    unfit = [name for name, value in asked.headers.items() if re.search(_UNFIT, value)]
    return f"the header {unfit[0]} holds a control character" if unfit else str(error)


def _clean(error: Exception, asked: httpx2.Request, fields: Headers) -> Exception | None:
    """The same exception without its request and traceback, which hold the credentials."""
    if not isinstance(error, httpx2.RequestError):
        return None
    from failwell import redaction

    secrets = redaction.secrets_of(fields, asked.url, None)
    return type(error)(redaction.text(_said(error, asked), secrets))
