"""What an API promises about failing, as one frozen value.

A `Contract` is read from both sides: a client learns from it which exception to raise, what each
answer proves about a write and whether it may be sent again; a server learns from it how each
failure leaves the building.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, Protocol, Self

import msgspec

from failwell.errors import BY_KIND, CircuitOpenError, DeadlineExceededError, FailwellError
from failwell.model import (
    Attempt,
    Failure,
    Issue,
    Kind,
    Outcome,
    Request,
    Response,
    Sent,
    kind_of,
)
from failwell.settings import Retry, require


class Dialect(Protocol):
    """One wire shape: how an API spells a failure."""

    @property
    def media_type(self) -> str:
        """The content type of the errors it renders."""
        ...

    def parse(self, response: Response) -> Failure | None:
        """The failure that this body spells; None where it is not in this shape. Never raises."""
        ...

    def render(self, failure: Failure) -> Response:
        """The answer that spells this failure."""
        ...


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a catalogue of errors.

    `proves` is what an answer with this code proves about the write that it answers; None proves
    nothing. `transient` says whether the same request may go well later; None leaves it to the
    status. `max_retries` is how many more sends follow an answer with this code at most, even
    where it is not transient: an API's retry rule may cover what will usually repeat. `charges`
    says whether what fails so costs money all the same; None where the API does not say.

    Raises `ValueError` for a `max_retries` below 0, and for a `kind` or `proves` that is no word of
    `Kind` or `Outcome`.
    """

    code: str
    status: int
    kind: Kind | None = None
    proves: Outcome | None = None
    transient: bool | None = None
    means: str = ""
    advice: str | None = None
    charges: bool | None = None
    max_retries: int | None = None

    def __post_init__(self) -> None:
        if self.max_retries is not None:
            require(self.max_retries >= 0, "max_retries", self.max_retries, "0 or more")
        if self.kind is not None:
            msgspec.structs.force_setattr(self, "kind", Kind(self.kind))
        if self.proves is not None:
            msgspec.structs.force_setattr(self, "proves", Outcome(self.proves))


REPLAYED = frozenset(
    {"content-type", "content-language", "content-encoding", "location", "link", "etag"}
    | {"last-modified", "cache-control", "vary", "content-location", "content-disposition"}
)
"""Headers that a replay carries unless a contract says otherwise: those that tell of the body."""


class Idempotency(msgspec.Struct, frozen=True, kw_only=True):
    """How an API tells a repeated write from a new one.

    `keys`: "required" and "honoured" let a client send a keyed write again; "ignored" still sends
    the key (where `header` is set) and trusts nothing. `retention` is in seconds: past it a key is
    new. `methods` are those that take a key.

    On the server, these are entries of the catalogue: `missing`, for a required key that is not
    there or not well formed; `conflict`, for one that cannot be served; `mismatch` and `running`,
    where another body and a first request that is still running have entries of their own.
    `replays` names the headers that a replay carries. `replay="result"` answers a used key with
    the conflict, and the first answer's body in its member `result`.
    """

    header: str | None = "Idempotency-Key"
    keys: Literal["required", "honoured", "ignored"] = "ignored"
    retention: float = 86400.0
    methods: frozenset[str] = frozenset({"POST", "PATCH"})
    conflict: tuple[str, int] = ("conflict", 409)
    missing: tuple[str, int] = ("bad_request", 400)
    mismatch: tuple[str, int] | None = None
    running: tuple[str, int] | None = None
    replays: frozenset[str] = REPLAYED
    replay: Literal["same", "result"] = "same"

    def __post_init__(self) -> None:
        require(self.retention > 0, "retention", self.retention, "above 0 seconds")

    @property
    def trusted(self) -> bool:
        """Whether a keyed write may be sent again with its key."""
        return self.header is not None and self.keys != "ignored"

    @property
    def carried(self) -> frozenset[str]:
        """The headers of a replay: `replays`, and the coding without which no body can be read."""
        return self.replays | {"content-encoding"}

    @property
    def entries(self) -> tuple[tuple[str, int], ...]:
        """The entries of the catalogue that these rules name."""
        named = (self.missing, self.conflict, self.mismatch, self.running)
        return tuple(entry for entry in named if entry is not None)

    def named(self, code: str, status: int | None) -> str:
        """Which of these rules names the entry, for a message; empty where none does."""
        for rule in ("missing", "conflict", "mismatch", "running"):
            if getattr(self, rule) == (code, status):
                return f". Idempotency({rule}=({code!r}, {status})) asks for it: name one of those"
        return ""

    @classmethod
    def classic(cls, code: str = "conflict", **rules: Any) -> Self:
        """409 for another body and for a first request that is still running."""
        return msgspec.structs.replace(cls(keys="honoured", conflict=(code, 409)), **rules)

    @classmethod
    def ietf(cls, conflict: str = "conflict", mismatch: str = "mismatch", **rules: Any) -> Self:
        """400 without a key, 409 while the first request is running, 422 for another body.

        Source: draft-ietf-httpapi-idempotency-key-header-07 section 2.7.
        """
        own = cls(keys="required", conflict=(conflict, 409), mismatch=(mismatch, 422))
        return msgspec.structs.replace(own, **rules)

    @classmethod
    def flow(cls, code: str = "conflict", **rules: Any) -> Self:
        """A used key is answered with 409, and with the first answer's body in `result`."""
        own = cls(keys="honoured", conflict=(code, 409), replay="result")
        return msgspec.structs.replace(own, **rules)


