"""The facts: what was sent, what came back, what failed, and whether it took effect.

Everything here is a frozen value. Nothing here decides, reads a clock or touches a socket, and
nothing here is spelled as any one API or HTTP library spells it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, ItemsView, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

BODY_LIMIT = 64 * 1024
"""Bytes of an error body that a `Failure` keeps."""

AUTH = "auth"
"""Stands among the names of header fields for whatever an auth adds to a request."""


class Kind(StrEnum):
    """What went wrong, in one closed set of words for every API."""

    BAD_REQUEST = "bad_request"
    UNAUTHENTICATED = "unauthenticated"
    PERMISSION_DENIED = "permission_denied"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    GONE = "gone"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"
    RATE_LIMITED = "rate_limited"
    OTHER_CLIENT = "other_client"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"
    GATEWAY = "gateway"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    BAD_RESPONSE = "bad_response"
    CANCELLED = "cancelled"


_KINDS = {
    400: Kind.BAD_REQUEST,
    401: Kind.UNAUTHENTICATED,
    403: Kind.PERMISSION_DENIED,
    404: Kind.NOT_FOUND,
    405: Kind.METHOD_NOT_ALLOWED,
    409: Kind.CONFLICT,
    410: Kind.GONE,
    413: Kind.TOO_LARGE,
    422: Kind.UNPROCESSABLE,
    429: Kind.RATE_LIMITED,
    502: Kind.GATEWAY,
    503: Kind.UNAVAILABLE,
    504: Kind.GATEWAY,
}


def kind_of(status: int) -> Kind:
    """The kind that HTTP itself gives to `status` (RFC 9110 section 15, RFC 6585)."""
    kind = _KINDS.get(status)
    if kind is not None:
        return kind
    return Kind.OTHER_CLIENT if status < 500 else Kind.INTERNAL


class Outcome(StrEnum):
    """Did the write take effect? The first four are said only where they are proven."""

    NOT_STARTED = "not_started"
    ROLLED_BACK = "rolled_back"
    APPLIED = "applied"
    PARTIALLY_APPLIED = "partially_applied"
    UNKNOWN = "unknown"

    @property
    def nothing_done(self) -> bool:
        """Proven that no effect is left: the write may be sent again."""
        return self is Outcome.NOT_STARTED or self is Outcome.ROLLED_BACK


def outcome_of(word: object) -> Outcome | None:
    """The outcome that an answer states in so many words; None for anything else."""
    return Outcome(word) if isinstance(word, str) and word in _OUTCOMES else None


_OUTCOMES = frozenset(outcome.value for outcome in Outcome)


class Headers(Mapping[str, str]):
    """Header fields by name, whatever the case; for callers whose HTTP library has no such map."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields = {name.lower(): value for name, value in (fields or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def get(self, name: str, default: Any = None) -> Any:
        """The field's value, or the default; a look-up that misses raises nothing on its way."""
        return self._fields.get(name.lower(), default)

    def items(self) -> ItemsView[str, str]:
        """Each field's name, in lower case, and its value."""
        return self._fields.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({sorted(self._fields)})"


def _all_lent(names: Collection[str]) -> tuple[str, ...]:
    return ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One logical call, as far as a decision needs to know it.

    `url` may be any object whose `str()` is the URL, so that a call that goes well never spells
    it out. `headers` must look names up without regard to case. `body` is None where it is a
    stream. `key` is the idempotency key that every attempt carries, `tag` what its body carries
    in place of one; `reads_json` says whether the caller was promised JSON (None leaves it to the
    contract). `own(names)` gives those of the header fields of these names that are this call's
    own, and not its client's for every call; `AUTH` among them stands for an auth of its own.
    """

    method: str
    url: object
    headers: Mapping[str, str] = {}
    body: bytes | None = b""
    key: str | None = None
    reads_json: bool | None = None
    tag: str | None = None
    own: Callable[[Collection[str]], tuple[str, ...]] = _all_lent


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `headers` must look names up without regard to case.

    `body` is None while it is a stream that the caller will read; `native` is the HTTP library's
    own object; `at` is the time of day in epoch seconds when the answer was complete; `asked` are
    the header fields as they were sent, credentials included, so that they can be taken out of
    whatever the answer echoes. `direct` is False where it answers another request, one that a
    redirect made of this one: it then says nothing of what became of the write. `metered` says
    that its headers may speak of a quota.
    """

    status: int
    headers: Mapping[str, str] = {}
    body: bytes | None = b""
    at: float = 0.0
    native: Any = None
    asked: Mapping[str, str] = {}
    direct: bool = True
    metered: bool = False


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """No whole answer came: what is known of why, and of how far the request got.

    `sent` is False where it is certain that the server got no byte of the request; `whole` is
    False where it is certain that it did not get all of it. `status` and `headers` are those of
    an answer that began and was cut.
    """

    kind: Kind
    name: str
    message: str
    sent: bool = True
    whole: bool = True
    transient: bool = True
    status: int | None = None
    headers: Mapping[str, str] = {}
    at: float = 0.0
    asked: Mapping[str, str] = {}
    cause: BaseException | None = None


