"""What an API promises about failing, as one frozen value.

A `Contract` is read from both sides: a client learns from it which exception to raise, what each
answer proves about a write and whether it may be sent again; a server learns from it how each
failure leaves the building.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from failwell.contract import titles
from failwell.contract.idempotency import REPLAYED, Idempotency
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

if TYPE_CHECKING:
    from failwell.contract.lookup import Existing, LookUp

__all__ = [
    "IDEMPOTENT",
    "REPLAYED",
    "SAFE",
    "TRANSIENT",
    "Code",
    "Contract",
    "Dialect",
    "Existing",
    "Idempotency",
    "LookUp",
    "RequestIds",
]


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


SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
"""Methods that only read (RFC 9110 section 9.2.1; QUERY by its draft)."""

IDEMPOTENT = SAFE | {"PUT", "DELETE"}
"""Methods that may be repeated (RFC 9110 section 9.2.2)."""

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 530)})
"""Statuses that may pass (RFC 9110, 6585, 8470; 520 to 529 are Cloudflare's)."""


class Contract(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One API's whole promise about failing.

    `name` stands for it in data, `title` where people read: the name with a capital, if left out.
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
    title: str = ""
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
        msgspec.structs.force_setattr(self, "title", titles.known(self.name, self.title))
        msgspec.structs.force_setattr(self, "unlisted", Outcome(self.unlisted))
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
        return method in self.idempotent or self.only_asks(method, url)

    def only_asks(self, method: str, url: object) -> bool:
        """Whether the contract says of this write that it may be sent twice, though its method
        does not say so."""
        return self.repeatable is not None and self.repeatable(method, str(url))

    def may_repeat(self, request: Request) -> bool:
        """Whether sending this request twice has the effect of sending it once."""
        if self.repeats(request.method, request.url):
            return True
        return request.key is not None and self.idempotency.trusted


def __getattr__(name: str) -> Any:
    """How records are looked up, for the APIs that say how."""
    if name not in ("Existing", "LookUp"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from failwell.contract import lookup

    found = globals()[name] = getattr(lookup, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
