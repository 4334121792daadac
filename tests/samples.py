"""What many tests are about: one API's contract, its requests, and what may come of them."""

from __future__ import annotations

from typing import Any

import httpx2

from failwell.contract import Code, Contract, Idempotency, LookUp, RequestIds
from failwell.dialects import Flat, Nested
from failwell.errors import APIConnectionError
from failwell.model import (
    Attempt,
    Failure,
    Fault,
    Headers,
    Kind,
    Outcome,
    Request,
    Response,
    Sent,
)
from failwell.testing import answer

URL = "https://api.example.org/v1/jobs"

CODES = (
    Code(code="bad_input", status=400, proves=Outcome.NOT_STARTED),
    Code(code="no_auth", status=401, proves=Outcome.NOT_STARTED, advice="Renew the key."),
    Code(code="missing", status=404, proves=Outcome.NOT_STARTED),
    Code(code="conflict", status=409, proves=Outcome.NOT_STARTED),
    Code(code="slow_down", status=429, proves=Outcome.NOT_STARTED),
    Code(code="engine", status=422, proves=Outcome.NOT_STARTED, transient=False),
    Code(code="engine", status=500),
    Code(code="engine", status=503, proves=Outcome.ROLLED_BACK),
    Code(code="half", status=500, proves=Outcome.PARTIALLY_APPLIED),
    Code(code="busy", status=400, kind=Kind.UNAVAILABLE, transient=True),
)

OWN = Contract(
    name="Own",
    dialect=Nested(request_id="id", details="details"),
    codes=CODES,
    idempotency=Idempotency(keys="honoured"),
    request_ids=RequestIds(header="X-Request-Id"),
    reads_json=True,
    whole_requests=True,
)
"""An API that honours keys, promises JSON and acts on whole requests only."""

LOOSE = Contract(name="Loose", dialect=Flat(details="detail"), codes=CODES)
"""An API that promises nothing: no keys, no JSON, no whole requests."""


def listed(how: LookUp | None = None, **settings: Any) -> LookUp:
    """A look-up that finds a record where the answer holds the words "it is here"."""
    return how or LookUp(
        request=lambda sent: ("GET", sent.url + "?name=a"),
        found=lambda sent, reply: b"it is here" in (reply.body or b""),
        **settings,
    )


def own(status: int, code: str, message: str = "no", /, **headers: str) -> Response:
    """A failure in the envelope of `OWN`."""
    return answer(status, {"error": {"code": code, "message": message, "id": "r-1"}}, **headers)


def flat(status: int, code: str, message: str = "no", /, **headers: str) -> Response:
    """A failure in the envelope of `LOOSE`."""
    return answer(status, {"code": code, "message": message}, **headers)


def html(status: int, words: str = "Bad Gateway", /, **headers: str) -> Response:
    """A page that a proxy might send."""
    page = f"<html><head><title>{status} {words}</title></head><body></body></html>"
    return answer(status, page, content_type="text/html", **headers)


def post(key: str | None = None, **fields: Any) -> Request:
    """A write."""
    return request("POST", key=key, **fields)


def request(method: str, **fields: Any) -> Request:
    """A request with a small JSON body where it is a write."""
    body = b"" if method in ("GET", "HEAD", "DELETE") else b'{"name":"a"}'
    headers = Headers({"Content-Type": "application/json", **fields.pop("headers", {})})
    return Request(**{"method": method, "url": URL, "body": body, "headers": headers, **fields})


def refused() -> Fault:
    """No connection: not a byte went out."""
    return Fault(kind=Kind.CONNECTION, name="ConnectError", message="refused", sent=False)


def lost(**fields: Any) -> Fault:
    """All was sent, and the connection went before an answer began."""
    return Fault(**{"kind": Kind.CONNECTION, "name": "ReadError", "message": "reset", **fields})


def late(**fields: Any) -> Fault:
    """All was sent, and no answer came in time."""
    return Fault(**{"kind": Kind.TIMEOUT, "name": "ReadTimeout", "message": "too late", **fields})


def cut(status: int = 201, media: str = "application/json", **fields: Any) -> Fault:
    """The answer began with this status, and its body broke off."""
    return lost(status=status, headers=Headers({"content-type": media}), **fields)


def fail_in_a_worker(attempts: tuple[Attempt, ...], sent: Sent) -> None:
    """Raise one of failwell's errors, with a cause, as a process pool's worker might."""
    try:
        raise httpx2.ReadError("reset by peer")
    except httpx2.ReadError as cause:
        failure = Failure(kind=Kind.CONNECTION, message="no answer", outcome=Outcome.UNKNOWN)
        raise APIConnectionError(failure, attempts, sent) from cause
