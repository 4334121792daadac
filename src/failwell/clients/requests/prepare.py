"""A call made ready over requests: its key, its ids, its body, its terms, each attempt's copy."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from failwell.actions import Send
from failwell.clients.requests.attempt import fields_of
from failwell.clients.requests.body import Body, whole
from failwell.clients.seam import Seam
from failwell.flows.story import Terms
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
        if began.status >= 400:
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
    watched = seam.contract.whole_requests and method not in seam.contract.safe
    body = None if content is not None and not watched else Body(native.body)
    request = Request(method=method, url=native.url, headers=fields, body=content, key=key)
    url = urlsplit(native.url or "")
    address = (url.scheme, (url.hostname or "").encode("ascii", "replace"), url.port)
    terms = seam.terms(now, request, address, Options(), body)
    return Prepared(native, request, terms, extra, body)
