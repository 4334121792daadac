"""What came of one attempt over httpx2, in failwell's words."""

from __future__ import annotations

import time

import httpx2

from failwell import redaction
from failwell.clients.httpx2.body import Tracked
from failwell.model import Fault, Kind, Reply, Response

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
    httpx2.TransportError: (Kind.CONNECTION, True, True),
    httpx2.DecodingError: (Kind.BAD_RESPONSE, True, True),
    httpx2.TooManyRedirects: (Kind.BAD_RESPONSE, True, False),
    httpx2.RequestError: (Kind.CONNECTION, True, True),
    httpx2.StreamConsumed: (Kind.BAD_REQUEST, True, False),
    httpx2.StreamClosed: (Kind.BAD_REQUEST, True, False),
    httpx2.RequestNotRead: (Kind.BAD_REQUEST, True, False),
    httpx2.ResponseNotRead: (Kind.BAD_REQUEST, True, False),
    httpx2.StreamError: (Kind.BAD_REQUEST, True, False),
}
"""What each of httpx2's own exceptions means: the kind of fault, whether a byte may have reached
the server, and whether it may pass."""

RAISED: tuple[type[Exception], ...] = (httpx2.RequestError, httpx2.StreamError)
"""The roots of the table above."""

ERROR_LIMIT = 1024 * 1024
"""Bytes that are read of an error's body."""


def answer(response: httpx2.Response, asked: httpx2.Request, body: bytes | None) -> Response:
    """The whole answer (or, with no body, one whose body the caller will read)."""
    return Response(
        status=response.status_code,
        headers=response.headers,
        body=body,
        at=time.time(),
        native=response,
        asked=asked.headers,
    )


def read_refusal(response: httpx2.Response) -> bytes:
    """The body of an answer of 400 and above, or as much of it as came."""
    body = bytearray()
    try:
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > ERROR_LIMIT:
                break
    except RAISED:
        pass
    response.close()
    return bytes(body[:ERROR_LIMIT])


async def aread_refusal(response: httpx2.Response) -> bytes:
    """The body of an answer of 400 and above, or as much of it as came."""
    body = bytearray()
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > ERROR_LIMIT:
                break
    except RAISED:
        pass
    await response.aclose()
    return bytes(body[:ERROR_LIMIT])


def refusal_of(error: httpx2.HTTPStatusError, asked: httpx2.Request) -> Reply:
    """The answer that a caller's own event hook has turned into an exception."""
    response = error.response
    body = response.content if response.is_stream_consumed else b""
    return answer(response, asked, body)


def fault_of(
    error: Exception,
    asked: httpx2.Request,
    tracked: Tracked | None,
    began: httpx2.Response | None = None,
) -> Fault:
    """What an exception of httpx2 says of the attempt; `began` is the answer that was cut."""
    kind, sent, transient = next(FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS)
    return Fault(
        kind=kind,
        name=type(error).__name__,
        message=_message(error),
        sent=sent or not _is_first_hop(error, asked),
        whole=tracked is None or tracked.exhausted,
        transient=transient,
        status=began.status_code if began is not None else None,
        headers=began.headers if began is not None else {},
        at=time.time(),
        asked=asked.headers,
        cause=_clean(error, asked),
    )


def out_of_time(
    asked: httpx2.Request, tracked: Tracked | None, began: httpx2.Response | None
) -> Fault:
    """The fault of an attempt that the call's deadline has ended."""
    error = httpx2.ReadTimeout("no whole answer in the time that the call had left")
    return fault_of(error, asked, tracked, began)


def _is_first_hop(error: Exception, asked: httpx2.Request) -> bool:
    return not isinstance(error, httpx2.RequestError) or error.request is asked


def _message(error: Exception) -> str:
    text = str(error)
    if isinstance(error, httpx2.StreamConsumed):
        return "The body cannot be sent a second time: give bytes, or a file that can seek."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _clean(error: Exception, asked: httpx2.Request) -> Exception | None:
    """The same exception without its request and traceback, which hold the credentials."""
    secrets = redaction.secrets_of(asked.headers, asked.url, None)
    if isinstance(error, httpx2.RequestError):
        return type(error)(redaction.text(str(error), secrets))
    return None
