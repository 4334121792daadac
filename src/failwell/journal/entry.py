"""One failure as the journal keeps it: found by its request id, without secrets, bounded.

`entry` and `of_failure` are the ways to make one; both redact and cut whatever they are given.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack

import msgspec

from failwell import redaction
from failwell.journal import redact, traces
from failwell.model import Failure

Side = Literal["server", "client"]

MESSAGE_LIMIT = 2 * 1024
TRACEBACK_LIMIT = 16 * 1024
DETAILS_LIMIT = 6 * 1024
"""Bytes of UTF-8. With all its other fields an entry has 32 kB at most."""

_LIMITS = {
    "message": MESSAGE_LIMIT,
    "url": 1024,
    "route": 512,
    "idempotency_key": 256,
    "caller": 256,
    "trace_id": 128,
    "api": 128,
    "method": 64,
    "code": 128,
    "kind": 64,
    "outcome": 64,
}
_ID_LIMIT = 256
_URLS = ("url", "route")


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failed request of a server, attempt of a client, or call of a client.

    `at` is the time of day in epoch seconds when it began (of a call: when it was given up) and
    `elapsed` how long it took, in seconds. `attempt` is the number of a client's attempt;
    `attempts` how many a failed call had made. `request_id` is empty where no answer told it.
    `caller` is what the author made of the credential (a hash, an account id). `traceback` is
    there on the server's side only.
    """

    at: float
    side: Side
    request_id: str = ""
    trace_id: str | None = None
    api: str = ""
    method: str = ""
    route: str = ""
    url: str = ""
    status: int | None = None
    code: str | None = None
    kind: str | None = None
    outcome: str | None = None
    idempotency_key: str | None = None
    caller: str | None = None
    elapsed: float | None = None
    message: str = ""
    exception: str | None = None
    traceback: str | None = None
    attempt: int | None = None
    attempts: int | None = None
    details_json: bytes = b""

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        return 1024 + len(self.message) + len(self.traceback or "") + len(self.details_json)


class Facts(TypedDict, total=False):
    """What may be said of a failure beside its side, time, id and exception."""

    trace_id: str | None
    api: str
    method: str
    route: str
    url: str
    status: int | None
    code: str | None
    kind: str | None
    outcome: str | None
    idempotency_key: str | None
    caller: str | None
    elapsed: float | None
    message: str
    attempt: int | None
    attempts: int | None
    details_json: bytes


def entry(
    *,
    side: Side,
    at: float,
    request_id: str | None,
    error: BaseException | None = None,
    secrets: tuple[str, ...] = (),
    **facts: Unpack[Facts],
) -> Entry:
    """The entry of these facts, redacted and bounded; never raises for what it is given.

    `secrets` are those that the request carried (`redaction.secrets_of`): they are taken out
    wherever they are echoed. Of `error` the class is kept, on the server's side the traceback
    too.
    """
    kept: dict[str, Any] = dict(facts)
    for name, limit in _LIMITS.items():
        if kept.get(name):
            told = redaction.url(str(kept[name])) if name in _URLS else str(kept[name])
            kept[name] = redact.bounded(told, limit, secrets)
    kept["details_json"] = redact.details(kept.get("details_json", b""), secrets, DETAILS_LIMIT)
    if error is not None:
        kept["exception"] = redact.bounded(traces.name_of(error), 256, secrets)
    if error is not None and side == "server":
        kept["traceback"] = traces.tell(error, TRACEBACK_LIMIT, secrets)
    known_as = redact.bounded(request_id or "", _ID_LIMIT, secrets)
    return Entry(side=side, at=at, request_id=known_as, **kept)


def of_failure(
    failure: Failure,
    *,
    side: Side,
    at: float,
    request_id: str | None = None,
    error: BaseException | None = None,
    secrets: tuple[str, ...] = (),
    **facts: Unpack[Facts],
) -> Entry:
    """The entry of a `Failure`; what is given beside it stands in place of what it says."""
    said: Facts = {
        "api": failure.api,
        "method": failure.method,
        "url": failure.url,
        "status": failure.status,
        "code": failure.code,
        "kind": failure.kind,
        "outcome": failure.outcome,
        "message": failure.message,
        "details_json": failure.details_json,
    }
    known_as = request_id or failure.request_id
    said = said | facts
    return entry(side=side, at=at, request_id=known_as, error=error, secrets=secrets, **said)
