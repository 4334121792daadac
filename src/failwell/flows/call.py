"""One call, from its first attempt to its result or its exception.

The story, told once for sync and async: send; judge the answer by its evidence; fold that into
what is known of the call; wait and send again where that is proven safe; where it is not, look
the record up if the contract says how, or stop and say what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec

from failwell import redaction
from failwell.actions import Emit, Flow, Send, Wait
from failwell.contract import Contract, Retry
from failwell.errors import FailwellError, InvalidRequestError
from failwell.events import AttemptFailed, CallFailed, Recovered
from failwell.flows.lookup import Sighting, look_up
from failwell.model import Attempt, Failure, Fault, Kind, Outcome, Reply, Request, Response, Sent
from failwell.policy import deadline, evidence
from failwell.policy.evidence import Verdict
from failwell.policy.retry import Again, Facts, Stop, decide

T = TypeVar("T")

KEPT_BODY = 4 * 1024 * 1024
"""Bytes of a request body that an error keeps, so that the call can be settled later."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What one call is made under. `ends` is in monotonic seconds; `roll` throws the dice, in
    [0, 1); `rewindable` says whether the body can be sent from its beginning once more."""

    contract: Contract
    retry: Retry | None
    roll: Callable[[], float]
    ends: float | None = None
    rewindable: Callable[[], bool] = lambda: True


class Done(msgspec.Struct, frozen=True):
    """The call went well, after those attempts that did not."""

    response: Response
    attempts: tuple[Attempt, ...]


def call(
    request: Request,
    terms: Terms,
    now: float,
    outcome: Outcome | None = None,
    age: float = 0.0,
) -> Flow[Done]:
    """The answer below 400, or an exception that says what became of the call.

    `now` is in monotonic seconds; `outcome` is what is already known of the call, where it was
    begun before, `age` seconds ago.

    Raises `FailwellError`, of the class that the contract gives to the failure's kind.
    """
    contract = terms.contract
    first = now - age
    attempts: list[Attempt] = []
    while True:
        began = now
        send = Send(request, len(attempts) + 1, deadline.left(terms.ends, now))
        try:
            reply, now = yield from send
        except GeneratorExit:
            raise
        except BaseException as interruption:
            _leave_word(interruption, contract, request)
            raise
        verdict = evidence.judge(contract, request, reply)
        if verdict is None:
            assert isinstance(reply, Response)
            if attempts:
                yield from Emit(Recovered(tuple(attempts)))
            return Done(reply, tuple(attempts))

        before, outcome = outcome, evidence.fold(outcome, request, verdict)
        attempts.append(_attempt(len(attempts) + 1, verdict, reply, now - began))
        left = deadline.left(terms.ends, now)
        age, made = now - first, len(attempts)
        facts = _facts(terms, request, reply, verdict, before, outcome, made, age, left)
        decision = decide(terms.retry, facts)
        if _is_to_be_sought(contract, outcome, decision):
            search = look_up(contract, _sent(request, attempts), now, terms.ends)
            seen, now = yield from _watched(search, contract, request, outcome)
            if seen.response is not None:
                yield from Emit(Recovered(tuple(attempts)))
                return Done(seen.response, tuple(attempts))
            if outcome is Outcome.UNKNOWN:
                outcome = seen.outcome
                decision = decide(terms.retry, _after(facts, seen, deadline.left(terms.ends, now)))
        if isinstance(decision, Stop):
            error = _error(terms, request, verdict, outcome, attempts, now)
            yield from Emit(CallFailed(error, decision.why))
            _raise(error, reply)
        attempts[-1] = msgspec.structs.replace(attempts[-1], wait=decision.wait)
        yield from Emit(AttemptFailed(attempts[-1], verdict.failure, request.key))
        pause = iter(Wait(decision.wait))
        _, now = yield from _watched(pause, contract, request, outcome)


def broken_off(request: Request, terms: Terms, fault: Fault, now: float) -> FailwellError:
    """The exception for an answer that broke while the caller was reading it; nothing is sent
    again."""
    verdict = evidence.judge(terms.contract, request, fault)
    assert verdict is not None
    error = _error(
        terms, request, verdict, verdict.outcome, [_attempt(1, verdict, fault, 0.0)], now
    )
    error.__cause__ = fault.cause
    return error


def _facts(
    terms: Terms,
    request: Request,
    reply: Reply,
    verdict: Verdict,
    before: Outcome | None,
    outcome: Outcome | None,
    made: int,
    age: float,
    left: float | None,
) -> Facts:
    is_harmless = outcome is None or outcome.nothing_done
    rests_on_key = not is_harmless and request.method not in terms.contract.idempotent
    return Facts(
        transient=verdict.transient or evidence.still_running(request, before, verdict),
        repeatable=is_harmless or terms.contract.may_repeat(request),
        rewindable=terms.rewindable(),
        sent=not isinstance(reply, Fault) or reply.sent,
        retry_after=verdict.failure.retry_after,
        made=made,
        left=left,
        roll=terms.roll(),
        key_left=terms.contract.idempotency.retention - age if rests_on_key else None,
    )


def _is_to_be_sought(contract: Contract, outcome: Outcome | None, decision: Again | Stop) -> bool:
    """Whether to look for the record of what may not be sent again, or is still to be read."""
    return (
        contract.look_up is not None
        and outcome in (Outcome.UNKNOWN, Outcome.APPLIED)
        and isinstance(decision, Stop)
        and decision.why in ("unsafe", "permanent", "expired")
    )


def _after(facts: Facts, seen: Sighting, left: float | None) -> Facts:
    repeatable = seen.outcome.nothing_done or seen.resend
    return msgspec.structs.replace(facts, repeatable=repeatable, key_left=None, left=left)


def _watched(
    flow: Flow[T], contract: Contract, request: Request, outcome: Outcome | None
) -> Flow[T]:
    """The flow; where it is interrupted while the outcome is unknown, the traceback says so."""
    try:
        return (yield from flow)
    except GeneratorExit:
        raise
    except BaseException as interruption:
        if outcome is Outcome.UNKNOWN:
            _leave_word(interruption, contract, request)
        raise


def _attempt(number: int, verdict: Verdict, reply: Reply, elapsed: float) -> Attempt:
    failure = verdict.failure
    return Attempt(
        number=number,
        method=failure.method,
        url=failure.url,
        at=reply.at - elapsed,
        elapsed=elapsed,
        status=failure.status,
        fault=reply.name if isinstance(reply, Fault) else None,
        outcome=verdict.outcome,
        request_id=failure.request_id,
    )


def _error(
    terms: Terms,
    request: Request,
    verdict: Verdict,
    outcome: Outcome | None,
    attempts: list[Attempt],
    now: float,
) -> FailwellError:
    failure = verdict.failure
    if outcome is not failure.outcome:
        failure = msgspec.structs.replace(failure, outcome=outcome)
    if outcome in _SPEAK_FOR_THEMSELVES:
        failure = msgspec.structs.replace(failure, advice=None)
    history = tuple(attempts)
    sent = None if outcome is None else _sent(request, attempts)
    if failure.kind is Kind.TIMEOUT and terms.ends is not None and now >= terms.ends:
        return terms.contract.deadline_error(_out_of_time(failure, len(history)), history, sent)
    if failure.kind is Kind.BAD_REQUEST and failure.status is None:
        return InvalidRequestError(failure, history, sent)
    return terms.contract.error(failure, history, sent)


_SPEAK_FOR_THEMSELVES = (Outcome.UNKNOWN, Outcome.APPLIED, Outcome.PARTIALLY_APPLIED)


def _out_of_time(failure: Failure, number: int) -> Failure:
    message = f"The call's deadline ran out during attempt {number}: {failure.message}"
    return msgspec.structs.replace(failure, message=message)


def _sent(request: Request, attempts: list[Attempt]) -> Sent:
    url = str(request.url)
    shown = redaction.url(url)
    body = request.body
    if body is not None and (len(body) > KEPT_BODY or redaction.holds_secret(body)):
        body = None
    return Sent(
        method=request.method,
        url=shown,
        at=attempts[0].at,
        key=request.key,
        content_type=request.headers.get("content-type"),
        body=body,
        url_whole=shown == url,
    )


def _raise(error: FailwellError, reply: Reply) -> NoReturn:
    raise error from (reply.cause if isinstance(reply, Fault) else None)


def _leave_word(interruption: BaseException, contract: Contract, request: Request) -> None:
    """A cancelled or interrupted write may have been sent: the traceback should say so."""
    if evidence.is_write(contract, request):
        key = f" with key {request.key}" if request.key else ""
        interruption.add_note(
            f"failwell: {request.method} {redaction.url(str(request.url))}{key} was interrupted; "
            "it may or may not have taken effect"
        )
