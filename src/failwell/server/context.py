"""What the code that serves a request may know of it: its id, and what every answer carries."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import lru_cache

import msgspec

from failwell.contract import Contract
from failwell.headers import parse_traceparent
from failwell.model import Failure
from failwell.server.types import Fields
from failwell.server.write import Write


class RequestContext:
    """One request. `headers` go out with its answer, whichever it is: a success, an error, a
    replay, an unhandled exception. `route` and `caller` are for the journal, for whoever knows
    them to set; `asked` are the header fields that came with it, `contract` is what it is served
    under. `raised` is an exception that the framework has made an answer of by itself: whoever
    knows it sets it, so that the answer can say what was meant."""

    __slots__ = (
        "_failed_at",
        "asked",
        "caller",
        "contract",
        "headers",
        "is_written",
        "raised",
        "request_id",
        "route",
    )

    def __init__(self, request_id: str, asked: Fields, contract: Contract) -> None:
        self.request_id = request_id
        self.contract = contract
        self.raised: Exception | None = None
        self.asked = asked
        self.route: str | None = None
        self.caller: str | None = None
        self.is_written = False
        self.headers: dict[str, str] = {}
        self._failed_at: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace that the request belongs to (W3C Trace Context); None where it says of none."""
        given = lines("traceparent", self.asked)
        return parse_traceparent(given[0]) if len(given) == 1 else None

    def signed(self, failure: Failure) -> Failure:
        """The failure with this request's id and the time of day: the same however often asked."""
        if self._failed_at is None:
            self._failed_at = _timestamp()
        return msgspec.structs.replace(
            failure,
            request_id=self.request_id,
            timestamp=failure.timestamp or self._failed_at,
        )


def lines(name: str, fields: Fields) -> list[str]:
    """The values of the header lines of this name."""
    wanted = raw_name(name)
    return [value.decode("latin-1") for key, value in fields if key.lower() == wanted]


@lru_cache(maxsize=256)
def raw_name(name: str) -> bytes:
    """The name of a header field, as ASGI spells it."""
    return name.lower().encode("latin-1")


def _timestamp() -> str:
    now = time.time()
    return f"{_to_the_second(int(now))}.{int(now % 1 * 1000):03d}Z"


@lru_cache(maxsize=2)
def _to_the_second(now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))


_write: ContextVar[Write | None] = ContextVar("failwell_write", default=None)
_request: ContextVar[RequestContext | None] = ContextVar("failwell_request", default=None)


def begin_serving(request: RequestContext) -> Token[RequestContext | None]:
    """From here on it is the request that the code serves, until `end_serving`."""
    return _request.set(request)


def end_serving(token: Token[RequestContext | None]) -> None:
    """The request that was served before, if any, is served again."""
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
