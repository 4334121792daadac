"""A call made ready over httpx2: its key, its ids, its body, its terms, and each attempt's copy."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import msgspec

from failwell.actions import Send
from failwell.clients.httpx2.body import AsyncBody, SyncBody, Tracked
from failwell.contract import Contract, Options, Policy
from failwell.drive import Rim
from failwell.errors import InvalidRequestError
from failwell.flows.call import Terms
from failwell.headers import check_idempotency_key
from failwell.model import Request
from failwell.policy import deadline

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`."""

_SOCKET_TIMEOUTS = ("connect", "read", "write", "pool")


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


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a client, or a view of it, makes its calls with."""

    contract: Contract
    policy: Policy
    rim: Rim
    options: Options = Options()
    key: OneKey | None = None

    def with_options(self, options: Options) -> Settings:
        """These settings with those options over them."""
        key = OneKey(options.idempotency_key) if options.idempotency_key is not None else self.key
        options = msgspec.structs.replace(options, idempotency_key=None)
        return msgspec.structs.replace(self, options=options.over(self.options), key=key)

    def terms(self, now: float, options: Options, body: Tracked | None = None) -> Terms:
        """What a call that begins `now` (monotonic seconds) is made under."""
        unset = msgspec.UNSET
        total = self.policy.deadline if options.deadline is unset else options.deadline
        return Terms(
            contract=self.contract,
            retry=self.policy.retry if options.retry is unset else options.retry,
            roll=random.random,
            ends=deadline.until(total, now),
            rewindable=_always if body is None else body.is_rewindable,
        )

    def prepare(self, native: httpx2.Request, now: float) -> Prepared:
        """The call that sends this request. Raises `InvalidRequestError` for a bad key."""
        options = self.options
        own = native.extensions.get(EXTENSION)
        if own is not None:
            options = _checked_options(own).over(options)
        key, extra = self._key(native, options)
        ids = self.contract.request_ids
        if ids.accepts and ids.header not in native.headers:
            extra[ids.header] = str(uuid.uuid4())
        body = self._body(native)
        request = Request(
            method=native.method,
            url=native.url,
            headers=native.headers,
            body=_content(native),
            key=key,
            reads_json=None if options.expect is None else options.expect == "json",
        )
        return Prepared(native, request, self.terms(now, options, body), extra, body)

    def _key(self, native: httpx2.Request, options: Options) -> tuple[str | None, dict[str, str]]:
        rules = self.contract.idempotency
        if rules.header is None or native.method in self.contract.safe:
            return None, {}
        given = native.headers.get(rules.header)
        if given is not None:
            return _checked_key(given), {}
        key = options.idempotency_key
        if key is None and self.key is not None:
            key = self.key.take()
        if key is None and native.method not in rules.methods:
            return None, {}
        key = str(uuid.uuid4()) if key is None else _checked_key(key)
        return key, {rules.header: key}

    def _body(self, native: httpx2.Request) -> Tracked | None:
        is_plain = isinstance(native.stream, httpx2.ByteStream)
        watched = self.contract.whole_requests and native.method not in self.contract.safe
        return Tracked(native.stream) if watched or not is_plain else None


class Prepared:
    """One call, made ready: the request as it was given, and what each attempt's copy gets."""

    __slots__ = ("body", "extra", "native", "request", "terms")

    def __init__(
        self,
        native: httpx2.Request,
        request: Request,
        terms: Terms,
        extra: Mapping[str, str],
        body: Tracked | None,
    ) -> None:
        self.native = native
        self.request = request
        self.terms = terms
        self.extra = extra
        self.body = body

    def copy_for(self, send: Send, body: type[SyncBody] | type[AsyncBody]) -> httpx2.Request:
        """The request that an attempt sends: the caller's own only where nothing is added."""
        native = self.native
        if send.number == 1 and not self.extra and self.body is None and send.within is None:
            return native
        fields = native.headers.copy()
        for name, value in self.extra.items():
            fields[name] = value
        return httpx2.Request(
            native.method,
            native.url,
            headers=fields,
            stream=native.stream if self.body is None else body(self.body),
            extensions=_bounded(native.extensions, send.within),
        )

    def rebuilt(self, send: Send, build: Callable[..., httpx2.Request]) -> Prepared:
        """This call, or the one of a request that a flow made up itself, such as a look-up."""
        request = send.request
        if request is self.request:
            return self
        native = build(
            request.method,
            str(request.url),
            content=request.body or None,
            headers=dict(request.headers),
        )
        return Prepared(native, request, self.terms, {}, None)


def _bounded(extensions: Mapping[str, Any], within: float | None) -> dict[str, Any]:
    if within is None:
        return dict(extensions)
    limits: dict[str, Any] = extensions.get("timeout") or {}
    timeout = {name: _least(limits.get(name), within) for name in _SOCKET_TIMEOUTS}
    return {**extensions, "timeout": timeout}


def _least(limit: float | None, within: float) -> float:
    return within if limit is None else min(limit, within)


def _always() -> bool:
    return True


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


def _checked_key(key: str) -> str:
    try:
        return check_idempotency_key(key)
    except ValueError as error:
        raise InvalidRequestError.of(str(error)) from None
