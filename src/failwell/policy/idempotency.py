"""When is a repeated write the same write?

On the client: may what was sent once be sent again, now? On the server: is this request new, the
same as one that is done, the same as one that is still running, or another under a used key? The
server's answers are pure changes of one record, applied atomically by whichever store.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import msgspec

from failwell.actions import Step
from failwell.contract import Contract
from failwell.model import Sent

FINGERPRINT_LIMIT = 1024 * 1024
"""Bytes of a body that is compared as JSON; a larger one is compared byte by byte."""


REPEATED_WITHIN = 120.0
"""Seconds in which an idempotent write without a key is repeated to settle it."""


def why_not_again(contract: Contract, sent: Sent, today: float) -> str | None:
    """None where what was sent may be sent again to find out what became of it, else the reason.

    `today` is the time of day in epoch seconds.
    """
    age = today - sent.at
    if sent.key is not None and contract.idempotency.trusted:
        if age >= contract.idempotency.retention:
            hours = f"{contract.idempotency.retention / 3600:g} h"
            return f"{contract.title} forgets keys; this one is older than the {hours} it keeps it."
    elif not contract.repeats(sent.method, sent.url):
        return f"{contract.title} gives no way to ask after a write without a key it honours."
    elif age >= REPEATED_WITHIN:
        return f"A {sent.method} that old might undo what somebody has done since: read it instead."
    if sent.body is None:
        return "The body was not kept (a stream, too large, or it held a secret): give it again."
    if not sent.url_whole:
        return "The URL was not kept whole, for it held a secret."
    return None


def fingerprint(method: str, path: str, query: str, content_type: str, body: bytes) -> str:
    """A versioned digest of what a request asks for: equal for equal requests.

    JSON is compared by its meaning (order of keys and white space do not count), anything else
    byte by byte; the order of query parameters does not count.
    """
    parameters = urlencode(sorted(parse_qsl(query, keep_blank_values=True)))
    said = [part.encode("utf-8", "surrogatepass") for part in (method.upper(), path, parameters)]
    digest = hashlib.sha256(b"failwell-1")
    for part in (*said, _canonical(content_type, body)):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def slot(caller: str, method: str, path: str, key: str) -> str:
    """Where the record of a key is kept; no two scopes share one, whatever their parts hold."""
    return json.dumps(["idempotency", caller, method, path, key])


def _canonical(content_type: str, body: bytes) -> bytes:
    media = content_type.partition(";")[0].strip().lower()
    if len(body) > FINGERPRINT_LIMIT or not (media == "application/json" or "+json" in media):
        return body
    try:
        return msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        return body


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it is replayed: status, the headers that a replay carries, body.

    `whole` is False where the body was not kept: a stream of events, or more than is kept.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool = True


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept under one key.

    While `answer` is None the request is running, for the holder of `token`, whose lease ends at
    `lease_ends` (the store's clock, epoch seconds). `uncertain` marks one whose holder is gone
    without a word.
    """

    fingerprint: str
    token: str
    lease_ends: float
    answer: Stored | None = None
    uncertain: bool = False


class Run(msgspec.Struct, frozen=True):
    """Go on: the request is new, and yours."""


class Replay(msgspec.Struct, frozen=True):
    """It is done: give this answer again."""

    answer: Stored


class Refuse(msgspec.Struct, frozen=True):
    """Do not run it: "mismatch" (another body), "running" (for `seconds` more at most),
    "uncertain" (its holder is gone, and nobody knows what it did), "unkept" (it is done, and its
    answer was not kept), or "failed" (the same of a failure)."""

    why: Literal["mismatch", "running", "uncertain", "unkept", "failed"]
    seconds: float = 0.0


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Take the key for a request, or say why not. To take it twice is to take it once.

    `lease` and `retention` are in seconds. `rerun` lets a request whose holder is gone run again:
    only for handlers whose effects vanish with them.
    """

    fingerprint: str
    token: str
    lease: float
    retention: float
    rerun: bool = False

    @property
    def record_type(self) -> type[Record]:
        return Record

    def __call__(self, record: Record | None, now: float) -> Step[Record, Run | Replay | Refuse]:
        if record is None:
            return Step(self._fresh(now), Run(), self.retention)
        if record.fingerprint != self.fingerprint:
            return Step(record, Refuse("mismatch"))
        if record.answer is not None:
            return Step(record, _given(record.answer))
        if record.token == self.token:
            return Step(self._fresh(now), Run(), self.retention)
        if record.lease_ends > now and not record.uncertain:
            return Step(record, Refuse("running", record.lease_ends - now))
        if self.rerun:
            return Step(self._fresh(now), Run(), self.retention)
        lost = msgspec.structs.replace(record, uncertain=True)
        return Step(lost, Refuse("uncertain"))

    def _fresh(self, now: float) -> Record:
        return Record(fingerprint=self.fingerprint, token=self.token, lease_ends=now + self.lease)


class Renew(msgspec.Struct, frozen=True, kw_only=True):
    """Hold on to the key for `lease` more seconds; answers whether it is still held. A holder
    that was taken for gone is back."""

    token: str
    lease: float

    @property
    def record_type(self) -> type[Record]:
        return Record

    def __call__(self, record: Record | None, now: float) -> Step[Record, bool]:
        if not _holds(record, self.token):
            return Step(record, False)
        assert record is not None
        ends = now + self.lease
        return Step(msgspec.structs.replace(record, lease_ends=ends, uncertain=False), True)


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """Keep the answer for replays; answers False where the key is no longer held, so that a late
    holder overwrites nothing.

    An answer that the holder had committed with its effects gives way to the success that it then
    gave, so that a replay equals that to the byte; a failure afterwards does not change it.
    """

    token: str
    answer: Stored
    retention: float

    @property
    def record_type(self) -> type[Record]:
        return Record

    def __call__(self, record: Record | None, now: float) -> Step[Record, bool]:
        if record is None or record.token != self.token:
            return Step(record, False)
        is_success = self.answer.whole and self.answer.status < 400
        if record.answer is not None and not is_success:
            return Step(record, False)
        return Step(msgspec.structs.replace(record, answer=self.answer), True, self.retention)


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Give the key back: nothing was done under it; answers whether it was held."""

    token: str

    @property
    def record_type(self) -> type[Record]:
        return Record

    def __call__(self, record: Record | None, now: float) -> Step[Record, bool]:
        held = _holds(record, self.token)
        return Step(None if held else record, held)


class Conclude(msgspec.Struct, frozen=True, kw_only=True):
    """The holder, which commits its answer with its effects, has failed. What did it leave?

    Answers `Replay` with what it had committed; `Run` where that is nothing, and the key is given
    back; `Refuse` ("running") where it came too late, and the key is in other hands.
    """

    token: str

    @property
    def record_type(self) -> type[Record]:
        return Record

    def __call__(self, record: Record | None, now: float) -> Step[Record, Run | Replay | Refuse]:
        if record is None:
            return Step(None, Run())
        if record.token != self.token:
            return Step(record, Refuse("running", max(0.0, record.lease_ends - now)))
        if record.answer is not None:
            return Step(record, Replay(record.answer))
        return Step(None, Run())


def _given(answer: Stored) -> Replay | Refuse:
    if answer.whole:
        return Replay(answer)
    return Refuse("unkept" if answer.status < 400 else "failed")


def _holds(record: Record | None, token: str) -> bool:
    return record is not None and record.answer is None and record.token == token
