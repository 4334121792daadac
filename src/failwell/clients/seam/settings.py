"""The settings of an adapter, and what each of its calls gets of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import msgspec

from failwell.clients import arguments, keys
from failwell.clients.given import Given
from failwell.clients.origin import gate_of, tenant_of
from failwell.clients.readiness import read_ahead
from failwell.clients.seam.aside import looks_at_home
from failwell.clients.seam.doubts import Doubts
from failwell.clients.seam.kept import Kept
from failwell.clients.seam.trail import Trail
from failwell.contract import Contract
from failwell.drive import Rim
from failwell.events import Hook
from failwell.flows.terms import Terms
from failwell.hooks.logging import log
from failwell.ids import minted
from failwell.model import Request
from failwell.policy import deadline
from failwell.policy.tags import tagged, takes_tags
from failwell.settings import Policy

if TYPE_CHECKING:
    from failwell.flows.intended import Intention
    from failwell.flows.runs import Book

DEFAULT = Policy()


class Body(Protocol):
    """A body that may be sent only once."""

    def is_rewindable(self) -> bool:
        """Whether the body can be sent from its beginning (once more)."""
        ...


class Seam(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The settings of an adapter, what each of its calls gets of them, and its writes in doubt."""

    contract: Contract
    policy: Policy
    rim: Rim
    book: Book | None = None
    doubts: Doubts = msgspec.field(default_factory=Doubts)

    @classmethod
    def of(
        cls,
        contract: Contract,
        policy: Policy,
        kept: Kept,
        hooks: Sequence[Hook],
        sleep: Callable[[float], object],
    ) -> Seam:
        """The settings that an adapter is made with. Raises `InvalidRequestError` for one of
        another kind."""
        read_ahead()
        contract = looks_at_home(arguments.contract(contract))
        ruled, told = arguments.policy(policy).under(contract), (log, *arguments.hooks(hooks))
        rim = Rim(sleep=sleep, hooks=told, store=kept.near, durable=kept.durable)
        return cls(contract=contract, policy=ruled, rim=rim, book=kept.book)

    def terms(
        self,
        now: float,
        request: Request,
        address: tuple[str, bytes, int | None],
        given: Given,
        body: Body | None,
    ) -> Terms:
        """What a call that begins `now` (monotonic seconds) is made under; `address` is the URL's
        scheme, host and port."""
        unset, options = msgspec.UNSET, given.options
        total = self.policy.deadline if options.deadline is unset else options.deadline
        return Terms(
            contract=self._files if request.method in self.contract.safe else self.contract,
            retry=self.policy.retry if options.retry is unset else options.retry,
            roll=random.random,
            ends=deadline.until(total, now),
            rewindable=_always if body is None else body.is_rewindable,
            gate=gate_of(self.policy, *address, tenant_of(request.headers)),
            gets_existing=bool(options.get_existing),
        )

    def marked(
        self, request: Request, given: Given, before: Trail | None = None
    ) -> tuple[Request, Intention | None]:
        """The write with what it is found again by: a tag in its body, where its API has keys for
        none; or its place in the run, which writes key and tag down before it is sent. What went on
        `before` goes on under its tag.

        Raises `InvalidRequestError` for a streamed body without a name, in a run.
        """
        if request.method in self.contract.safe:
            return request, None
        known = None if before is None else before.sent.tag
        tag = known or minted() if takes_tags(self.contract) else None
        if self.book is not None:
            from failwell.clients.runs import intention

            name = given.options.name
            return request, intention(self.book, self.contract, request, name, tag)
        return (request if tag is None else tagged(self.contract, request, tag)), None

    @cached_property
    def _files(self) -> Contract:
        """The contract for a read: an SDK fetches files, too, whatever its API's JSON is like, and
        cannot say so here. What calls itself JSON must be whole all the same."""
        if not self.contract.reads_json:
            return self.contract
        return msgspec.structs.replace(self.contract, reads_json=False)

    def added(
        self, method: str, fields: Mapping[str, str], given: Given, before: Trail | None = None
    ) -> tuple[str | None, dict[str, str]]:
        """The call's idempotency key, and the header fields that all its attempts get.

        A key that the caller's own headers carry wins; then that of what went on `before`, where
        that is in doubt, or was redirected under a key that its caller gave. Raises
        `InvalidRequestError` for one that no header may hold.
        """
        ids = self.contract.request_ids
        extra = (
            {ids.header: ids.prefix + minted()} if ids.accepts and ids.header not in fields else {}
        )
        rules = self.contract.idempotency
        if method in self.contract.safe:
            return None, extra
        if rules.header is None:
            if given.key is not None:
                raise keys.without_header(self.contract)
            return None, extra
        if rules.header in fields:
            return keys.checked(fields[rules.header]), extra
        known = None if before is None else before.sent.key
        if known is not None and before and (before.outcome or given.key):
            return known, {**extra, rules.header: known}
        if given.key is None and method not in rules.methods:
            return None, extra
        key = minted() if given.key is None else keys.checked(given.key.take())
        return key, {**extra, rules.header: key}

    def kept_under(self, extra: dict[str, str], request: Request) -> dict[str, str]:
        """The header fields of a write that goes on under the key which its run wrote down."""
        header = self.contract.idempotency.header
        return extra if header is None or request.key is None else {**extra, header: request.key}


def _always() -> bool:
    return True
