"""One keyed write, served once: claimed, run, and kept for replays.

The claim is committed before the handler runs. What the handler leaves behind decides what the
key is worth from then on: an answer is replayed; a failure that is proven to have left nothing
frees the key; any other failure is given again, and never run again.
A handler that commits its answer with its effects leaves no doubt at all.
"""

from __future__ import annotations

import contextlib
from typing import Literal

import msgspec

from failwell.actions import Emit, Flow, Send, StoreError, Update, Wait
from failwell.contract import Contract
from failwell.events import StoreFailed
from failwell.flows.used import Signed, refusal, replayed
from failwell.headers import OUTCOME
from failwell.model import Failure, Fault, Outcome, Request, Response
from failwell.policy.disclosure import failure_of, proves
from failwell.policy.idempotency import (
    Claim,
    Complete,
    Conclude,
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
    this run; `lease` and `wait` are in seconds. `signed` puts the request's id on a failure.

    `transactional`: the handler commits its answer with its effects. `on_error` and `on_outage`
    say what becomes of the key after an exception, and of the request while the store is down.
    """

    contract: Contract
    slot: str
    fingerprint: str
    token: str
    lease: float
    wait: float
    transactional: bool = False
    on_error: Literal["keep", "release"] = "keep"
    on_outage: Literal["refuse", "run"] = "refuse"
    signed: Signed = lambda failure: failure


class Served(msgspec.Struct, frozen=True):
    """The answer to give. `from_record` says that it is the record's and not the handler's own,
    `replayed` that it was given before. `outcome` is what the handler's own answer lacks, and
    `error` what the handler raised after its answer was committed."""

    answer: Stored
    from_record: bool
    replayed: bool = False
    outcome: Outcome | None = None
    error: Exception | None = None


class BrokenOffError(Exception):
    """This `error` came when a success had begun to leave. That its author says "an exception
    undoes everything" does not free the key then: the caller may have read that it is done, or
    have hung up, which is no exception of the author's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def serve(request: Request, terms: Terms, now: float) -> Flow[Served]:
    """The handler's answer, or the one that it gave before; `now` is in monotonic seconds. A
    request that is sent without its key runs without protection.

    Raises the contract's conflict for a key that came with another body, whose first request is
    still running when `wait` is over, or whose first request ended without a word; its 503 where
    the store is down.
    """
    try:
        replay = yield from _claim(terms, now)
    except StoreError as error:
        return (yield from _unprotected(request, terms, error))
    if replay is not None:
        return _again(terms, replay)
    try:
        reply, now = yield from Send(request, 1)
    except Exception as error:
        return (yield from _failed(terms, error))
    assert isinstance(reply, Response), Fault
    answer = _stored(terms.contract, reply)
    if terms.transactional and reply.status >= 400:
        return (yield from _refused(terms, reply, answer))
    if _left_nothing(terms.contract, reply):
        yield from _noted(terms, Release(token=terms.token))
    else:
        yield from _noted(terms, _complete(terms, answer))
    return Served(answer, from_record=False)


def _unprotected(request: Request, terms: Terms, error: StoreError) -> Flow[Served]:
    """The store is down before anything was started."""
    if terms.on_outage == "refuse":
        yield from Emit(StoreFailed(error, "keyed writes are refused"))
        yield from _given_back(terms)
        entry = terms.contract.of_status(503)
        raise terms.contract.refusal(
            entry,
            message="This service cannot keep its promise about repeated writes right now",
            retry_after=1.0,
            outcome=Outcome.NOT_STARTED,
        )
    yield from Emit(StoreFailed(error, "keyed writes run without protection"))
    try:
        reply, _ = yield from Send(msgspec.structs.replace(request, key=None), 1)
    except BrokenOffError as broken:
        raise broken.error from broken.error.__cause__
    assert isinstance(reply, Response), Fault
    return Served(_stored(terms.contract, reply), from_record=False)


def _given_back(terms: Terms) -> Flow[None]:
    """A claim may have been written although its writer was told that it was not."""
    with contextlib.suppress(StoreError):
        yield from Update(terms.slot, Release(token=terms.token))


def _failed(terms: Terms, error: Exception) -> Flow[Served]:
    """The handler has raised: what it committed is the truth; else what it left decides."""
    has_begun = isinstance(error, BrokenOffError)
    error = error.error if isinstance(error, BrokenOffError) else error
    failure = failure_of(terms.contract, error)
    if not terms.transactional:
        yield from _after(terms, failure, frees=terms.on_error == "release" and not has_begun)
        raise error
    try:
        served = yield from _concluded(terms)
    except StoreError as down:
        yield from Emit(StoreFailed(down, "what became of a write stays unknown"))
        raise error from error.__cause__
    if served is not None:
        return msgspec.structs.replace(served, error=error)
    if failure.outcome is not None and failure.outcome.nothing_done:
        raise error
    undone = msgspec.structs.replace(failure, outcome=Outcome.ROLLED_BACK)
    raise terms.contract.error(undone) from error


def _refused(terms: Terms, reply: Response, answer: Stored) -> Flow[Served]:
    """The handler has answered with an error, as a framework does that catches exceptions: the
    same as if it had raised."""
    try:
        served = yield from _concluded(terms)
    except StoreError as down:
        yield from Emit(StoreFailed(down, "what became of a write stays unknown"))
        return Served(answer, from_record=False, outcome=Outcome.UNKNOWN)
    if served is not None:
        return served
    is_said = OUTCOME in reply.headers or _left_nothing(terms.contract, reply)
    return Served(answer, from_record=False, outcome=None if is_said else Outcome.ROLLED_BACK)


def _concluded(terms: Terms) -> Flow[Served | None]:
    """The committed answer of a handler that has failed, or that of whoever took its key over, for
    it is the same write; None where nothing is left of it."""
    left, now = yield from Update(terms.slot, Conclude(token=terms.token))
    match left:
        case Run():
            return None
        case Replay(committed):
            return Served(committed, from_record=True)
        case Refuse():
            replay = yield from _claim(terms, now)
    if replay is not None:
        return _again(terms, replay)
    yield from Update(terms.slot, Release(token=terms.token))
    return None


def _again(terms: Terms, replay: Stored) -> Served:
    answer = replayed(terms.contract, replay, terms.signed)
    return Served(answer, from_record=True, replayed=True)


def _noted(terms: Terms, change: Complete | Release) -> Flow[None]:
    """Write down how it ended; a store that is down by now leaves the claim to its lease."""
    try:
        yield from Update(terms.slot, change)
    except StoreError as error:
        yield from Emit(StoreFailed(error, "the answer was given and could not be kept"))


def _claim(terms: Terms, now: float) -> Flow[Stored | None]:
    claim = Claim(
        fingerprint=terms.fingerprint,
        token=terms.token,
        lease=terms.lease,
        retention=terms.contract.idempotency.retention,
        rerun=terms.transactional,
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
                raise refusal(terms.contract, why, seconds)


def _after(terms: Terms, failure: Failure, *, frees: bool) -> Flow[None]:
    outcome = failure.outcome or Outcome.UNKNOWN
    if outcome.nothing_done or (frees and outcome is Outcome.UNKNOWN):
        yield from _noted(terms, Release(token=terms.token))
        return
    told = terms.signed(msgspec.structs.replace(failure, outcome=outcome))
    rendered = terms.contract.dialect.render(told)
    fields = {**rendered.headers, OUTCOME: outcome.value}
    answer = _stored(terms.contract, msgspec.structs.replace(rendered, headers=fields))
    yield from _noted(terms, _complete(terms, answer))


def _complete(terms: Terms, answer: Stored) -> Complete:
    retention = terms.contract.idempotency.retention
    return Complete(token=terms.token, answer=answer, retention=retention)


def _left_nothing(contract: Contract, response: Response) -> bool:
    """Whether an answer that the handler gave itself is proof that nothing was done."""
    if response.status < 400:
        return False
    proof = proves(contract, response, contract.dialect.parse(response))
    return proof is not None and proof.nothing_done


def _stored(contract: Contract, response: Response) -> Stored:
    fields: list[tuple[str, str]] = response.native or list(response.headers.items())
    allowed = contract.idempotency.carried | {OUTCOME.lower()}
    return Stored(
        status=response.status,
        headers=tuple((name, value) for name, value in fields if name.lower() in allowed),
        body=response.body or b"",
        whole=response.body is not None,
    )
