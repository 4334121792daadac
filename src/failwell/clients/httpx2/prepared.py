"""A call made ready over httpx2, and the copy of its request that each attempt sends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from failwell.actions import Send
from failwell.clients.httpx2.body import AsyncBody, SyncBody, Tracked
from failwell.clients.httpx2.own import lend, own
from failwell.clients.limits import LONGEST_WAIT
from failwell.errors import InvalidRequestError
from failwell.flows.terms import Terms
from failwell.model import Request
from failwell.policy import promise

if TYPE_CHECKING:
    from failwell.clients.httpx2.configured import Configured
    from failwell.flows.intended import Intention

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


class Prepared(msgspec.Struct):
    """One call, made ready: the request as it was given, and what each attempt's copy gets.

    `ends` is in monotonic seconds; `fields` are the header fields of the first copy, where they
    were made with the `extra` ones; `auth` is whose credential it carries, the `client`'s or one of
    its own. What only a flow wants to know, `request` and `terms`, is made out for it: most calls
    go well without one.
    """

    native: httpx2.Request
    standing: Terms
    ends: float | None
    key: str | None = None
    reads_json: bool | None = None
    extra: Mapping[str, str] = {}
    fields: httpx2.Headers | None = None
    body: Tracked | None = None
    is_aside: bool = False
    plan: Intention | None = None
    told: Request | None = None
    client: Configured | None = None
    auth: object = None

    @property
    def request(self) -> Request:
        """The call, as far as a decision needs to know it."""
        if self.told is None:
            native = self.native
            assert self.client is not None
            self.told = Request(
                method=native.method,
                url=native.url,
                headers=httpx2.Headers(native.headers),  # it may not be able to tell its own
                body=content_of(native),
                key=self.key,
                reads_json=self.reads_json,
                own=partial(own, self.client, native, self.auth),
            )
        return self.told

    @property
    def terms(self) -> Terms:
        """What the call is made under."""
        if self.standing.ends != self.ends:
            self.standing = msgspec.structs.replace(self.standing, ends=self.ends)
        return self.standing

    def under(self, request: Request) -> Prepared:
        """The same call under the key and the tag of this request."""
        native, body, extra = self.native, self.body, self.extra
        if request.body is not self.request.body and request.body is not None:
            native = _with_content(native, request.body)
            body = None if body is None else tracked(native)
        header = self.standing.contract.idempotency.header
        if header is not None and request.key is not None:
            extra = {**extra, header: request.key}
        return msgspec.structs.replace(
            self, native=native, extra=extra, fields=None, body=body, told=request
        )

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
        if within is not None and not _is_bound(native.extensions, within, timeout):
            within = None
        is_plain = not self.extra and self.body is None and within is None
        # an auth writes into what is sent, and of a write it is to be known what its caller gave
        if number == 1 and is_plain and native.method in self.standing.contract.safe:
            return native
        copy = _shallow(native)
        fields = self.fields if number == 1 else None
        copy.headers = with_fields(native.headers, self.extra) if fields is None else fields
        if within is not None:
            copy.extensions = _bounded(native.extensions, within, timeout)
        elif number > 1:
            copy.extensions = dict(native.extensions)
        if self.body is not None:
            copy.stream = _readable(native.stream, body)(self.body)
        return copy

    def sent_so(self, how: dict[str, Any]) -> dict[str, Any]:
        """How it is sent: what a flow asks on the way is not asked of whomever it is sent on to,
        who may know nothing of the record."""
        is_look = self.is_aside and self.native.method in self.standing.contract.safe
        return {**how, "follow_redirects": False} if is_look else how

    def hands_out(self, began: httpx2.Response) -> bool:
        """Whether an answer that began goes to the caller as a stream: the caller's own call, with
        an answer that is by its type what was promised."""
        status, contract = began.status_code, self.standing.contract
        if self.is_aside or status >= 400:
            return False
        label = began.headers.get("content-type")
        return promise.is_kept(contract, self.request, status, label, None)

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
            headers=httpx2.Headers(request.headers, "utf-8"),
        )
        lend(self.native, native, request, self.standing.contract)
        return Prepared(native, self.standing, self.ends, is_aside=True, told=request)


def with_fields(headers: httpx2.Headers, extra: Mapping[str, str]) -> httpx2.Headers:
    """A copy of the header fields, with these set."""
    fields = httpx2.Headers(headers)
    for name, value in extra.items():
        fields[name] = value
    return fields


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


def _is_bound(extensions: Mapping[str, Any], within: float, default: httpx2.Timeout) -> bool:
    """Whether a socket might wait longer than that."""
    own = extensions.get("timeout") or default.as_dict()
    for name in _SOCKET_TIMEOUTS:
        limit = own.get(name)
        if limit is None or limit > within:
            return True
    return False


def _bounded(
    extensions: Mapping[str, Any], within: float, default: httpx2.Timeout
) -> dict[str, Any]:
    limits: dict[str, Any] = extensions.get("timeout") or default.as_dict()
    most = min(within, LONGEST_WAIT)
    timeout = {name: _least(limits.get(name), most) for name in _SOCKET_TIMEOUTS}
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