class RequestIds(msgspec.Struct, frozen=True, kw_only=True):
    """Where request ids travel: the header, whether callers may choose one, and its alphabet;
    `prefix` is what the server's own begin with."""

    header: str = "X-Request-Id"
    accepts: bool = False
    prefix: str = ""
    alphabet: str = r"[A-Za-z0-9._-]{1,128}"

    def allows(self, request_id: str) -> bool:
        """Whether a caller's id may be taken over as it is."""
        return self.accepts and re.fullmatch(self.alphabet, request_id, re.ASCII) is not None


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """How to find out whether a write took effect, for an API without keys.

    `request(sent)` makes the method and URL to ask, or None where this write cannot be looked up;
    `found(sent, answer)` says whether the answer shows the record, and `record(sent, answer)` is
    that record, where the answer is not the record itself (a list, say). `settle_time` (seconds)
    is the time after which a write that is not found will not appear any more, where the API
    states one; `enforced` says that the server itself refuses a second record with the same
    natural key, of all writes or of those for which it gives True.

    Where records have no natural key but room for a word of the caller's, `tag(sent, tag)` makes
    the request's body with a tag in it, by which `request` and `found` then go (`sent.tag`). It
    is unique to the call; None says that this write has no room for one.

    `status(sent)` is the status with which the API answers this write itself: an SDK under which
    failwell stands waits for that. Left out, a record that was found comes with 200.
    """

    request: Callable[[Sent], tuple[str, str] | None]
    found: Callable[[Sent, Response], bool]
    settle_time: float | None = None
    enforced: bool | Callable[[Sent], bool] = False
    record: Callable[[Sent, Response], Any] | None = None
    tag: Callable[[Sent, str], bytes | None] | None = None
    status: Callable[[Sent], int] | None = None

    def __post_init__(self) -> None:
        if self.settle_time is not None:
            holds = math.isfinite(self.settle_time) and self.settle_time >= 0
            require(holds, "settle_time", self.settle_time, "0 or more seconds")

    def enforces(self, sent: Sent) -> bool:
        """Whether the server itself refuses a second record with the natural key of this one."""
        return self.enforced(sent) if callable(self.enforced) else self.enforced


class Existing(msgspec.Struct, frozen=True, kw_only=True):
    """How a 409 tells which record has the natural key already, where the server enforces one.

    `id` is where the refusal's details hold the id of that record: a path of names, or a function
    of the details. `request(sent, id)` makes the method and URL that read the record, or None
    where this write makes no such record; `record` is the path to it inside the answer. The
    record is the one that was sent where it holds what was sent: all members of the JSON body, or
    those that `compare` names. `codes` are the codes of the 409 that mean it; none stands for any.
    """

    request: Callable[[Sent, str], tuple[str, str] | None]
    id: str | Callable[[Any], Any] = "existing_id"
    record: str = ""
    compare: frozenset[str] | None = None
    codes: frozenset[str] = frozenset()


SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods that only read (RFC 9110 section 9.2.1; QUERY by its draft)."""

IDEMPOTENT = SAFE | {"PUT", "DELETE"}
"""Methods that may be repeated (RFC 9110 section 9.2.2)."""

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 530)})
"""Statuses that may pass (RFC 9110, 6585, 8470; 520 to 529 are Cloudflare's)."""


class Contract(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One API's whole promise about failing.

    `codes` is its catalogue. `unlisted` is what a 4xx in the API's own envelope proves when its
    code is not in the catalogue (408 and 409 prove nothing). `reads_json` says that every success
    is JSON, but for 204 and 205. `whole_requests` says that the server acts on whole requests only,
    so that one that was cut short did nothing. `repeatable(method, url)` tells the writes that may
    be sent twice though their method does not say so: those that only ask for something, and those
    whose content the server keeps once. `exceptions` puts an API's own classes in the places of
    failwell's, `deadline_error` in that of `DeadlineExceededError`, `circuit_error` in that of
    `CircuitOpenError`; each must derive from the class it stands for. `retry` is the API's
    published rule, for clients that are given none. `look_up` says how to find out what became of a
    write, `existing` what a 409 tells of the record that is there already. `renew_on` are the codes
    of a 401 that a fresh credential cures; none stands for all. `support` is the address or page of
    those who can look a request id up.
    """

    name: str
    dialect: Dialect
    codes: tuple[Code, ...] = ()
    idempotency: Idempotency = Idempotency()
    request_ids: RequestIds = RequestIds()
    exceptions: Mapping[Kind, type[FailwellError]] = {}
    deadline_error: type[DeadlineExceededError] = DeadlineExceededError
    circuit_error: type[CircuitOpenError] = CircuitOpenError
    retry: Retry | None = None
    unlisted: Outcome = Outcome.UNKNOWN
    reads_json: bool = False
    whole_requests: bool = False
    safe: frozenset[str] = SAFE
    idempotent: frozenset[str] = IDEMPOTENT
    repeatable: Callable[[str, str], bool] | None = None
    transient: frozenset[int] = TRANSIENT
    look_up: LookUp | None = None
    existing: Existing | None = None
    renew_on: frozenset[str] = frozenset()
    support: str | None = None

    def __post_init__(self) -> None:
        seen = [(entry.code, entry.status) for entry in self.codes]
        twice = {pair for pair in seen if seen.count(pair) > 1}
        if twice:
            raise ValueError(f"contract {self.name!r} lists {sorted(twice)} more than once")
        for kind, cls in self.exceptions.items():
            base = BY_KIND[kind]
            if not issubclass(cls, base):
                raise ValueError(f"{cls.__name__} is for {kind}: derive it from {base.__name__}")

    def __hash__(self) -> int:
        return id(self)

    def find(self, code: str | None, status: int | None) -> Code | None:
        """The catalogue's entry for what an answer said; None where it is not listed."""
        return self._catalogue.get((code, status))

    @cached_property
    def _catalogue(self) -> dict[tuple[str | None, int | None], Code]:
        return {(entry.code, entry.status): entry for entry in self.codes}

    @cached_property
    def _by_code(self) -> dict[str, list[Code]]:
        grouped: dict[str, list[Code]] = {}
        for entry in self.codes:
            grouped.setdefault(entry.code, []).append(entry)
        return grouped

    def entry(self, code: str, status: int | None = None) -> Code:
        """The one entry with this code. Raises `ValueError` for an unknown or ambiguous code."""
        found = [e for e in self._by_code.get(code, ()) if status in (None, e.status)]
        if len(found) == 1:
            return found[0]
        if not found:
            known = ", ".join(sorted({f"{e.code} ({e.status})" for e in self.codes}))
            wanted = code if status is None else f"{code} ({status})"
            named = self.idempotency.named(code, status)
            raise ValueError(f"{self.name} has no code {wanted}; it has {known}{named}")
        statuses = ", ".join(str(e.status) for e in found)
        raise ValueError(f"{self.name} uses {code} for several statuses: say which of {statuses}")

    def of_status(self, status: int) -> Code:
        """The entry that stands for a status where nothing says more: the first one listed with
        it, else the one of 400 or 500 under that status, else one made from the status alone."""
        for wanted in (status, 400 if status < 500 else 500):
            for entry in self.codes:
                if entry.status == wanted:
                    same = entry.status == status
                    return entry if same else msgspec.structs.replace(entry, status=status)
        return Code(code=kind_of(status).value, status=status)

    def fail(
        self,
        code: str,
        status: int | None = None,
        *,
        message: str | None = None,
        details: Any = None,
        issues: Iterable[Issue] = (),
        retry_after: float | None = None,
        outcome: Outcome | None = None,
    ) -> FailwellError:
        """The exception for a server to raise; a client raises the same class when it reads it.

        Raises `ValueError` for a code that the catalogue lacks or lists under several statuses.
        """
        return self.refusal(
            self.entry(code, status),
            message=message,
            details=details,
            issues=issues,
            retry_after=retry_after,
            outcome=outcome,
        )

    def refusal(
        self,
        entry: Code,
        *,
        message: str | None = None,
        details: Any = None,
        issues: Iterable[Issue] = (),
        retry_after: float | None = None,
        outcome: Outcome | None = None,
    ) -> FailwellError:
        """The exception of an entry, as `fail` makes it; for an entry found by `of_status`."""
        return self.error(
            Failure(
                kind=entry.kind or kind_of(entry.status),
                status=entry.status,
                code=entry.code,
                message=message or entry.means or entry.code,
                details_json=b"" if details is None else msgspec.json.encode(details),
                issues=tuple(issues),
                retry_after=retry_after,
                outcome=outcome or entry.proves,
                api=self.name,
                advice=entry.advice,
                transient=entry.transient,
                charged=entry.charges,
                support=self.support,
            )
        )

    def error(
        self,
        failure: Failure,
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
    ) -> FailwellError:
        """The exception of this failure's kind, of the API's own class where it has one."""
        cls = self.exceptions.get(failure.kind) or BY_KIND[failure.kind]
        return cls(failure, attempts, sent)

    def trusting_keys(self, retention: float = 86400.0) -> Contract:
        """This contract for an API that is known to honour idempotency keys for `retention` s."""
        rules = msgspec.structs.replace(self.idempotency, keys="honoured", retention=retention)
        return msgspec.structs.replace(self, idempotency=rules)

    def repeats(self, method: str, url: object) -> bool:
        """Whether a request like this may be sent twice without a key."""
        if method in self.idempotent:
            return True
        return self.repeatable is not None and self.repeatable(method, str(url))

    def may_repeat(self, request: Request) -> bool:
        """Whether sending this request twice has the effect of sending it once."""
        if self.repeats(request.method, request.url):
            return True
        return request.key is not None and self.idempotency.trusted
