"""A call made ready over httpx: its key, its ids, its body, its terms, and each attempt's copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from failwell.actions import Send
from failwell.clients import rewinding
from failwell.clients.given import given
from failwell.clients.httpx.body import Body
from failwell.clients.httpx2.address import why_unreachable
from failwell.clients.seam import Seam, fields_aside, is_same_write
from failwell.errors import InvalidRequestError
from failwell.flows.terms import Terms
from failwell.model import Request
from failwell.policy import likeness

if TYPE_CHECKING:
    from failwell.flows.intended import Intention

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`, and an answer's the `Account`."""

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


class Prepared(msgspec.Struct, frozen=True):
    """One call, made ready: the request as it was given, and what each attempt's copy gets."""

    seam: Seam
    native: httpx.Request
    request: Request
    terms: Terms
    extra: dict[str, str]
    body: Body | None
    is_aside: bool = False
    plan: Intention | None = None

    def under(self, request: Request) -> Prepared:
        """The same call under the key and the tag of this request."""
        native, body = self.native, self.body
        if request.body is not self.request.body and request.body is not None:
            native = _with_content(native, request.body)
            body = None if body is None else Body(native.stream)
        extra = self.seam.kept_under(self.extra, request)
        return msgspec.structs.replace(self, native=native, request=request, extra=extra, body=body)

    def rebuilt(self, send: Send) -> Prepared:
        """This call, or that of a request which a flow made up itself, such as a look-up."""
        request = send.request
        if request is self.request:
            return self
        if self.plan is not None and is_same_write(request, self.request):
            return self.under(request)
        native = httpx.Request(
            request.method,
            str(request.url),
            headers=fields_aside(self.native.headers, self.terms.contract),
            extensions=self.native.extensions,
        )
        return Prepared(self.seam, native, request, self.terms, {}, None, is_aside=True)

    def copy_for(self, send: Send) -> httpx.Request:
        """The request that an attempt sends; the caller's own stays as it is."""
        headers = httpx.Headers(self.native.headers)
        headers.update(self.extra)
        return httpx.Request(
            self.native.method,
            self.native.url,
            headers=headers,
            stream=self.native.stream if self.body is None else self.body,
            extensions=_bounded(self.native.extensions, send.within),
        )


def prepare(seam: Seam, native: httpx.Request, now: float) -> Prepared:
    """The call that sends this request, which begins `now` (monotonic seconds).

    Raises `InvalidRequestError` for a bad key, bad options, and an address that cannot exist.
    """
    unreachable = why_unreachable(native.url.raw_host, native.url.port)
    if unreachable is not None:
        raise InvalidRequestError.of(unreachable)
    chosen = given(native.extensions.get(EXTENSION), f'extensions["{EXTENSION}"]')
    expect = chosen.options.expect
    key, extra = seam.added(native.method, native.headers, chosen)
    if seam.book is not None and native.method not in seam.contract.safe:
        native = _steady(native)
    request = Request(
        method=native.method,
        url=native.url,
        headers=native.headers,
        body=_content(native),
        key=key,
        reads_json=None if expect is None else expect == "json",
    )
    marked, plan = seam.marked(request, chosen)
    watched = seam.contract.whole_requests and native.method not in seam.contract.safe
    is_plain = isinstance(native.stream, httpx.ByteStream) and not watched
    body = None if is_plain else Body(native.stream)
    address = (native.url.scheme, native.url.raw_host, native.url.port)
    terms = seam.terms(now, request, address, chosen, body)
    prepared = Prepared(seam, native, request, terms, extra, body, plan=plan)
    return prepared if marked is request else prepared.under(marked)


LARGEST_READ = 64 * 1024 * 1024
"""Bytes of a form or a file that are held in memory, so that a run can tell it from another."""


def _steady(native: httpx.Request) -> httpx.Request:
    """The request as it would be in each run of a script: its body in memory, where it is a form or
    a file that can be sent from its beginning again, and a form under a boundary of its own."""
    content = _whole(native)
    if content is None:
        return native
    form = likeness.steady(native.headers.get("content-type", ""), content)
    if form is not None:
        return _with_content(native, form[1], form[0])
    return native if content is _content(native) else _with_content(native, content)


def _whole(native: httpx.Request) -> bytes | None:
    content, length = _content(native), native.headers.get("content-length", "")
    if content is not None or not length.isdecimal() or int(length) > LARGEST_READ:
        return content
    rewind = rewinding.of_stream(native.stream, httpx)
    if rewind is None or not isinstance(native.stream, httpx.SyncByteStream):
        return None
    read = b"".join(native.stream)
    rewind()
    return read


def _with_content(native: httpx.Request, content: bytes, media: str | None = None) -> httpx.Request:
    """A copy with another body, of another type if one is given."""
    headers = httpx.Headers(native.headers)
    headers["content-length"] = str(len(content))
    if media is not None:
        headers["content-type"] = media
    return httpx.Request(
        native.method,
        native.url,
        headers=headers,
        content=content,
        extensions=native.extensions,
    )


def _content(native: httpx.Request) -> bytes | None:
    try:
        return native.content
    except httpx.RequestNotRead:
        return None


def _bounded(extensions: Any, within: float | None) -> dict[str, Any]:
    """The extensions, with no single time-out above what the call has left (seconds)."""
    if within is None:
        return dict(extensions)
    limits: dict[str, float | None] = extensions.get("timeout", {})
    timeout = {name: _least(limits.get(name), within) for name in _SOCKET_TIMEOUTS}
    return {**extensions, "timeout": timeout}


def _least(limit: float | None, within: float) -> float:
    return within if limit is None else min(limit, within)
