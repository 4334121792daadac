"""One keyed write, served once: claimed, run, and kept for replays.

The claim is committed before the handler runs. What the handler leaves behind decides what the
key is worth from then on: an answer is replayed; a failure that is proven to have left nothing
frees the key; any other failure is given again, and never run again.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from failwell.actions import Flow, Send, Update, Wait
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.model import Fault, Outcome, Request, Response
from failwell.policy.idempotency import (
    Claim,
    Complete,
    Refuse,
    Release,
    Replay,
    Run,
    Stored,
)

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5
"""Seconds between two looks at a write that is still running."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a keyed write is served under: `slot` is its place in the store, `token` the mark of
    this run; `lease` and `wait` are in seconds."""

    contract: Contract
    slot: str
    fingerprint: str
    token: str
    lease: float
    wait: float
    on_error: Literal["keep", "release"] = "keep"


class Served(msgspec.Struct, frozen=True):
    """The answer to give, and whether it was given before."""

    answer: Stored
    replayed: bool


def serve(request: Request, terms: Terms, now: float) -> Flow[Served]:
    """The handler's answer, or the one that it gave before; `now` is in monotonic seconds.

    Raises the contract's conflict for a key that came with another body, whose first request is
    still running when `wait` is over, or whose first request ended without a word.
    """
    replay = yield from _claim(terms, now)
    if replay is not None:
        return Served(replay, replayed=True)
    try:
        reply, _ = yield from Send(request, 1)
    except FailwellError as error:
        yield from _after(terms, error)
        raise
    except Exception:
        yield from _after(terms, _unhandled(terms.contract))
        raise
    assert isinstance(reply, Response), Fault
    answer = _stored(terms.contract, reply)
    if _left_nothing(terms.contract, reply):
        yield from Update(terms.slot, Release(token=terms.token))
    else:
        yield from Update(terms.slot, _complete(terms, answer))
    return Served(answer, replayed=False)


def _claim(terms: Terms, now: float) -> Flow[Stored | None]:
    claim = Claim(
        fingerprint=terms.fingerprint,
        token=terms.token,
        lease=terms.lease,
        retention=terms.contract.idempotency.retention,
        rerun=terms.on_error == "release",
    )
    ends, pause = now + terms.wait, FIRST_PAUSE
    while True:
        decision, now = yield from Update(terms.slot, claim)
        match decision:
            case Run():
                return None
            case Replay(answer):
                return answer
            case Refuse("running", _) if now + pause < ends:
                _, now = yield from Wait(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE)
            case Refuse(why, seconds):
                raise _refusal(terms.contract, why, seconds)


_REFUSALS = {
    "mismatch": "This Idempotency-Key was used with another request body",
    "running": "A request with this Idempotency-Key is still being processed",
    "uncertain": (
        "A request with this Idempotency-Key ended without an answer; "
        "it may or may not have taken effect"
    ),
}


def _refusal(contract: Contract, why: str, seconds: float) -> FailwellError:
    code, status = contract.idempotency.conflict
    return contract.fail(
        code,
        status,
        message=_REFUSALS[why],
        retry_after=max(1.0, seconds) if why == "running" else None,
        outcome=Outcome.NOT_STARTED if why == "mismatch" else Outcome.UNKNOWN,
    )


def _after(terms: Terms, error: FailwellError) -> Flow[None]:
    released = terms.on_error == "release" and error.outcome in (None, Outcome.UNKNOWN)
    if released or (error.outcome is not None and error.outcome.nothing_done):
        yield from Update(terms.slot, Release(token=terms.token))
        return
    rendered = terms.contract.dialect.render(error.failure)
    yield from Update(terms.slot, _complete(terms, _stored(terms.contract, rendered)))


def _unhandled(contract: Contract) -> FailwellError:
    entry = contract.of_status(500)
    return contract.fail(entry.code, entry.status, outcome=Outcome.UNKNOWN)


def _complete(terms: Terms, answer: Stored) -> Complete:
    retention = terms.contract.idempotency.retention
    return Complete(token=terms.token, answer=answer, retention=retention)


def _left_nothing(contract: Contract, response: Response) -> bool:
    """Whether an answer that the handler gave itself is proof that nothing was done."""
    if response.status < 400:
        return False
    own = contract.dialect.parse(response)
    entry = contract.find(own.code, response.status) if own else None
    return entry is not None and entry.proves is not None and entry.proves.nothing_done


def _stored(contract: Contract, response: Response) -> Stored:
    fields: list[tuple[str, str]] = response.native or list(response.headers.items())
    allowed = contract.idempotency.replays
    return Stored(
        status=response.status,
        headers=tuple((name, value) for name, value in fields if name.lower() in allowed),
        body=response.body or b"",
    )
