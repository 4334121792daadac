"""A call made ready over httpx: its key, its ids, its body, its terms, and each attempt's copy."""

from __future__ import annotations

from typing import Any

import httpx

from failwell.actions import Send
from failwell.clients import rewinding
from failwell.clients import seam as seams
from failwell.clients.given import given
from failwell.clients.httpx.attempt import THEIRS, Fed
from failwell.clients.httpx2.address import why_unreachable
from failwell.clients.seam import Asked, Left, Trail
from failwell.errors import FailwellError, InvalidRequestError
from failwell.flows.terms import Done
from failwell.model import Request
from failwell.policy import likeness

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`, and an answer's the `Account`."""

LEFT = "failwell left"
"""That under which a request's carry what is known of its write."""

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


class Prepared(seams.Prepared, frozen=True):
    """One call over httpx, made ready."""

    native: httpx.Request
    body: Fed | None

    def with_content(self, content: bytes) -> tuple[httpx.Request, Fed | None]:
        native = _with_content(self.native, content)
        return native, None if self.body is None else Fed(native.stream)

    def asking(self, request: Request) -> httpx.Request:
        return httpx.Request(
            request.method,
            str(request.url),
            headers=seams.fields_aside(self.native.headers, self.terms.contract),
            extensions=self.native.extensions,
        )

    def copy_for(self, send: Send) -> httpx.Request:
        """The request that an attempt sends; the caller's own stays as it is."""
        headers = httpx.Headers(self.native.headers)
        headers.update(self.extra)
        if self.body is not None:
            self.body.is_begun = False
        return httpx.Request(
            self.native.method,
            self.native.url,
            headers=headers,
            stream=self.native.stream if self.body is None else self.body,
            extensions=_bounded(self.native.extensions, send.within),
        )


def prepare(seam: seams.Seam, native: httpx.Request, now: float) -> Prepared:
    """The call that sends this request, which begins `now` (monotonic seconds).

    Raises `InvalidRequestError`, of both families, for a bad key, bad options, and an address that
    cannot exist.
    """
    left: Left | None = native.extensions.get(LEFT)
    before = None if left is None else left.found(seam.contract, _asked(seam, native))
    try:
        return _prepared(seam, native, now, left, before)
    except FailwellError as error:
        refused = error if before is None else before.refused(error)
    raise THEIRS.join(refused)


def leave(native: httpx.Request, prepared: Prepared, ended: Done | FailwellError) -> None:
    """Leave what is known of the write on the caller's own request: httpx gives its extensions to
    those that it makes of it."""
    place = native.extensions.get(LEFT)
    left = prepared.leave(ended, place, lambda: (_asked(prepared.seam, native),))
    if left is not None:
        native.extensions = {**native.extensions, LEFT: left}


def _asked(seam: seams.Seam, native: httpx.Request) -> Asked:
    header = seam.contract.idempotency.header
    key = None if header is None else native.headers.get(header)
    return Asked(native.method, str(native.url), _content(native), native.stream, key)


def _prepared(
    seam: seams.Seam, native: httpx.Request, now: float, left: Left | None, before: Trail | None
) -> Prepared:
    begun = None if left is None else left.begun(native.stream)
    unreachable = why_unreachable(native.url.raw_host, native.url.port)
    if unreachable is not None:
        raise InvalidRequestError.of(unreachable)
    chosen = given(native.extensions.get(EXTENSION), f'extensions["{EXTENSION}"]')
    expect = chosen.options.expect
    key, extra = seam.added(native.method, native.headers, chosen, before)
    if seam.book is not None and native.method not in seam.contract.safe:
        native = _steady(native)
    request = Request(
        method=native.method,
        url=native.url,
        headers=httpx.Headers(native.headers),  # it may not be able to tell its own
        body=_content(native),
        key=key,
        reads_json=None if expect is None else expect == "json",
    )
    before = before or seam.doubts.of(seam.contract, request)
    marked, plan = seam.marked(request, chosen, before)
    watched = seam.contract.whole_requests and native.method not in seam.contract.safe
    is_plain = isinstance(native.stream, httpx.ByteStream) and not watched
    body = None if is_plain else begun or Fed(native.stream)
    address = (native.url.scheme, native.url.raw_host, native.url.port)
    terms = seam.terms(now, request, address, chosen, body)
    prepared = Prepared(seam, native, request, terms, extra, body, plan=plan, before=before)
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
    """The body where it is in memory; a redirected request has it as a stream."""
    try:
        return native.content
    except httpx.RequestNotRead:
        return b"".join(native.stream) if isinstance(native.stream, httpx.ByteStream) else None


def _bounded(extensions: Any, within: float | None) -> dict[str, Any]:
    """The extensions, with no single time-out above what the call has left (seconds)."""
    if within is None:
        return dict(extensions)
    limits: dict[str, float | None] = extensions.get("timeout", {})
    timeout = {name: _least(limits.get(name), within) for name in _SOCKET_TIMEOUTS}
    return {**extensions, "timeout": timeout}


def _least(limit: float | None, within: float) -> float:
    return within if limit is None else min(limit, within)
