"""What came of one attempt over httpx, in failwell's words."""

from __future__ import annotations

import time
from typing import Any

import h11
import httpcore
import httpx

from failwell import headers, redaction
from failwell.clients.httpx.body import Body
from failwell.clients.httpx2 import attempt as httpx2s
from failwell.clients.parts import carried
from failwell.clients.seam import Theirs
from failwell.contract import Contract
from failwell.model import Fault, Headers, Kind, Request, Response
from failwell.policy import promise

FAULTS: dict[type[Exception], tuple[Kind, bool, bool]] = {
    getattr(httpx, cls.__name__): facts
    for cls, facts in httpx2s.FAULTS.items()
    if hasattr(httpx, cls.__name__)
}
"""What each of httpx's own exceptions means: what the one of the same name in httpx2, its
continuation, does."""

FAULTS[h11.LocalProtocolError] = FAULTS[httpx.LocalProtocolError]

RAISED = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    h11.LocalProtocolError,
)
"""The roots of the table above, and what httpx lets through of h11."""


class Fed(Body):
    """A body that knows whether the present attempt has begun it."""

    is_begun = False

    def _begin(self) -> None:
        self.is_begun = True
        super()._begin()


class _Trace:
    """What httpcore tells of an attempt as it goes on: whether the request was begun, by any of
    the tries of a transport below; a proxy's own is none."""

    def __init__(self, told: Any) -> None:
        self._told = told
        self.is_begun = False

    def __call__(self, event: str, info: dict[str, Any]) -> Any:
        is_head = event.endswith(".send_request_headers.started")
        if is_head and info["request"].method != b"CONNECT":
            self.is_begun = True
        return None if self._told is None else self._told(event, info)


class _AsyncTrace(_Trace):
    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        told = super().__call__(event, info)
        if told is not None:
            await told


def traced(asked: httpx.Request, inner: object) -> httpx.Request:
    """The request, followed on its way where the transport below is not httpx's own, and may try
    more than once."""
    if type(inner) not in _THEIR_OWN:
        cls = _AsyncTrace if isinstance(inner, httpx.AsyncBaseTransport) else _Trace
        told = asked.extensions.get("trace")
        asked.extensions = {**asked.extensions, "trace": cls(told)}
    return asked


_THEIR_OWN = (httpx.HTTPTransport, httpx.AsyncHTTPTransport)


THEIRS = Theirs(
    garbled=httpx.DecodingError,
    refused=httpx.LocalProtocolError,
    unreachable=httpx.ConnectError,
    lost=httpx.ReadError,
    unvouched=httpx.TransportError,
)


def answer(response: httpx.Response, asked: httpx.Request, body: bytes | None) -> Response:
    """The whole answer (or, with no body, one whose body the caller will read)."""
    failed = response.status_code >= 400
    return Response(
        status=response.status_code,
        headers=Headers(response.headers) if failed else response.headers,
        body=body,
        at=time.time(),
        native=response,
        asked=carried(asked.headers, asked.stream),
        metered=any("limit" in name.lower() for name in response.headers),
    )


def is_judged_whole(contract: Contract, request: Request, response: httpx.Response) -> bool:
    """Whether to read the body before the answer is handed on: a failure's, and whatever is JSON
    or was promised to be; a file or a stream of events passes through unread."""
    if response.status_code >= 400:
        return True
    if request.reads_json is not None:
        return request.reads_json
    media = headers.media_type(response.headers.get("content-type"))
    return contract.reads_json or promise.says_json(media)


def decoded(response: httpx.Response, raw: bytes) -> bytes:
    """The body without its content coding. Raises `httpx.DecodingError`."""
    if "content-encoding" not in response.headers:
        return raw
    return rebuilt(response, raw).read()


def rebuilt(response: httpx.Response, raw: bytes) -> httpx.Response:
    """The same answer, still to be read by whoever asked: its body comes from memory."""
    return httpx.Response(
        response.status_code,
        headers=response.headers,
        stream=httpx.ByteStream(raw),
        extensions=response.extensions,
    )


def fault_of(
    error: Exception,
    asked: httpx.Request,
    body: Fed | None,
    began: httpx.Response | None = None,
    around: BaseException | None = None,
) -> Fault:
    """What an exception of httpx says of the attempt; `began` is the answer that was cut, and
    `around` what was being handled as the attempt was made."""
    kind, sent, transient = next(FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS)
    cause = _clean(error, asked)
    return Fault(
        kind=kind,
        name=type(error).__name__,
        message=str(cause) or type(error).__name__,
        sent=(sent or _may_be_sent(error, asked, body, began, around)) and not _is_in_head(error),
        # after a time-out, an event loop goes on writing what it was given
        whole=body is None or body.exhausted or kind is Kind.TIMEOUT,
        transient=transient,
        status=began.status_code if began is not None else None,
        headers=began.headers if began is not None else {},
        at=time.time(),
        asked=carried(asked.headers, asked.stream),
        cause=cause,
    )


def out_of_time(asked: httpx.Request, body: Fed | None, began: httpx.Response | None) -> Fault:
    """The fault of an attempt that the call's deadline has ended."""
    error = httpx.ReadTimeout("no whole answer in the time that the call had left")
    return fault_of(error, asked, body, began)


def _may_be_sent(
    error: Exception,
    asked: httpx.Request,
    body: Fed | None,
    began: httpx.Response | None,
    around: BaseException | None,
) -> bool:
    """Whether something went out for all that the error says: it may be a body's own, or the last
    one of a transport below that tries more than once."""
    trace = asked.extensions.get("trace")
    if isinstance(trace, _Trace) and trace.is_begun:
        return True
    if began is not None or (body is not None and body.is_begun):
        return True
    seen: set[int] = set()
    below: BaseException | None = error.__context__
    while below is not None and below is not around and id(below) not in seen:
        if isinstance(below, _MIDWAY):
            return True
        seen.add(id(below))
        below = below.__context__
    return False


_MIDWAY = tuple(
    getattr(library, name)
    for library in (httpx, httpcore)
    for name in (
        *("ReadError", "ReadTimeout", "WriteError", "WriteTimeout"),
        *("RemoteProtocolError", "LocalProtocolError"),
    )
)
"""Faults of a connection that stood."""


def _is_in_head(error: Exception) -> bool:
    """Whether h11 has refused the head of the request, of which it then writes no byte."""
    below = error.__cause__
    return isinstance(below, httpcore.LocalProtocolError) and any(
        isinstance(origin, h11.LocalProtocolError) for origin in below.args
    )


def _clean(error: Exception, asked: httpx.Request) -> Exception:
    """The same exception without its request and traceback, which hold the credentials.

    h11 quotes a header that it refuses, which may be one of them.
    """
    if isinstance(error, httpx.StreamError):
        return httpx.StreamError(
            "The body cannot be sent a second time: give bytes, or a file that can seek."
        )
    secrets = redaction.secrets_of(asked.headers, asked.url, None)
    said = "a header holds a control character" if _is_in_head(error) else str(error)
    cls = type(error) if isinstance(error, httpx.RequestError) else httpx.LocalProtocolError
    return cls(redaction.text(said, secrets))
