"""What came of one attempt over requests, in failwell's words."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping

import requests
from requests import exceptions as theirs
from urllib3 import exceptions as below

from failwell import redaction
from failwell.clients.requests.body import Body
from failwell.clients.seam import Theirs
from failwell.model import Fault, Headers, Kind, Response

FAULTS: dict[type[Exception], tuple[Kind, bool, bool]] = {
    theirs.ConnectTimeout: (Kind.TIMEOUT, False, True),
    theirs.ReadTimeout: (Kind.TIMEOUT, True, True),
    theirs.Timeout: (Kind.TIMEOUT, True, True),
    theirs.ProxyError: (Kind.CONNECTION, False, True),
    theirs.SSLError: (Kind.CONNECTION, True, True),
    theirs.ConnectionError: (Kind.CONNECTION, True, True),
    theirs.ChunkedEncodingError: (Kind.CONNECTION, True, True),
    theirs.ContentDecodingError: (Kind.BAD_RESPONSE, True, True),
    theirs.RetryError: (Kind.CONNECTION, True, False),
    theirs.InvalidURL: (Kind.BAD_REQUEST, False, False),
    theirs.InvalidSchema: (Kind.BAD_REQUEST, False, False),
    theirs.InvalidHeader: (Kind.CONNECTION, True, True),  # the answer's: its lengths differ
    theirs.RequestException: (Kind.CONNECTION, True, True),
}
"""What each exception that an adapter raises means: the kind of fault, whether a byte may have
reached the server, and whether it may pass."""

RAISED = (theirs.RequestException, below.HTTPError)
"""The root of the table above, and what requests lets through of urllib3."""

THEIRS = Theirs(
    garbled=theirs.InvalidJSONError,
    refused=theirs.InvalidHeader,
    unreachable=theirs.ConnectionError,
    lost=theirs.ConnectionError,
    unvouched=theirs.RequestException,
)


def fields_of(headers: Mapping[str, str | bytes]) -> Headers:
    """Header fields as text, which requests lets callers give as bytes."""
    return Headers({name: _text(value) for name, value in headers.items()})


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def answer(
    response: requests.Response, asked: requests.PreparedRequest, body: bytes | None
) -> Response:
    """The whole answer (or, with no body, one whose body the caller will read)."""
    return Response(
        status=response.status_code,
        headers=fields_of(response.headers),
        body=body,
        at=time.time(),
        native=response,
        asked=fields_of(asked.headers),
        metered=any("limit" in name.lower() for name in response.headers),
    )


def fault_of(
    error: Exception,
    asked: requests.PreparedRequest,
    body: Body | None,
    began: requests.Response | None = None,
) -> Fault:
    """What an exception of requests says of the attempt; `began` is the answer that was cut."""
    if not isinstance(error, theirs.RequestException):
        error = theirs.RequestException(error)
    kind, sent, transient = next(FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS)
    secrets = redaction.secrets_of(fields_of(asked.headers), asked.url or "", None)
    said = redaction.text(str(_reason(error)), secrets)
    return Fault(
        kind=Kind.TIMEOUT if _is_late(error) else kind,
        name=type(error).__name__,
        message=said or type(error).__name__,
        sent=sent and not _is_before_sending(error),
        whole=body is None or body.exhausted,
        transient=transient,
        status=began.status_code if began is not None else None,
        headers=fields_of(began.headers) if began is not None else {},
        at=time.time(),
        asked=fields_of(asked.headers),
        cause=type(error)(said),
    )


def _reason(error: Exception) -> object:
    """What lies at the bottom: urllib3's own words speak of retries that there were none of."""
    inner = error.args[0] if error.args else ""
    if isinstance(inner, below.MaxRetryError) and inner.reason is not None:
        return inner.reason
    return inner


def _is_before_sending(error: Exception) -> bool:
    """Whether there was no connection yet: refused, no such name, an untrusted certificate."""
    reason = _reason(error)
    if isinstance(reason, (below.NewConnectionError, below.ConnectTimeoutError)):
        return True
    origin = reason.args[0] if isinstance(reason, below.SSLError) and reason.args else None
    return isinstance(origin, ssl.SSLCertVerificationError)


def _is_late(error: Exception) -> bool:
    """A time-out in the midst of a body is a `ConnectionError` to requests."""
    reason = _reason(error)
    origins = reason.args if isinstance(reason, below.ProtocolError) else ()
    return isinstance(reason, below.ReadTimeoutError) or any(
        isinstance(origin, TimeoutError) for origin in origins
    )
