"""A call made ready over httpx: its key, its ids, its body, its terms, and each attempt's copy."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from failwell.actions import Send
from failwell.clients.httpx.body import Body
from failwell.clients.httpx2.address import why_unreachable
from failwell.clients.seam import Seam, fields_aside, options_in
from failwell.errors import InvalidRequestError
from failwell.flows.terms import Terms
from failwell.model import Request

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`, and an answer's the `Account`."""

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


class Prepared(msgspec.Struct, frozen=True):
    """One call, made ready: the request as it was given, and what each attempt's copy gets."""

    native: httpx.Request
    request: Request
    terms: Terms
    extra: dict[str, str]
    body: Body | None
    is_aside: bool = False

    def rebuilt(self, send: Send) -> Prepared:
        """This call, or that of a request which a flow made up itself, such as a look-up."""
        request = send.request
        if request is self.request:
            return self
        native = httpx.Request(
            request.method,
            str(request.url),
            headers=fields_aside(self.native.headers, self.terms.contract),
            extensions=self.native.extensions,
        )
        return Prepared(native, request, self.terms, {}, None, is_aside=True)

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
    options = options_in(native.extensions.get(EXTENSION), f'extensions["{EXTENSION}"]')
    key, extra = seam.added(native.method, native.headers, options)
    plain = Request(
        method=native.method,
        url=native.url,
        headers=native.headers,
        body=_content(native),
        key=key,
        reads_json=None if options.expect is None else options.expect == "json",
    )
    request = seam.marked(plain)
    if request.tag is not None and request.body is not None:
        native = _with_content(native, request.body)
    watched = seam.contract.whole_requests and native.method not in seam.contract.safe
    is_plain = isinstance(native.stream, httpx.ByteStream) and not watched
    body = None if is_plain else Body(native.stream)
    address = (native.url.scheme, native.url.raw_host, native.url.port)
    terms = seam.terms(now, request, address, options, body)
    return Prepared(native, request, terms, extra, body)


def _with_content(native: httpx.Request, content: bytes) -> httpx.Request:
    """A copy with another body."""
    headers = httpx.Headers(native.headers)
    headers["content-length"] = str(len(content))
    return httpx.Request(
        native.method,
        native.url,
        headers=headers,
        stream=httpx.ByteStream(content),
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
