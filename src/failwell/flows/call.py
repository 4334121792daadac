"""One call, from its first attempt to its result or its exception.

The story, told once for sync and async: send; judge the answer by its evidence; fold that into
what is known of the call; wait and send again where that is proven safe; where it is not, look
the record up if the contract says how, or stop and say what is known.
"""

from __future__ import annotations

from typing import NoReturn, TypeVar

import msgspec

from failwell.actions import Emit, Flow, Renew, Send, Wait
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.events import AttemptFailed, CallFailed, Recovered, Renewed
from failwell.flows.account import attempt_of, error_of, leave_word, refusal_of, sent_of
from failwell.flows.admission import Refusal, enter, grant, leave
from failwell.flows.existing import twin
from failwell.flows.gate import CALM, Pass
from failwell.flows.lookup import look_up, shown, why_flawed
from failwell.flows.story import Story
from failwell.flows.terms import Begun, Done, How, Terms
from failwell.later import whole
from failwell.model import Attempt, Fault, Outcome, Reply, Request, Response
from failwell.policy import deadline, evidence, kept
from failwell.policy.retry import Again, Stop

T = TypeVar("T")


def call(
    request: Request,
    terms: Terms,
    now: float,
    outcome: Outcome | None = None,
    age: float = 0.0,
    begun: Begun | None = None,
) -> Flow[Done]:
    """The answer below 400, or an exception that says what became of the call.

    `now` is in monotonic seconds; `outcome` is what is already known of the call, where it was
    begun before, `age` seconds ago. A rim for which most calls go well may make the first attempt
    itself, and hand over what is `begun` where that did not go well.

    Raises `FailwellError`, of the class that the contract gives to the failure's kind;
    `CircuitOpenError` where the API is down and nothing was sent.
    """
    story = Story(request, terms, now - age, outcome)
    while True:
        tried, now = yield from _tried(story, now, begun)
        begun = None
        verdict = evidence.judge(terms.contract, request, tried.reply)
        if verdict is None:
            return (yield from _answered(story, tried))
        learnt = story.learn(tried.reply, verdict, tried.took, now)
        decision, now = yield from _resolved(story, tried, learnt, now)
        decision = yield from _granted(story, tried, decision)
        if isinstance(decision, Done):
            yield from Emit(Recovered(decision.attempts))
            return decision
        if isinstance(decision, Stop):
            yield from _ended(story, decision.why, now)
        else:
            now = yield from _paused(story, decision)


class _Tried(msgspec.Struct, frozen=True):
    """An attempt: how it was let through, what came of it, and after how many seconds."""

    passed: Pass
    reply: Reply
    took: float


def _tried(story: Story, now: float, begun: Begun | None) -> Flow[tuple[_Tried, float]]:
    """One attempt, made now or handed over; the time after it."""
    if begun is not None and begun.reply is not None:
        assert isinstance(begun.passed, Pass)
        return _Tried(begun.passed, begun.reply, begun.over - begun.at), begun.over
    passed, now = yield from _let_in(story, now, begun)
    began, terms = now, story.terms
    send = Send(story.request, len(story.attempts) + 1, deadline.left(terms.ends, now))
    try:
        reply, now = yield from send
    except GeneratorExit:
        raise
    except BaseException as interruption:
        leave_word(interruption, terms.contract, story.request, story.outcome)
        if terms.gate is not None and not passed.calm:
            yield from leave(terms.gate, story.request, passed, None, None, 0.0, retries=False)
        raise
    return _Tried(passed, reply, now - began), now


def _let_in(story: Story, now: float, begun: Begun | None) -> Flow[tuple[Pass, float]]:
    """Through the gate of the origin; the call ends here where that stays shut."""
    terms = story.terms
    if terms.gate is None:
        return CALM, now
    way_in = enter(
        terms.gate,
        story.request,
        now,
        terms.ends,
        story.longest,
        is_retry=bool(story.attempts),
        asked=None if begun is None else begun.passed,
        patient=story.patient,
    )
    passed, now = yield from _watched(way_in, story)
    if isinstance(passed, Pass):
        return passed, now
    return (yield from _held_back(story, passed, now)), now


def _answered(story: Story, tried: _Tried) -> Flow[Done]:
    """The end of a call that went well."""
    reply, gate = tried.reply, story.terms.gate
    assert isinstance(reply, Response)
    if gate is not None:
        yield from leave(gate, story.request, tried.passed, reply, None, tried.took, retries=False)
    if story.attempts:
        yield from Emit(Recovered(tuple(story.attempts)))
    return Done(reply, tuple(story.attempts))


def _granted(
    story: Story, tried: _Tried, decision: Again | Stop | Done
) -> Flow[Again | Stop | Done]:
    """The decision, now that the gate was told of the attempt and the budget was asked."""
    asks = isinstance(decision, Again) and decision is not _FRESH
    is_granted = yield from _told(story, tried, retries=asks)
    return Stop("budget") if asks and not is_granted else decision


def _told(story: Story, tried: _Tried, *, retries: bool = False) -> Flow[bool]:
    """Tell the gate what came of the attempt, once; whether a retry is granted, where one is asked
    for. Before others are asked about it, or they would wait behind it."""
    gate = story.terms.gate
    if gate is None:
        return True
    if story.is_told:
        return (yield from grant(gate, story.request, tried.reply)) if retries else True
    story.is_told = True
    return (
        yield from leave(
            gate,
            story.request,
            tried.passed,
            tried.reply,
            story.verdict,
            tried.took,
            retries=retries,
        )
    )