Reply = Response | Fault


class Issue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One problem inside a failure: `path` as the API spells it, `pointer` by RFC 6901."""

    message: str
    path: str | None = None
    pointer: str | None = None
    code: str | None = None
    value: Any = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One send of one call, without secrets.

    `at` is the time of day it began (epoch seconds), `elapsed` how long it took and `wait` how
    long the call then slept before the next one (seconds).
    """

    number: int
    method: str
    url: str
    at: float
    elapsed: float
    status: int | None = None
    fault: str | None = None
    outcome: Outcome | None = None
    request_id: str | None = None
    wait: float | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was sent, as far as it may be kept: enough to settle the call later, no credentials.

    `body` is None where it was a stream, too large, or held something secret. `at` is the time
    of day of the first attempt (epoch seconds). `tag` is what the body carried in place of a key,
    to find the record by. `fields` are the other header fields that say what was asked for, or for
    whom, by name in lower case; `withheld` names those of the call's own that are not kept, for
    they are secret or too large (`AUTH` stands for an auth of its own): only whoever has them can
    send the same request again.
    """

    method: str
    url: str
    at: float
    key: str | None = None
    content_type: str | None = None
    body: bytes | None = None
    url_whole: bool = True
    tag: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    withheld: tuple[str, ...] = ()

    def __repr__(self) -> str:
        size = "stream" if self.body is None else f"{len(self.body)} bytes"
        return f"Sent({self.method} {self.url} key={self.key!r} body={size})"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The facts of one failure, in words that hold for every API.

    `outcome` is None for a read: there is nothing to take effect. `retry_after` is in seconds
    from when the answer came. `timestamp` is ISO 8601 text as the API gave it. `body` is the
    answer's own body, scrubbed of secrets and cut at `BODY_LIMIT` bytes. `transient` says whether
    the same request may go well later, `charged` whether it cost money all the same, `support` whom
    to ask; None where the API does not say.
    """

    kind: Kind
    message: str
    status: int | None = None
    code: str | None = None
    details_json: bytes = b""
    issues: tuple[Issue, ...] = ()
    request_id: str | None = None
    retry_after: float | None = None
    timestamp: str | None = None
    outcome: Outcome | None = None
    api: str = ""
    method: str = ""
    url: str = ""
    body: bytes = b""
    advice: str | None = None
    transient: bool | None = None
    charged: bool | None = None
    support: str | None = None

    @property
    def details(self) -> Any:
        """The API's structured extra, decoded when asked for; None where there is none to read."""
        return read_json(self.details_json)


_LEFT = {
    Outcome.NOT_STARTED: "left nothing behind",
    Outcome.ROLLED_BACK: "left nothing behind",
    Outcome.PARTIALLY_APPLIED: "took effect in part",
    Outcome.UNKNOWN: "may or may not have taken effect",
}


class Todo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a rollback left for people to do; `str()` of it is the sentence.

    `outcome` is what is known of the `step`: applied, or unknown. `why` is what stood in the way
    of undoing it, `result` what the step gave back, scrubbed and bounded, to find it by.
    """

    step: str
    outcome: Outcome
    why: str = ""
    result: str = ""
    irreversible: bool = False

    def __str__(self) -> str:
        gave = f" (it gave {self.result})" if self.result else ""
        why = f": {self.why.rstrip('.')}" if self.why else ""
        if self.outcome is not Outcome.APPLIED:
            return f"{self.step} {_LEFT[self.outcome]}{why}. Look for it, and undo what is there."
        if self.irreversible:
            return f"{self.step} was done{gave}, and it cannot be undone."
        return f"{self.step} was done{gave} and could not be undone{why}. Undo it by hand."


def read_json(text: bytes) -> Any:
    """The value that JSON spells; None where it cannot be read, however hostile it is."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
