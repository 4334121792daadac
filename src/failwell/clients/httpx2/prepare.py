"""A call made ready over httpx2: its key, its ids, its body, its terms, and each attempt's copy."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import msgspec

from failwell.actions import Flow, Send
from failwell.clients import keys
from failwell.clients.httpx2.body import AsyncBody, SyncBody, Tracked
from failwell.clients.origin import gate_of
from failwell.contract import Contract
from failwell.drive import Rim
from failwell.errors import InvalidRequestError
from failwell.flows.call import call
from failwell.flows.story import Begun, Done, Terms
from failwell.ids import minted
from failwell.model import Request, Response
from failwell.policy import deadline, evidence
from failwell.policy.tags import tagged, takes_tags
from failwell.settings import Options, Policy
from failwell.stores.memory import MemoryStore

if TYPE_CHECKING:
    from failwell.flows.intended import Intention
    from failwell.flows.runs import Book

S = TypeVar("S", bound=Callable[..., Any])

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`."""

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


Address = tuple[str, bytes, int | None]
"""A URL's scheme, host and port."""


def address_of(url: httpx2.URL) -> Address:
    """Where a URL leads."""
    return url.scheme, url.raw_host, url.port


class OneKey:
    """A key given to a view of a client: it serves one write, and the next is refused."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._left = [key]

    def take(self) -> str:
        """The key, once. Raises `InvalidRequestError` from then on."""
        try:
            return self._left.pop()
        except IndexError:
            raise InvalidRequestError.of(
                f"The idempotency key {self._key!r} has served its write: a key belongs to one "
                "call, and a second write under it would be taken for the first"
            ) from None


class Settings(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a client, or a view of it, makes its calls with. `auth` is whose credential they
    carry; where that can be renewed, `arm` makes of an attempt one with a token that is not over,
    and `account` is whose it is; `tenant` is that of the client's own header fields.
    """

    contract: Contract
    policy: Policy
    rim: Rim
    options: Options = Options()
    key: OneKey | None = None
    tenant: str = ""
    account: str = ""
    auth: object = None
    arm: Callable[[Any], Any] | None = None
    book: Book | None = None

    def with_options(self, options: Options) -> Settings:
        """These settings with those options over them."""
        key = OneKey(options.idempotency_key) if options.idempotency_key is not None else self.key
        options = msgspec.structs.replace(options, idempotency_key=None)
        return msgspec.structs.replace(self, options=options.over(self.options), key=key)

    def armed(self, attempt: S) -> S:
        """The attempt, with a token that is not over, where the auth has one that can be."""
        return attempt if self.arm is None else self.arm(attempt)

    @cached_property
    def is_direct(self) -> bool:
        """Whether a first attempt may be made before the flow: what is known of an origin is in
        this process, and neither a token nor a slow answer asks for more."""
        breaker = self.policy.breaker
        is_timed = breaker is not None and breaker.slow is not None
        return isinstance(self.rim.store, MemoryStore) and self.arm is None and not is_timed

    @cached_property
    def _standing(self) -> dict[Address, Terms]:
        """What calls without options or a body to watch are made under; they are most."""
        return {}

    def terms(
        self, now: float, options: Options, address: Address, body: Tracked | None = None
    ) -> Terms:
        """What a call that begins `now` (monotonic seconds) is made under."""
        unset = msgspec.UNSET
        total = self.policy.deadline if options.deadline is unset else options.deadline
        return Terms(
            contract=self.contract,
            retry=self.policy.retry if options.retry is unset else options.retry,
            roll=random.random,
            ends=deadline.until(total, now),
            rewindable=_always if body is None else body.is_rewindable,
            gate=gate_of(self.policy, *address, self.account or self.tenant),
            renews=self.arm is not None,
            gets_existing=bool(options.get_existing),
        )

    def _standing_terms(self, address: Address) -> Terms:
        """The same for each call to this address. Raises `InvalidRequestError` for one that
        cannot be."""
        unreachable = why_unreachable(address[1], address[2])
        if unreachable is not None:
            raise InvalidRequestError.of(unreachable)
        terms = self._standing[address] = self.terms(0.0, self.options, address)
        return terms

    def prepare(self, native: httpx2.Request, now: float) -> Prepared:
        """The call that sends this request. Raises `InvalidRequestError` for a bad key."""
        address = address_of(native.url)
        terms = self._standing.get(address) or self._standing_terms(address)
        options = self.options
        own = native.extensions.get(EXTENSION)
        if own is not None:
            options = _checked_options(own).over(options)
        is_read = native.method in self.contract.safe
        key, extra = (None, {}) if is_read else self._key(native, options)
        ids = self.contract.request_ids
        if ids.accepts and not _has(native.headers, ids.header):
            extra[ids.header] = ids.prefix + minted()
        watched = self.contract.whole_requests and not is_read
        is_plain = isinstance(native.stream, httpx2.ByteStream)
        body = None if is_plain and not watched else _tracked(native)
        if body is not None or own is not None or terms.ends is not None:
            terms = self.terms(now, options, address, body)
        request = Request(
            method=native.method,
            url=native.url,
            headers=native.headers,
            body=_content(native),
            key=key,
            reads_json=None if options.expect is None else options.expect == "json",
        )
        prepared = Prepared(native, request, terms, extra, body)
        return prepared if is_read else self._marked(prepared, options)

    def _marked(self, prepared: Prepared, options: Options) -> Prepared:
        """The write with what it is to be found again by: a tag, and its place in the run."""
        tag = minted() if takes_tags(self.contract) else None
        if self.book is not None:
            from failwell.clients.runs import intention

            plan = intention(self.book, prepared.request, options.name, tag)
            return msgspec.structs.replace(prepared, plan=plan)
        if tag is None:
            return prepared
        return prepared.under(tagged(self.contract, prepared.request, tag))

    def _key(self, native: httpx2.Request, options: Options) -> tuple[str | None, dict[str, str]]:
        rules = self.contract.idempotency
        if rules.header is None:
            if options.idempotency_key is not None or self.key is not None:
                raise keys.without_header(self.contract)
            return None, {}
        if _has(native.headers, rules.header):
            return keys.checked(native.headers[rules.header]), {}
        key = options.idempotency_key
        if key is None and self.key is not None:
            key = self.key.take()
        if key is None and native.method not in rules.methods:
            return None, {}
        key = minted() if key is None else keys.checked(key)
        return key, {rules.header: key}


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
            body = None if body is None else _tracked(native)
        header = self.terms.contract.idempotency.header
        if header is not None and request.key is not None:
            extra = {**extra, header: request.key}
        return Prepared(native, request, self.terms, extra, body, plan=self.plan)

    def copy_for(
        self,
        send: Send,
        body: type[SyncBody] | type[AsyncBody],
        timeout: httpx2.Timeout,
    ) -> httpx2.Request:
        """The request that an attempt sends: the caller's own only where nothing is added.

        `timeout` is the client's, for a request that has none. Raises `InvalidRequestError` for a
        body that this kind of client cannot read.
        """
        native = self.native
        if send.number == 1 and not self.extra and self.body is None and send.within is None:
            return native
        copy = _shallow(native)
        copy.headers = httpx2.Headers(native.headers)
        for name, value in self.extra.items():
            copy.headers[name] = value
        copy.extensions = _bounded(native.extensions, send.within, timeout)
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


