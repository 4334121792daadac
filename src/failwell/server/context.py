"""What the code that serves a request may know of it: its id, and what every answer carries."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from failwell.model import Failure
from failwell.server.write import Write


class RequestContext:
    """One request. `headers` go out with its answer, whichever it is: a success, an error, a
    replay, an unhandled exception. `route` and `caller` are for the journal, for whoever knows
    them to set. `trace_id` is the caller's (W3C Trace Context)."""

    __slots__ = (
        "_failed_at",
        "caller",
        "headers",
        "idempotency_key",
        "is_written",
        "request_id",
        "route",
        "trace_id",
    )

    def __init__(
        self, request_id: str, trace_id: str | None = None, idempotency_key: str | None = None
    ) -> None:
        self.request_id = request_id
        self.trace_id = trace_id
        self.idempotency_key = idempotency_key
        self.route: str | None = None
        self.caller: str | None = None
        self.is_written = False
        self.headers: dict[str, str] = {}
        self._failed_at: str | None = None

    def signed(self, failure: Failure) -> Failure:
        """The failure with this request's id and the time of day: the same however often asked."""
        if self._failed_at is None:
            self._failed_at = _timestamp()
        return msgspec.structs.replace(
            failure,
            request_id=self.request_id,
            timestamp=failure.timestamp or self._failed_at,
        )


def _timestamp() -> str:
    now = time.time()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    return f"{seconds}.{int(now % 1 * 1000):03d}Z"


_write: ContextVar[Write | None] = ContextVar("failwell_write", default=None)
_request: ContextVar[RequestContext | None] = ContextVar("failwell_request", default=None)


@contextmanager
def serving(request: RequestContext) -> Generator[None]:
    """Make it the request that the code inside is serving."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def current() -> RequestContext | None:
    """The request that this code is serving; None outside of one."""
    return _request.get()


def idempotency() -> Write:
    """The keyed write that this code carries out, to commit its answer with its effects; one
    without a key, whose `commit` does nothing, where there is none."""
    return _write.get() or Write(None)


@contextmanager
def writing(write: Write) -> Generator[None]:
    """Make it the write that the code inside carries out."""
    token = _write.set(write)
    try:
        yield
    finally:
        _write.reset(token)


def request_id() -> str | None:
    """The id of the request that this code is serving; None outside of one."""
    request = _request.get()
    return None if request is None else request.request_id
