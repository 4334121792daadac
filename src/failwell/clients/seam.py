"""What the adapters have in common that stand at another HTTP library's own seam.

There, an answer of 400 and above is *returned* once failwell has done with it, so that whoever
called goes on reading it in its own way; only a fault is raised. What failwell knows goes along
as an `Account`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from failwell.actions import AsyncStore, Store
from failwell.clients import families, keys
from failwell.clients.origin import gate_of, tenant_of
from failwell.contract import Contract
from failwell.drive import Rim
from failwell.errors import BadResponseError, FailwellError, InvalidRequestError
from failwell.events import Hook
from failwell.flows.terms import Done, How, Terms
from failwell.hooks.logging import log
from failwell.ids import minted
from failwell.model import Attempt, Fault, Outcome, Reply, Request, Response, Sent
from failwell.policy import deadline
from failwell.policy.tags import tagged, takes_tags
from failwell.settings import Options, Policy

DEFAULT = Policy()

_OF_THE_WRITE = frozenset(
    {"content-length", "content-type", "content-encoding", "content-language", "content-md5"}
    | {"content-digest", "digest", "repr-digest", "transfer-encoding", "expect", "trailer", "te"}
    | {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range", "if-range"}
)
"""Fields of a write that say nothing of a read of its record."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What failwell knows of the call that an answer ended.

    `error` is what `failwell.Client` would have raised (None where the call went well), and
    `attempts` are those that failed. `how` says where the answer comes from: "answered"; "found"
    where the write's own was lost and its record was looked for; "existing" where it is the record
    that was there before; "replayed" where the API had kept it.
    """

    attempts: tuple[Attempt, ...] = ()
    error: FailwellError | None = None
    how: How = "answered"

    @property
    def outcome(self) -> Outcome | None:
        """Whether the write took effect; None for a read and for a call that went well."""
        return None if self.error is None else self.error.outcome


class Body(Protocol):
    """A body that may be sent only once."""

    def is_rewindable(self) -> bool:
        """Whether the body can be sent from its beginning (once more)."""
        ...


class Seam(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The settings of an adapter, and what each of its calls gets of them."""

    contract: Contract
    policy: Policy
    rim: Rim

    @classmethod
    def of(
        cls,
        contract: Contract,
        policy: Policy,
        store: Store | AsyncStore,
        hooks: Sequence[Hook],
        sleep: Callable[[float], object],
    ) -> Seam:
        """The settings that an adapter is made with."""
        contract = _looks_at_home(contract)
        rim = Rim(sleep=sleep, hooks=(log, *hooks), store=store)
        return cls(contract=contract, policy=policy.under(contract), rim=rim)

    def terms(
        self,
        now: float,
        request: Request,
        address: tuple[str, bytes, int | None],
        options: Options,
        body: Body | None,
    ) -> Terms:
        """What a call that begins `now` (monotonic seconds) is made under; `address` is the URL's
        scheme, host and port."""
        unset = msgspec.UNSET
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

    def marked(self, request: Request) -> Request:
        """The write with a tag in its body, where its record is found by one."""
        return tagged(self.contract, request, minted()) if takes_tags(self.contract) else request

    @cached_property
    def _files(self) -> Contract:
        """The contract for a read: an SDK fetches files, too, whatever its API's JSON is like, and
        cannot say so here. What calls itself JSON must be whole all the same."""
        if not self.contract.reads_json:
            return self.contract
        return msgspec.structs.replace(self.contract, reads_json=False)

    def added(
        self, method: str, fields: Mapping[str, str], options: Options
    ) -> tuple[str | None, dict[str, str]]:
        """The call's idempotency key, and the header fields that all its attempts get.

        A key that the caller's own headers carry wins. Raises `InvalidRequestError` for one that
        no header may hold.
        """
        ids = self.contract.request_ids
        extra = (
            {ids.header: ids.prefix + minted()} if ids.accepts and ids.header not in fields else {}
        )
        rules = self.contract.idempotency
        if method in self.contract.safe:
            return None, extra
        if rules.header is None:
            if options.idempotency_key is not None:
                raise keys.without_header(self.contract)
            return None, extra
        if rules.header in fields:
            return keys.checked(fields[rules.header]), extra
        if options.idempotency_key is None and method not in rules.methods:
            return None, extra
        key = minted() if options.idempotency_key is None else keys.checked(options.idempotency_key)
        return key, {**extra, rules.header: key}


