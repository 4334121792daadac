"""What a client, or a view of it, makes its calls with: and from that, each call made ready."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx2
import msgspec

from failwell.clients import keys
from failwell.clients.httpx2.address import Address, why_unreachable
from failwell.clients.httpx2.body import Tracked
from failwell.clients.httpx2.prepared import Prepared, content_of, tracked
from failwell.clients.origin import gate_of
from failwell.contract import Contract
from failwell.drive import Rim
from failwell.errors import InvalidRequestError
from failwell.flows.terms import Terms
from failwell.ids import minted
from failwell.model import Request
from failwell.policy import deadline
from failwell.policy.tags import tagged, takes_tags
from failwell.settings import Options, Policy
from failwell.stores.memory import MemoryStore

if TYPE_CHECKING:
    from failwell.flows.runs import Book

S = TypeVar("S", bound=Callable[..., Any])

_MOST_ADDRESSES = 1024

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`."""


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
    def near(self) -> MemoryStore | None:
        """What is known of an origin, where that is in this process, and neither a token nor a slow
        answer asks for more: then a first attempt may be made before the flow."""
        breaker, store = self.policy.breaker, self.rim.store
        is_timed = breaker is not None and breaker.slow is not None
        is_near = type(store) is MemoryStore and self.arm is None and not is_timed
        return cast("MemoryStore", store) if is_near else None

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
        if len(self._standing) >= _MOST_ADDRESSES:
            self._standing.clear()
        terms = self._standing[address] = self.terms(0.0, self.options, address)
        return terms

    def prepare(self, native: httpx2.Request, now: float) -> Prepared:
        """The call that sends this request. Raises `InvalidRequestError` for a bad key."""
        contract, options = self.contract, self.options
        url, method = native.url, native.method
        address = url.scheme, url.raw_host, url.port
        terms = self._standing.get(address) or self._standing_terms(address)
        own = native.extensions.get(EXTENSION)
        if own is not None:
            options = _checked_options(own).over(options)
        is_read = method in contract.safe
        key, extra = None, _NOTHING
        if not is_read or contract.request_ids.accepts:
            key, extra = self._named(native, options, is_read)
        is_watched = contract.whole_requests and not is_read
        is_plain = isinstance(native.stream, httpx2.ByteStream)
        body = None if is_plain and not is_watched else tracked(native)
        if body is not None or own is not None:
            terms = self.terms(now, options, address, body)
        elif terms.ends is not None:
            terms = msgspec.structs.replace(terms, ends=now + terms.ends)
        reads_json = None if options.expect is None else options.expect == "json"
        request = Request(
            method=method,
            url=url,
            headers=native.headers,
            body=content_of(native),
            key=key,
            reads_json=reads_json,
        )
        prepared = Prepared(native, request, terms, extra, body)
        return prepared if is_read else self._marked(prepared, options)

    def _named(
        self, native: httpx2.Request, options: Options, is_read: bool
    ) -> tuple[str | None, dict[str, str]]:
        """The call's key, and the fields by which it is known, where the request has not got them.

        They are looked for as bytes: httpx2 decodes all fields, to find out in which encoding they
        are, before it looks for text.
        """
        present = [name.lower() for name, _ in native.headers.raw]
        key, extra = (None, {}) if is_read else self._key(native, present, options)
        ids = self.contract.request_ids
        if ids.accepts and _bytes(ids.header) not in present:
            extra[ids.header] = ids.prefix + minted()
        return key, extra

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

    def _key(
        self, native: httpx2.Request, present: Collection[bytes], options: Options
    ) -> tuple[str | None, dict[str, str]]:
        rules = self.contract.idempotency
        if rules.header is None:
            if options.idempotency_key is not None or self.key is not None:
                raise keys.without_header(self.contract)
            return None, {}
        if _bytes(rules.header) in present:
            return keys.checked(native.headers[rules.header]), {}
        key = options.idempotency_key
        if key is None and self.key is not None:
            key = self.key.take()
        if key is None and native.method not in rules.methods:
            return None, {}
        key = minted() if key is None else keys.checked(key)
        return key, {rules.header: key}


@lru_cache(maxsize=256)
def _bytes(name: str) -> bytes:
    return name.lower().encode()


_NOTHING: dict[str, str] = {}


def _always() -> bool:
    return True


def _checked_options(options: object) -> Options:
    if isinstance(options, Options):
        return options
    raise InvalidRequestError.of(
        f'extensions["{EXTENSION}"] is a {type(options).__name__}: give failwell.Options(...)'
    )
