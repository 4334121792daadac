"""One call, from its first attempt to its result or its exception.

The story, told once for sync and async: send; judge the answer by its evidence; fold that into
what is known of the call; wait and send again where that is proven safe; where it is not, look
the record up if the contract says how, or stop and say what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import msgspec

from failwell import redaction
from failwell.actions import Emit, Flow, Send, Wait
from failwell.contract import Contract, Retry
from failwell.errors import DeadlineExceededError, FailwellError, InvalidRequestError
from failwell.events import AttemptFailed, CallFailed, Recovered
from failwell.flows.lookup import look_up
from failwell.model import Attempt, Failure, Fault, Kind, Outcome, Reply, Request, Response, Sent
from failwell.policy import deadline, evidence
from failwell.policy.evidence import Verdict
from failwell.policy.retry import Again, Facts, Stop, decide

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


def call(request: Request, terms: Terms, now: float, outcome: Outcome | None = None) -> Flow[Done]:
    """The answer below 400, or an exception that says what became of the call.

    `now` is in monotonic seconds; `outcome` is what is already known of the call, where it was
    begun before.

    Raises `FailwellError`, of the class that the contract gives to the failure's kind.
    """
    contract = terms.contract
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
        decision = _decide(terms, request, before, outcome, verdict, reply, len(attempts), now)
        if decision == Stop("unsafe") and outcome is Outcome.UNKNOWN and contract.look_up:
            settled, response, now = yield from look_up(contract.look_up, _sent(request, attempts))
            if response is not None:
                return Done(response, tuple(attempts))
            outcome = settled
            decision = _decide(terms, request, before, outcome, verdict, reply, len(attempts), now)
        if isinstance(decision, Stop):
            error = _error(terms, request, verdict, outcome, attempts, now)
            yield from Emit(CallFailed(error, decision.why))
            _raise(error, reply)
        attempts[-1] = msgspec.structs.replace(attempts[-1], wait=decision.wait)
        yield from Emit(AttemptFailed(attempts[-1], verdict.failure, request.key))
        _, now = yield from Wait(decision.wait)


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


def _decide(
    terms: Terms,
    request: Request,
    before: Outcome | None,
    outcome: Outcome | None,
    verdict: Verdict,
    reply: Reply,
    made: int,
    now: float,
) -> Again | Stop:
    may_repeat = terms.contract.may_repeat(request)
    facts = Facts(
        transient=verdict.transient or evidence.still_running(request, before, verdict),
        repeatable=may_repeat or outcome is None or outcome.nothing_done,
        rewindable=terms.rewindable(),
        sent=not isinstance(reply, Fault) or reply.sent,
        retry_after=verdict.failure.retry_after,
        made=made,
        left=deadline.left(terms.ends, now),
        roll=terms.roll(),
    )
    return decide(terms.retry, facts)


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
        return DeadlineExceededError(_out_of_time(failure, len(history)), history, sent)
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
