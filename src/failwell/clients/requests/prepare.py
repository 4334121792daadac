"""A call made ready over requests: its key, its ids, its body, its terms, each attempt's copy."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict

from failwell.actions import Send
from failwell.clients import seam as seams
from failwell.clients.given import given
from failwell.clients.requests.attempt import THEIRS, fields_of
from failwell.clients.requests.body import Body, whole
from failwell.clients.seam import Asked, Left, Trail
from failwell.errors import FailwellError
from failwell.flows.terms import Done
from failwell.model import Headers, Request, Response
from failwell.policy import evidence, likeness


class Prepared(seams.Prepared, frozen=True):
    """One call over requests, made ready."""

    native: requests.PreparedRequest
    body: Body | None

    def with_content(self, content: bytes) -> tuple[requests.PreparedRequest, Body | None]:
        native = _with_content(self.native, content)
        return native, None if self.body is None else Body(native.body)

    def asking(self, request: Request) -> requests.PreparedRequest:
        native: Any = self.native.copy()
        native.method, native.url, native.body = request.method, str(request.url), None
        fields = seams.fields_aside(fields_of(self.native.headers), self.terms.contract)
        native.headers = CaseInsensitiveDict(fields)
        return native  # type: ignore[no-any-return]

    def copy_for(self, send: Send) -> requests.PreparedRequest:
        """The request that an attempt sends; the caller's own stays as it is."""
        copy: Any = self.native.copy()
        copy.headers.update(self.extra)
        if self.body is not None:
            copy.body = self.body
        return copy  # type: ignore[no-any-return]

    def hands_out(self, began: Response) -> bool:
        """Whether an answer that began is by its type what was promised, and may go to the caller
        as a stream."""
        if self.is_aside or began.status >= 400:
            return False
        return evidence.judge(self.terms.contract, self.request, began) is None


def prepare(seam: seams.Seam, native: requests.PreparedRequest, now: float) -> Prepared:
    """The call that sends this request, which begins `now` (monotonic seconds).

    Raises `InvalidRequestError`, of both families, for a bad key.
    """
    left = _left_on(native)
    before = None if left is None else left.found(seam.contract, _asked(seam, native))
    try:
        return _prepared(seam, native, now, left, before)
    except FailwellError as error:
        refused = error if before is None else before.refused(error)
    raise THEIRS.join(refused)


def leave(
    native: requests.PreparedRequest,
    prepared: Prepared,
    ended: Done | FailwellError,
    answered: requests.PreparedRequest | None,
) -> None:
    """Leave what is known of the write on the caller's own request, of which requests makes those
    that follow a redirect, and on that which was `answered`, of which an auth scheme does. Of what
    nobody reads, a request's hooks alone go over to its copies."""
    asking = (native,) if answered is None else (native, answered)
    asks = partial(_all_asked, prepared.seam, asking)
    left = prepared.leave(ended, _left_on(native), asks)
    if left is not None:
        hooks: dict[str, Any] = {**native.hooks, LEFT: left}
        native.hooks = hooks
        if answered is not None:
            answered.hooks = hooks


def _left_on(native: requests.PreparedRequest) -> Left | None:
    hooks: dict[str, Any] = native.hooks
    return hooks.get(LEFT)


LEFT = "failwell left"


def _all_asked(
    seam: seams.Seam, natives: tuple[requests.PreparedRequest, ...]
) -> tuple[Asked, ...]:
    return tuple(_asked(seam, native) for native in natives)


def _asked(seam: seams.Seam, native: requests.PreparedRequest) -> Asked:
    header = seam.contract.idempotency.header
    key = None if header is None else fields_of(native.headers).get(header)
    source: Any = native.body
    if isinstance(source, Body):  # of a request that was sent
        source = source.source
    method = (native.method or "GET").upper()
    return Asked(method, native.url or "", whole(source), source, key)


def _prepared(
    seam: seams.Seam,
    native: requests.PreparedRequest,
    now: float,
    left: Left | None,
    before: Trail | None,
) -> Prepared:
    begun = None if left is None else left.begun(native.body)
    method = (native.method or "GET").upper()
    fields = fields_of(native.headers)
    if seam.book is not None:
        native = _steady(native, fields)
        fields = fields_of(native.headers)
    chosen, content = given(), whole(native.body)
    expect = chosen.options.expect
    key, extra = seam.added(method, fields, chosen, before)
    request = Request(
        method=method,
        url=native.url,
        headers=fields,
        body=content,
        key=key,
        reads_json=None if expect is None else expect == "json",
    )
    before = before or seam.doubts.of(seam.contract, request)
    marked, plan = seam.marked(request, chosen, before)
    watched = seam.contract.whole_requests and method not in seam.contract.safe
    body = None if content is not None and not watched else begun or Body(native.body)
    url = urlsplit(native.url or "")
    address = (url.scheme, (url.hostname or "").encode("ascii", "replace"), url.port)
    terms = seam.terms(now, request, address, chosen, body)
    prepared = Prepared(seam, native, request, terms, extra, body, plan=plan, before=before)
    return prepared if marked is request else prepared.under(marked)


def _steady(native: requests.PreparedRequest, fields: Headers) -> requests.PreparedRequest:
    """The request as it would be in each run of a script: a form under a boundary of its own."""
    content = whole(native.body)
    form = None if content is None else likeness.steady(fields.get("content-type", ""), content)
    return native if form is None else _with_content(native, form[1], form[0])


def _with_content(
    native: requests.PreparedRequest, content: bytes, media: str | None = None
) -> requests.PreparedRequest:
    """A copy with another body, of another type if one is given."""
    copy: Any = native.copy()
    copy.body = content
    copy.headers["Content-Length"] = str(len(content))
    if media is not None:
        copy.headers["Content-Type"] = media
    return copy  # type: ignore[no-any-return]