def fields_aside(fields: Mapping[str, str], contract: Contract) -> dict[str, str]:
    """The header fields of a read that a flow made up itself: those of the write which is looked
    for, credentials included, without what tells of its body and its key."""
    key = (contract.idempotency.header or "").lower()
    left_out = _OF_THE_WRITE | {key}
    return {name: value for name, value in fields.items() if name.lower() not in left_out}


def status_for(done: Done, contract: Contract, request: Request) -> int:
    """The status of what is handed on: that which the write is answered with, if its record was
    found."""
    how = contract.look_up
    if done.how != "found" or how is None or how.status is None:
        return done.response.status
    return how.status(Sent(method=request.method, url=str(request.url), at=0.0, body=request.body))


class Theirs(msgspec.Struct, frozen=True):
    """The library's own classes for what it has not raised itself: an answer that cannot be read,
    a request that was refused here, and an origin that is not to be asked now."""

    garbled: type[Exception]
    refused: type[Exception]
    unreachable: type[Exception]

    def join(self, error: FailwellError) -> FailwellError:
        """The error as one of both families."""
        if isinstance(error, BadResponseError):
            return families.joined(error, self.garbled)
        is_refused = isinstance(error, InvalidRequestError)
        return families.joined(error, self.refused if is_refused else self.unreachable)


class Last:
    """The last reply of a call; its exception tells only what the reply proves."""

    def __init__(self) -> None:
        self.reply: Reply | None = None

    def keep(self, reply: Reply, *, aside: bool) -> Reply:
        """The reply, kept, unless it is to a read that only looks for the call's record."""
        if not aside:
            self.reply = reply
        return reply

    def refusal(self, error: FailwellError) -> Response | None:
        """The answer that ended the call, where it is one that its caller can read; a GraphQL
        failure comes with 200. None where the call ended otherwise."""
        if not isinstance(self.reply, Response) or isinstance(error, BadResponseError):
            return None
        return None if error.status_code is None else self.reply

    def raised(self, error: FailwellError, theirs: Theirs) -> FailwellError:
        """The error as one of both families."""
        if isinstance(self.reply, Fault) and self.reply.cause is not None:
            return families.joined(error, type(self.reply.cause))
        return theirs.join(error)


def options_in(value: Any, where: str) -> Options:
    """The call's own options, found at `where`; none where there is nothing.

    Raises `InvalidRequestError` for anything else.
    """
    if value is None:
        return Options()
    if isinstance(value, Options):
        return value
    raise InvalidRequestError.of(f"{where} is a {type(value).__name__}: give failwell.Options(...)")


def _looks_at_home(contract: Contract) -> Contract:
    """The contract, whose look-ups do not leave the origin of the write that they look for: they
    carry its credentials. A URL that only a client's base URL would make whole is not asked for.
    """
    look_up, existing = contract.look_up, contract.existing
    if look_up is not None:
        look_up = msgspec.structs.replace(look_up, request=_at_home(look_up.request))
    if existing is not None:
        existing = msgspec.structs.replace(existing, request=_at_home(existing.request))
    return msgspec.structs.replace(contract, look_up=look_up, existing=existing)


def _at_home(request: Callable[..., tuple[str, str] | None]) -> Any:
    def asked(sent: Sent, *named: str) -> tuple[str, str] | None:
        question = request(sent, *named)
        is_home = question is not None and _origin(question[1]) == _origin(sent.url)
        return question if is_home else None

    return asked


def _origin(url: str) -> tuple[str, str | None, int | None]:
    there = urlsplit(url)
    return there.scheme, there.hostname, there.port


def _always() -> bool:
    return True
