"""A call made ready over httpx2, and the copy of its request that each attempt sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from failwell.actions import Flow, Send
from failwell.clients.httpx2.body import AsyncBody, SyncBody, Tracked
from failwell.errors import InvalidRequestError
from failwell.flows.call import call
from failwell.flows.story import Begun, Done, Terms
from failwell.model import Request, Response
from failwell.policy import evidence

if TYPE_CHECKING:
    from failwell.flows.intended import Intention

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


class Prepared(msgspec.Struct, frozen=True):
    """One call, made ready: the request as it was given, and what each attempt's copy gets."""

    native: httpx2.Request
    request: Request
    terms: Terms
    extra: Mapping[str, str]
    body: Tracked | None
    is_aside: bool = False
    plan: Intention | None = None

    def flow(self, now: float, begun: Begun | None = None) -> Flow[Done]:
        """What brings the call to its end; it began `now` (monotonic seconds)."""
        if self.plan is None:
            return call(self.request, self.terms, now, begun=begun)
        from failwell.flows.intended import intended

        return intended(self.plan, self.terms, now)

    def under(self, request: Request) -> Prepared:
        """The same call under the key and the tag of this request."""
        native, body, extra = self.native, self.body, self.extra
        if request.body is not self.request.body and request.body is not None:
            native = _with_content(native, request.body)
            body = None if body is None else tracked(native)
        header = self.terms.contract.idempotency.header
        if header is not None and request.key is not None:
            extra = {**extra, header: request.key}
        return Prepared(native, request, self.terms, extra, body, plan=self.plan)

    def copy_for(
        self,
        number: int,
        within: float | None,
        body: type[SyncBody] | type[AsyncBody],
        timeout: httpx2.Timeout,
    ) -> httpx2.Request:
        """The request that an attempt sends, the `number`th, which has `within` seconds: the
        caller's own only where nothing is added.

        `timeout` is the client's, for a request that has none. Raises `InvalidRequestError` for a
        body that this kind of client cannot read.
        """
        native = self.native
        if number == 1 and not self.extra and self.body is None and within is None:
            return native
        copy = _shallow(native)
        copy.headers = httpx2.Headers(native.headers)
        for name, value in self.extra.items():
            copy.headers[name] = value
        if within is not None:
            copy.extensions = _bounded(native.extensions, within, timeout)
        elif number > 1:
            copy.extensions = dict(native.extensions)
        if self.body is not None:
            copy.stream = _readable(native.stream, body)(self.body)
        return copy

    def hands_out(self, began: Response) -> bool:
        """Whether an answer that began goes to the caller as a stream: the caller's own call, with
        an answer that is by its type what was promised."""
        if self.is_aside or began.status >= 400:
            return False
        return evidence.judge(self.terms.contract, self.request, began) is None

    def rebuilt(self, send: Send, build: Callable[..., httpx2.Request]) -> Prepared:
        """This call, or the one of a request that a flow made up itself, such as a look-up."""
        request = send.request
        if request is self.request:
            return self
        if self.plan is not None and request.url is self.request.url:
            return self.under(request)
        native = build(
            request.method,
            str(request.url),
            content=request.body or None,
            headers=dict(request.headers),
        )
        return Prepared(native, request, self.terms, {}, None, is_aside=True)


def _shallow(native: httpx2.Request) -> httpx2.Request:
    """A copy with the same stream and content, without building either again."""
    copy = object.__new__(type(native))
    copy.__dict__.update(native.__dict__)
    return copy


def _with_content(native: httpx2.Request, content: bytes) -> httpx2.Request:
    """A copy with another body."""
    copy = _shallow(native)
    copy.headers = httpx2.Headers(native.headers)
    copy.headers["content-length"] = str(len(content))
    copy.stream = httpx2.ByteStream(content)
    copy.__dict__["_content"] = content
    return copy


def _readable(
    stream: object, body: type[SyncBody] | type[AsyncBody]
) -> type[SyncBody] | type[AsyncBody]:
    wanted = httpx2.SyncByteStream if body is SyncBody else httpx2.AsyncByteStream
    if isinstance(stream, wanted):
        return body
    ours, theirs = ("A sync", "an async") if body is SyncBody else ("An async", "a sync")
    raise InvalidRequestError.of(f"{ours} client cannot read {theirs} iterator as a body")


def _bounded(
    extensions: Mapping[str, Any], within: float, default: httpx2.Timeout
) -> dict[str, Any]:
    limits: dict[str, Any] = extensions.get("timeout", default.as_dict())
    timeout = {name: _least(limits.get(name), within) for name in _SOCKET_TIMEOUTS}
    return {**extensions, "timeout": timeout}


def _least(limit: float | None, within: float) -> float:
    return within if limit is None else min(limit, within)


def tracked(native: httpx2.Request) -> Tracked:
    """The request's body, watched on its way."""
    content = content_of(native)
    length = native.headers.get("content-length") if content is None else str(len(content))
    return Tracked(native.stream, length)


def content_of(native: httpx2.Request) -> bytes | None:
    """The request's body, where it is in memory."""
    try:
        return native.content
    except httpx2.RequestNotRead:
        return None