def _has(fields: httpx2.Headers, name: str) -> bool:
    """Whether the field is there: looked for as bytes, for httpx2 decodes all fields, to find out
    in which encoding they are, before it looks for text."""
    wanted = name.lower().encode()
    return wanted in [key.lower() for key, _ in fields.raw]


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
    extensions: Mapping[str, Any], within: float | None, default: httpx2.Timeout
) -> dict[str, Any]:
    if within is None:
        return dict(extensions)
    limits: dict[str, Any] = extensions.get("timeout", default.as_dict())
    timeout = {name: _least(limits.get(name), within) for name in _SOCKET_TIMEOUTS}
    return {**extensions, "timeout": timeout}


def _least(limit: float | None, within: float) -> float:
    return within if limit is None else min(limit, within)


_HOST = rb"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|[0-9a-fA-F:.]*:[^/]*"


@lru_cache(maxsize=256)
def why_unreachable(host: bytes, port: int | None) -> str | None:
    """What is wrong with an address that no resolver or socket should be asked for, if anything.

    They raise `UnicodeError` and `OverflowError`, or ask at another port.
    """
    if host and (len(host) > 254 or not re.fullmatch(_HOST, host)):
        return "The URL's host is not a name or address that can exist"
    if port is not None and port > 65535:
        return f"The URL's port is {port}: at most 65535 is possible"
    return None


def _always() -> bool:
    return True


def _tracked(native: httpx2.Request) -> Tracked:
    content = _content(native)
    length = native.headers.get("content-length") if content is None else str(len(content))
    return Tracked(native.stream, length)


def _content(native: httpx2.Request) -> bytes | None:
    try:
        return native.content
    except httpx2.RequestNotRead:
        return None


def _checked_options(options: object) -> Options:
    if isinstance(options, Options):
        return options
    raise InvalidRequestError.of(
        f'extensions["{EXTENSION}"] is a {type(options).__name__}: give failwell.Options(...)'
    )
