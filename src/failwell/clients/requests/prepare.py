"""A call made ready over requests: its key, its ids, its body, its terms, each attempt's copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import requests
from requests.structures import CaseInsensitiveDict

from failwell.actions import Send
from failwell.clients.given import given
from failwell.clients.requests.attempt import fields_of
from failwell.clients.requests.body import Body, whole
from failwell.clients.seam import Seam, fields_aside, is_same_write
from failwell.flows.terms import Terms
from failwell.model import Headers, Request, Response
from failwell.policy import evidence, likeness

if TYPE_CHECKING:
    from failwell.flows.intended import Intention


class Prepared(msgspec.Struct, frozen=True):
    """One call, made ready: the request as it was given, and what each attempt's copy gets."""

    seam: Seam
    native: requests.PreparedRequest
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
            body = None if body is None else Body(native.body)
        extra = self.seam.kept_under(self.extra, request)
        return msgspec.structs.replace(self, native=native, request=request, extra=extra, body=body)

    def rebuilt(self, send: Send) -> Prepared:
        """This call, or that of a request which a flow made up itself, such as a look-up."""
        request = send.request
        if request is self.request:
            return self
        if self.plan is not None and is_same_write(request, self.request):
            return self.under(request)
        native: Any = self.native.copy()
        native.method, native.url, native.body = request.method, str(request.url), None
        fields = fields_aside(fields_of(self.native.headers), self.terms.contract)
        native.headers = CaseInsensitiveDict(fields)
        return Prepared(self.seam, native, request, self.terms, {}, None, is_aside=True)

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


def prepare(seam: Seam, native: requests.PreparedRequest, now: float) -> Prepared:
    """The call that sends this request, which begins `now` (monotonic seconds).

    Raises `InvalidRequestError` for a bad key.
    """
    method = (native.method or "GET").upper()
    fields = fields_of(native.headers)
    if seam.book is not None:
        native = _steady(native, fields)
        fields = fields_of(native.headers)
    chosen, content = given(), whole(native.body)
    expect = chosen.options.expect
    key, extra = seam.added(method, fields, chosen)
    request = Request(
        method=method,
        url=native.url,
        headers=fields,
        body=content,
        key=key,
        reads_json=None if expect is None else expect == "json",
    )
    marked, plan = seam.marked(request, chosen)
    watched = seam.contract.whole_requests and method not in seam.contract.safe
    body = None if content is not None and not watched else Body(native.body)
    url = urlsplit(native.url or "")
    address = (url.scheme, (url.hostname or "").encode("ascii", "replace"), url.port)
    terms = seam.terms(now, request, address, chosen, body)
    prepared = Prepared(seam, native, request, terms, extra, body, plan=plan)
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
