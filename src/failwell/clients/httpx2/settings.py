"""What a client, or a view of it, makes its calls with: and from that, each call made ready."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx2
import msgspec

from failwell.clients.given import NOTHING, Given, around, given, of
from failwell.clients.httpx2.address import Address, why_unreachable
from failwell.clients.httpx2.body import Tracked
from failwell.clients.httpx2.prepared import Prepared, tracked, with_fields
from failwell.clients.keys import OneKey, checked, without_header
from failwell.clients.origin import gate_of
from failwell.contract import Contract
from failwell.drive import Rim
from failwell.errors import InvalidRequestError
from failwell.flows.gate import CALM, Pass, Stay
from failwell.flows.standing import Enter
from failwell.flows.terms import Terms
from failwell.ids import minted
from failwell.policy import deadline
from failwell.policy.tags import tagged, takes_tags
from failwell.settings import Options, Policy
from failwell.stores.memory import MemoryStore

if TYPE_CHECKING:
    from failwell.clients.httpx2.configured import Configured
    from failwell.flows.runs import Book

S = TypeVar("S", bound=Callable[..., Any])

_MOST_ADDRESSES = 1024

EXTENSION = "failwell"
"""The name under which a request's `extensions` carry `Options`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a client, or a view of it, makes its calls with. `auth` is whose credential they
    carry; where that can be renewed, `arm` makes of an attempt one with a token that is not over,
    and `account` is whose it is; `tenant` is that of the client's own header fields.
    """

    contract: Contract
    policy: Policy
    rim: Rim
    given: Given = NOTHING
    tenant: str = ""
    account: str = ""
    auth: object = None
    arm: Callable[[Any], Any] | None = None
    book: Book | None = None

    def with_options(self, options: Options) -> Settings:
        """These settings with those options over them."""
        return msgspec.structs.replace(self, given=of(options).over(self.given))

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

    def admitted(self, prepared: Prepared, now: float) -> Pass | Stay | None:
        """How a first attempt is let through; None where it cannot be made before the flow: what is
        known of the origin is elsewhere, or a run or a token asks for more."""
        near = self.near
        if near is None or prepared.plan is not None:
            return None
        gate = prepared.standing.gate
        if gate is None or near.glance(gate.key, gate):
            return CALM
        request, left = prepared.request, deadline.left(prepared.ends, now)
        return near.update(gate.key, Enter(gate, request.method, request.url, left))

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
        terms = self._standing[address] = self.terms(0.0, self.given.options, address)
        return terms

    def prepare(self, native: httpx2.Request, now: float, client: Configured) -> Prepared:
        """The call by which this client sends this request. Raises `InvalidRequestError` for a bad
        body, and for a bad key."""
        contract, chosen = self.contract, self.given
        url, method = native.url, native.method
        address = url.scheme, url.raw_host, url.port
        terms = self._standing.get(address) or self._standing_terms(address)
        own = native.extensions.get(EXTENSION)
        is_usual = own is None and around.get() is NOTHING
        if not is_usual:
            chosen = given(own, f'extensions["{EXTENSION}"]', chosen)
        options = chosen.options
        is_read = method in contract.safe
        is_watched = contract.whole_requests and not is_read
        is_plain = isinstance(native.stream, httpx2.ByteStream)
        body = None if is_plain and not is_watched else tracked(native)
        key, extra, fields = None, _NOTHING, None
        if not is_read or contract.request_ids.accepts:
            key, extra, fields = self._named(native, chosen.key, is_read)
        if body is not None or not is_usual:
            terms = self.terms(now, options, address, body)
            ends = terms.ends
        else:
            ends = deadline.until(terms.ends, now)
        reads_json = None if options.expect is None else options.expect == "json"
        prepared = Prepared(
            native, terms, ends, key, reads_json, extra, fields, body,
            client=client, auth=self.auth,
        )  # fmt: skip
        return prepared if is_read else self._marked(prepared, options)

    def _named(
        self, native: httpx2.Request, own: OneKey | None, is_read: bool
    ) -> tuple[str | None, dict[str, str], httpx2.Headers | None]:
        """The call's key, the fields by which it is known, where the request has not got them, and
        all fields with these.

        Most requests have got neither: to see that there are more once they are set takes less time
        than to look for them.
        """
        rules, ids = self.contract.idempotency, self.contract.request_ids
        key: str | None = None
        extra: dict[str, str] = {}
        if not is_read:
            if own is not None or rules.header is None or native.method not in rules.methods:
                return *self._sought(native, own, is_read), None
            key = extra[rules.header] = minted()
        if ids.accepts:
            extra[ids.header] = ids.prefix + minted()
        given = native.headers
        fields = with_fields(given, extra)
        if len(fields) == len(given) + len(extra):
            return key, extra, fields
        return *self._sought(native, own, is_read), None

    def _sought(
        self, native: httpx2.Request, own: OneKey | None, is_read: bool
    ) -> tuple[str | None, dict[str, str]]:
        """The key and the fields, where the request may have got them.

        They are looked for as bytes: httpx2 decodes all fields, to find out in which encoding they
        are, before it looks for text.
        """
        present = [name.lower() for name, _ in native.headers.raw]
        key, extra = (None, {}) if is_read else self._key(native, present, own)
        ids = self.contract.request_ids
        if ids.accepts and _bytes(ids.header) not in present:
            extra[ids.header] = ids.prefix + minted()
        return key, extra

    def _marked(self, prepared: Prepared, options: Options) -> Prepared:
        """The write with what it is to be found again by: a tag, and its place in the run."""
        tag = minted() if takes_tags(self.contract) else None
        if self.book is not None:
            from failwell.clients.runs import intention

            plan = intention(self.book, self.contract, prepared.request, options.name, tag)
            return msgspec.structs.replace(prepared, plan=plan)
        if tag is None:
            return prepared
        return prepared.under(tagged(self.contract, prepared.request, tag))

    def _key(
        self, native: httpx2.Request, present: Collection[bytes], own: OneKey | None
    ) -> tuple[str | None, dict[str, str]]:
        rules = self.contract.idempotency
        if rules.header is None:
            if own is not None:
                raise without_header(self.contract)
            return None, {}
        if _bytes(rules.header) in present:
            return checked(native.headers[rules.header]), {}
        if own is None and native.method not in rules.methods:
            return None, {}
        key = minted() if own is None else checked(own.take())
        return key, {rules.header: key}


@lru_cache(maxsize=256)
def _bytes(name: str) -> bytes:
    return name.lower().encode()


_NOTHING: dict[str, str] = {}


def _always() -> bool:
    return True
