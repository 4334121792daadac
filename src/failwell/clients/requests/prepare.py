"""A call made ready over requests: its key, its ids, its body, its terms, each attempt's copy."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
from requests.structures import CaseInsensitiveDict

from failwell.actions import Send
from failwell.clients.requests.attempt import fields_of
from failwell.clients.requests.body import Body, whole
from failwell.clients.seam import Seam, fields_aside
from failwell.flows.terms import Terms
from failwell.model import Request, Response
from failwell.policy import evidence
from failwell.settings import Options


class Prepared(msgspec.Struct, frozen=True):
    """One call, made ready: the request as it was given, and what each attempt's copy gets."""

    native: requests.PreparedRequest
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
        native: Any = self.native.copy()
        native.method, native.url, native.body = request.method, str(request.url), None
        fields = fields_aside(fields_of(self.native.headers), self.terms.contract)
        native.headers = CaseInsensitiveDict(fields)
        return Prepared(native, request, self.terms, {}, None, is_aside=True)

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
    key, extra = seam.added(method, fields, Options())
    content = whole(native.body)
    plain = Request(method=method, url=native.url, headers=fields, body=content, key=key)
    request = seam.marked(plain)
    if request.tag is not None and request.body is not None:
        native = _with_content(native, request.body)
    watched = seam.contract.whole_requests and method not in seam.contract.safe
    body = None if content is not None and not watched else Body(native.body)
    url = urlsplit(native.url or "")
    address = (url.scheme, (url.hostname or "").encode("ascii", "replace"), url.port)
    terms = seam.terms(now, request, address, Options(), body)
    return Prepared(native, request, terms, extra, body)


def _with_content(native: requests.PreparedRequest, content: bytes) -> requests.PreparedRequest:
    """A copy with another body."""
    copy: Any = native.copy()
    copy.body = content
    copy.headers["Content-Length"] = str(len(content))
    return copy  # type: ignore[no-any-return]