def _resolved(
    story: Story, tried: _Tried, decision: Again | Stop, now: float
) -> Flow[tuple[Again | Stop | Done, float]]:
    """What is to be done after an attempt that failed, once it is known what can be found out."""
    contract, ends, gate = story.terms.contract, story.terms.ends, story.terms.gate
    first = evidence.kept_answer(contract, story.request, story.reply)
    if first is not None:
        return story.done(shown(story.reply, first), "replayed"), now
    if story.meets_existing:
        yield from _told(story, tried)
        sent = sent_of(story.request, story.attempts)
        met, now = yield from _watched(twin(contract, sent, story.verdict, now, ends, gate), story)
        if met.response is not None:
            how: How = "found" if story.may_be_ours else "existing"
            return story.done(met.response, how), now
        if met.issues:
            return story.differ(met.issues), now
        story.flaw = met.flaw
    if _is_to_be_sought(contract, story.outcome, decision):
        yield from _told(story, tried)
        sent = sent_of(story.request, story.attempts)
        at_hand = msgspec.structs.replace(sent, body=story.request.body)
        seen, now = yield from _watched(look_up(contract, at_hand, now, ends, gate), story)
        if seen.response is not None:
            return story.done(seen.response, "found"), now
        story.flaw = seen.flaw or story.flaw
        decision = story.look_again(decision, seen, now)
    if story.may_renew(decision):
        return (yield from _renewed(story, decision, now))
    return decision, now


_FRESH = Again(0.0)
"""With a fresh credential; no retry that the budget is asked for, for the API is not in trouble."""


def _renewed(
    story: Story, decision: Again | Stop, now: float
) -> Flow[tuple[Again | Stop | Done, float]]:
    """A fresh credential, once; where there is none, the call ends as it would have."""
    ends = story.terms.ends
    story.renewed = True
    renewal = Renew(story.reply.asked, deadline.left(ends, now))
    story.no_token, now = yield from _watched(iter(renewal), story)
    is_over = ends is not None and now >= ends
    if is_over or story.no_token is not None:
        return decision, now
    failure = story.verdict.failure
    yield from Emit(Renewed(failure.method, failure.url))
    return _FRESH, now


def _held_back(story: Story, refusal: Refusal, now: float) -> Flow[NoReturn]:
    """The end of a call that its gate does not let through: with its last failure, if any."""
    if story.attempts:
        yield from _ended(story, refusal.why, now)
    error = refusal_of(story.terms.contract, story.request, refusal, story.outcome)
    yield from Emit(CallFailed(error, refusal.why))
    raise error


def _ended(story: Story, why: str, now: float) -> Flow[NoReturn]:
    terms, reply = story.terms, story.reply
    error = error_of(
        terms.contract,
        story.request,
        story.verdict,
        story.outcome,
        story.attempts,
        out_of_time=terms.ends is not None and now >= terms.ends,
        no_token=story.no_token,
    )
    if story.flaw is not None:
        secrets = kept.secrets_of(story.request, reply, str(story.request.url))
        error.add_note(f"failwell: {why_flawed(story.flaw, secrets)}")
    yield from Emit(CallFailed(error, why))
    raise error from (reply.cause if isinstance(reply, Fault) else story.no_token)


def _paused(story: Story, decision: Again) -> Flow[float]:
    """The wait before another attempt; the time after it."""
    last = msgspec.structs.replace(whole(story.attempts[-1]), wait=decision.wait)
    story.attempts[-1] = last
    yield from Emit(AttemptFailed(last, story.verdict.failure, story.request.key))
    _, now = yield from _watched(iter(Wait(decision.wait)), story)
    return now


def broken_off(
    request: Request, terms: Terms, fault: Fault, now: float, before: tuple[Attempt, ...] = ()
) -> FailwellError:
    """The exception for an answer that broke while the caller was reading it, after the attempts
    `before`; nothing is sent again."""
    verdict = evidence.judge(terms.contract, request, fault)
    assert verdict is not None
    error = error_of(
        terms.contract,
        request,
        verdict,
        evidence.fold(evidence.known(before), request, verdict),
        [*before, attempt_of(len(before) + 1, verdict, fault, 0.0)],
        out_of_time=terms.ends is not None and now >= terms.ends,
    )
    error.__cause__ = fault.cause
    return error


def _is_to_be_sought(contract: Contract, outcome: Outcome | None, decision: Again | Stop) -> bool:
    """Whether to look for the record of what may not be sent again, or is still to be read."""
    return (
        contract.look_up is not None
        and outcome in (Outcome.UNKNOWN, Outcome.APPLIED)
        and isinstance(decision, Stop)
        and decision.why in ("unsafe", "permanent", "expired")
    )


def _watched(flow: Flow[T], story: Story) -> Flow[T]:
    """The flow; where it is interrupted while the outcome is unknown, the traceback says so."""
    try:
        return (yield from flow)
    except GeneratorExit:
        raise
    except BaseException as interruption:
        if story.outcome is Outcome.UNKNOWN:
            leave_word(interruption, story.terms.contract, story.request)
        raise
