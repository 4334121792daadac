"""What is kept of the writes of a run, so that a script begun again buys nothing twice.

Before a write is sent, its key is written down, and after it what came back. What to do about a
write that was begun before follows from that: a finished one is answered from what was kept; of
one that was never heard of again, its key, its tag and its age are known. Pure changes of one
record each, applied atomically by whichever store; times are the store's own (epoch seconds).
"""

from __future__ import annotations

import json

import msgspec

from failwell import redaction
from failwell.actions import Step
from failwell.contract import Contract
from failwell.model import Outcome, Request, Response
from failwell.policy.idempotency import Stored

KEPT_ANSWER = 1024 * 1024
"""Bytes of an answer that are kept, for a script that is begun again."""


def identity(name: str | None, digest: str, number: int) -> str:
    """What tells this write from all others of its run: the caller's own name for it, else what it
    asks for and how many like it came before."""
    return json.dumps(["name", name] if name is not None else ["nth", digest, number])


def slot(run: str, generation: str, who: str) -> str:
    """Where the record of a write is kept; `generation` tells a run from one of the same name
    that has ended."""
    return json.dumps(["intent", run, generation, who])


class Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One write of a run. `what` is its method and URL for people, without secrets; `token` is
    whose attempt it is, `outcome` what is known where it failed."""

    fingerprint: str
    at: float
    token: str
    what: str
    key: str | None = None
    tag: str | None = None
    outcome: Outcome | None = None
    answer: Stored | None = None


class New(msgspec.Struct, frozen=True):
    """Nobody has begun it: go on."""

    intent: Intent


class Begun(msgspec.Struct, frozen=True):
    """It was begun `age` seconds ago; `intent.answer` is what came back, if anything did."""

    intent: Intent
    age: float


class Other(msgspec.Struct, frozen=True):
    """Another write has this name: `what` it is."""

    what: str


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Write a write down before it is sent, or find what is known of it already."""

    fingerprint: str
    token: str
    what: str
    key: str | None = None
    tag: str | None = None

    @property
    def record_type(self) -> type[Intent]:
        return Intent

    def __call__(self, record: Intent | None, now: float) -> Step[Intent, New | Begun | Other]:
        if record is None:
            made = self._made(now)
            return Step(made, New(made))
        if record.fingerprint != self.fingerprint:
            return Step(record, Other(record.what))
        if record.answer is None:
            record = msgspec.structs.replace(record, token=self.token)
        return Step(record, Begun(record, max(now - record.at, 0.0)))

    def _made(self, now: float) -> Intent:
        return Intent(
            fingerprint=self.fingerprint,
            at=now,
            token=self.token,
            what=self.what,
            key=self.key,
            tag=self.tag,
        )


class Anew(msgspec.Struct, frozen=True, kw_only=True):
    """Begin it once more, under a new key: the first time is proven to have done nothing."""

    begin: Begin

    @property
    def record_type(self) -> type[Intent]:
        return Intent

    def __call__(self, record: Intent | None, now: float) -> Step[Intent, New | Begun | Other]:
        is_ours = record is not None and record.token == self.begin.token
        return self.begin(None if is_ours else record, now)


class Finish(msgspec.Struct, frozen=True):
    """Write down what came back; whether the write was still known."""

    answer: Stored

    @property
    def record_type(self) -> type[Intent]:
        return Intent

    def __call__(self, record: Intent | None, now: float) -> Step[Intent, bool]:
        if record is None:
            return Step(None, False)
        done = msgspec.structs.replace(record, answer=self.answer, outcome=Outcome.APPLIED)
        return Step(done, True)


class Fail(msgspec.Struct, frozen=True, kw_only=True):
    """Write down that it failed: what nothing came of is forgotten, so that it may be begun again
    under a new key; of the rest, what is known is kept."""

    token: str
    outcome: Outcome

    @property
    def record_type(self) -> type[Intent]:
        return Intent

    def __call__(self, record: Intent | None, now: float) -> Step[Intent, None]:
        if record is None or record.answer is not None or record.token != self.token:
            return Step(record, None)
        if self.outcome.nothing_done:
            return Step(None, None)
        return Step(msgspec.structs.replace(record, outcome=self.outcome), None)


class Look(msgspec.Struct, frozen=True):
    """What is known of a write."""

    @property
    def record_type(self) -> type[Intent]:
        return Intent

    def __call__(self, record: Intent | None, now: float) -> Step[Intent, Intent | None]:
        return Step(record, record)


class Drop(msgspec.Struct, frozen=True):
    """Forget a write: its run is over."""

    @property
    def record_type(self) -> type[Intent]:
        return Intent

    def __call__(self, record: Intent | None, now: float) -> Step[Intent, None]:
        return Step(None, None)


def kept(contract: Contract, request: Request, response: Response) -> Stored:
    """The answer as it is kept: its status, the headers that the contract replays, its body.

    The body is left out (`whole` is False) where it is a stream, larger than `KEPT_ANSWER`, or
    where it or a header holds a secret.
    """
    names = sorted(contract.idempotency.replays - {"content-encoding"})  # bodies are kept decoded
    fields = tuple((n, response.headers[n]) for n in names if n in response.headers)
    body = response.body
    is_whole = body is not None and len(body) <= KEPT_ANSWER
    if body is None or not is_whole or _holds_secret(request, response, fields, body):
        return Stored(status=response.status, headers=(), body=b"", whole=False)
    return Stored(status=response.status, headers=fields, body=body)


def _holds_secret(
    request: Request, response: Response, fields: tuple[tuple[str, str], ...], body: bytes
) -> bool:
    if any(redaction.is_secret_parameter(n) or redaction.url(v) != v for n, v in fields):
        return True
    asked = response.asked or request.headers
    secrets = redaction.secrets_of(asked, str(request.url), request.body)
    return redaction.holds_secret(body) or redaction.scrub(body, secrets) != body
