"""What the code that serves a request may know of it: its id, and what every answer carries."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar


class RequestContext:
    """One request. `headers` go out with its answer, whichever it is: a success, an error, a
    replay, an unhandled exception."""

    __slots__ = ("headers", "request_id")

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.headers: dict[str, str] = {}


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


def request_id() -> str | None:
    """The id of the request that this code is serving; None outside of one."""
    request = _request.get()
    return None if request is None else request.request_id
