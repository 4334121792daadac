"""One call, from its first attempt to its result or its exception.

The story, told once for sync and async: send; judge the answer by its evidence; fold that into
what is known of the call; wait and send again where that is proven safe; where it is not, look
the record up if the contract says how, or stop and say what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn, TypeVar

import msgspec

from failwell.actions import Emit, Flow, Renew, Send, Wait
from failwell.contract import Contract, Retry
from failwell.errors import FailwellError
from failwell.events import AttemptFailed, CallFailed, Recovered, Renewed
from failwell.flows.account import (
    KEPT_BODY,
    attempt_of,
    error_of,
    leave_word,
    refusal_of,
    sent_of,
    with_differences,
)
from failwell.flows.admission import Refusal, enter, leave
from failwell.flows.existing import is_clash, twin
from failwell.flows.gate import Gate, Pass, Stay
from failwell.flows.lookup import Sighting, look_up, shown
from failwell.model import Attempt, Fault, Issue, Outcome, Reply, Request, Response
from failwell.policy import deadline, evidence
from failwell.policy.evidence import Verdict
from failwell.policy.retry import Again, Facts, Stop, decide, may_resend
from failwell.tokens import RefreshError

__all__ = ["KEPT_BODY", "Begun", "Done", "Terms", "broken_off", "call", "went_well"]

T = TypeVar("T")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What one call is made under. `ends` is in monotonic seconds; `roll` throws the dice, in
    [0, 1); `rewindable` says whether the body can be sent from its beginning once more. `gate` is
    what all calls to the origin go through; `renews` says that a fresh credential can be had, and
    `gets_existing` that a record which is there already is an answer, too."""

    contract: Contract
    retry: Retry | None
    roll: Callable[[], float]
    ends: float | None = None
    rewindable: Callable[[], bool] = lambda: True
    gate: Gate | None = None
    renews: bool = False
    gets_existing: bool = False


How = Literal["answered", "found", "existing", "replayed"]
"""Where an answer comes from: the write itself; a record that was looked for after a lost answer;
one that was there before; an answer that was kept."""


class Done(msgspec.Struct, frozen=True):
    """The call went well, after those attempts that did not. The `response` has no `native` where
    it is a record out of another answer, or an answer that was kept."""

    response: Response
    attempts: tuple[Attempt, ...]
    how: How = "answered"


class Begun(msgspec.Struct, frozen=True):
    """A call whose first attempt was made before its flow: how that was let through, what came of
    it (`reply`, None where it was not sent), when it was sent and when it was over, in monotonic
    seconds."""

    passed: Pass | Stay
    reply: Reply | None = None
    at: float = 0.0
    over: float = 0.0


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
    contract, gate = terms.contract, terms.gate
    story = _Story(request, terms, now - age, outcome)
    passed: Pass | Stay | Refusal | None = None
    reply: Reply | None = None
    while True:
        if begun is not None and begun.reply is not None:
            passed, reply, began, now = begun.passed, begun.reply, begun.at, begun.over
        else:
            if gate is not None:
                asked = None if begun is None else begun.passed
                passed, now = yield from _watched(_way_in(story, gate, now, asked), story)
                if type(passed) is Refusal:
                    yield from _held_back(story, passed, now)
            began = now
            send = Send(request, len(story.attempts) + 1, deadline.left(terms.ends, now))
            try:
                reply, now = yield from send
            except GeneratorExit:
                raise
            except BaseException as interruption:
                leave_word(interruption, contract, request)
                if gate is not None and isinstance(passed, Pass) and not passed.calm:
                    yield from leave(gate, request, passed, None, None, 0.0, retries=False)
                raise
        begun = None
        verdict = evidence.judge(contract, request, reply)
        if verdict is None:
            assert isinstance(reply, Response)
            if gate is not None and isinstance(passed, Pass):
                yield from leave(gate, request, passed, reply, None, now - began, retries=False)
            if story.attempts:
                yield from Emit(Recovered(tuple(story.attempts)))
            return Done(reply, tuple(story.attempts))

        took = now - began
        learnt = story.learn(reply, verdict, took, now)
        decision, now = yield from _resolved(story, learnt, now)
        if gate is not None and isinstance(passed, Pass):
            asks = isinstance(decision, Again) and decision is not _FRESH
            way_out = leave(gate, request, passed, reply, verdict, took, retries=asks)
            if not (yield from way_out) and asks:
                decision = Stop("budget")
        if isinstance(decision, Done):
            yield from Emit(Recovered(decision.attempts))
            return decision
        if isinstance(decision, Stop):
            yield from _ended(story, decision.why, now)
        else:
            now = yield from _paused(story, decision)


def _way_in(
    story: _Story, gate: Gate, now: float, asked: Pass | Stay | None
) -> Flow[tuple[Pass | Refusal, float]]:
    terms, is_retry = story.terms, bool(story.attempts)
    return enter(
        gate, story.request, now, terms.ends, story.longest, is_retry=is_retry, asked=asked
    )


def went_well(terms: Terms, request: Request, reply: Reply) -> bool:
    """Whether an attempt that was let through calmly went well, so that nothing is to be told."""
    if type(reply) is not Response or reply.metered:
        return False
    return reply.status < 400 and evidence.judge(terms.contract, request, reply) is None


class _Story:
    """What is known of a call under way: its attempts, and what became of it so far."""

    def __init__(
        self, request: Request, terms: Terms, first: float, outcome: Outcome | None
    ) -> None:
        self.request = request
        self.terms = terms
        self.first = first
        self.outcome = outcome
        self.attempts: list[Attempt] = []
        self.renewed = False
        self.no_token: RefreshError | None = None
        self.before: Outcome | None = None
        self.most: int | None = None
        self.reply: Reply
        self.verdict: Verdict
        self.facts: Facts

    @property
    def longest(self) -> float | None:
        """Seconds that it may wait at a time where there is no deadline."""
        return None if self.terms.retry is None else self.terms.retry.max_wait

    def learn(self, reply: Reply, verdict: Verdict, took: float, now: float) -> Again | Stop:
        """Write down an attempt that failed; what is to be done about it."""
        self.before = self.outcome
        self.reply, self.verdict = reply, verdict
        self.outcome = evidence.fold(self.before, self.request, verdict)
        self.attempts.append(attempt_of(len(self.attempts) + 1, verdict, reply, took))
        self.most = _fewer(self.most, verdict.max_retries, len(self.attempts))
        self.facts = _facts(self, self.before, now)
        return decide(self.terms.retry, self.facts)

    def look_again(self, decision: Again | Stop, seen: Sighting, now: float) -> Again | Stop:
        """What is to be done now that its record was looked for, and not found."""
        if self.outcome is not Outcome.UNKNOWN:
            return decision
        self.outcome = seen.outcome
        left = deadline.left(self.terms.ends, now)
        return decide(self.terms.retry, _after(self.facts, seen, left))

    @property
    def meets_existing(self) -> bool:
        """Whether a record that is there already stands in its way, and may be its answer: where
        the caller said so, or where it may have been made by an attempt before this one."""
        contract, gets = self.terms.contract, self.terms.gets_existing
        may_be_ours = self.before is Outcome.UNKNOWN and contract.existing is not None
        return (gets or may_be_ours) and is_clash(contract, self.verdict)

    def differ(self, issues: tuple[Issue, ...]) -> Stop:
        """Write down that the record which is there is not the one that was sent."""
        told = with_differences(self.verdict.failure, issues)
        self.verdict = msgspec.structs.replace(self.verdict, failure=told)
        return Stop("differs")

    def done(self, response: Response, how: How) -> Done:
        """Its end, with an answer that is not the last attempt's own."""
        return Done(response, tuple(self.attempts), how)

    def may_renew(self, decision: Again | Stop) -> bool:
        """Whether a fresh credential may help: the API says that this one is over, and sending
        again is safe."""
        failure = self.verdict.failure
        if not self.terms.renews or self.renewed or failure.status != 401:
            return False
        names = self.terms.contract.renew_on
        is_over = not names or failure.code in names
        return is_over and isinstance(decision, Stop) and may_resend(self.facts)


def _resolved(
    story: _Story, decision: Again | Stop, now: float
) -> Flow[tuple[Again | Stop | Done, float]]:
    """What is to be done after an attempt that failed, once it is known what can be found out."""
    contract, ends = story.terms.contract, story.terms.ends
    kept = evidence.kept_answer(contract, story.request, story.reply)
    if kept is not None:
        return story.done(shown(story.reply, kept), "replayed"), now
    if story.meets_existing:
        sent = sent_of(story.request, story.attempts)
        met, now = yield from _watched(twin(contract, sent, story.verdict, now, ends), story)
        if met.response is not None:
            is_old = story.before is not Outcome.UNKNOWN
            return story.done(met.response, "existing" if is_old else "found"), now
        if met.issues:
            return story.differ(met.issues), now
    if _is_to_be_sought(contract, story.outcome, decision):
        sent = sent_of(story.request, story.attempts)
        at_hand = msgspec.structs.replace(sent, body=story.request.body)
        seen, now = yield from _watched(look_up(contract, at_hand, now, ends), story)
        if seen.response is not None:
            return story.done(seen.response, "found"), now
        decision = story.look_again(decision, seen, now)
    if story.may_renew(decision):
        return (yield from _renewed(story, decision, now))
    return decision, now


_FRESH = Again(0.0)
"""With a fresh credential; no retry that the budget is asked for, for the API is not in trouble."""


def _renewed(
    story: _Story, decision: Again | Stop, now: float
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


def _held_back(story: _Story, refusal: Refusal, now: float) -> Flow[NoReturn]:
    """The end of a call that its gate does not let through: with its last failure, if any."""
    if story.attempts:
        yield from _ended(story, refusal.why, now)
    error = refusal_of(story.terms.contract, story.request, refusal, story.outcome)
    yield from Emit(CallFailed(error, refusal.why))
    raise error


def _ended(story: _Story, why: str, now: float) -> Flow[NoReturn]:
    terms, reply = story.terms, story.reply
    error = error_of(
        terms.contract,
        story.request,
        story.verdict,
        story.outcome,
        story.attempts,
        out_of_time=terms.ends is not None and now >= terms.ends,
    )
    yield from Emit(CallFailed(error, why))
    raise error from (reply.cause if isinstance(reply, Fault) else story.no_token)


def _paused(story: _Story, decision: Again) -> Flow[float]:
    """The wait before another attempt; the time after it."""
    last = msgspec.structs.replace(story.attempts[-1], wait=decision.wait)
    story.attempts[-1] = last
    yield from Emit(AttemptFailed(last, story.verdict.failure, story.request.key))
    _, now = yield from _watched(iter(Wait(decision.wait)), story)
    return now


def broken_off(request: Request, terms: Terms, fault: Fault, now: float) -> FailwellError:
    """The exception for an answer that broke while the caller was reading it; nothing is sent
    again."""
    verdict = evidence.judge(terms.contract, request, fault)
    assert verdict is not None
    error = error_of(
        terms.contract,
        request,
        verdict,
        verdict.outcome,
        [attempt_of(1, verdict, fault, 0.0)],
        out_of_time=terms.ends is not None and now >= terms.ends,
    )
    error.__cause__ = fault.cause
    return error


def _facts(story: _Story, before: Outcome | None, now: float) -> Facts:
    terms, request, verdict, reply = story.terms, story.request, story.verdict, story.reply
    is_harmless = story.outcome is None or story.outcome.nothing_done
    rests_on_key = not is_harmless and request.method not in terms.contract.idempotent
    age = now - story.first
    return Facts(
        transient=verdict.transient or evidence.still_running(request, before, verdict),
        repeatable=is_harmless or terms.contract.may_repeat(request),
        rewindable=terms.rewindable(),
        sent=not isinstance(reply, Fault) or reply.sent,
        retry_after=verdict.failure.retry_after,
        made=len(story.attempts),
        left=deadline.left(terms.ends, now),
        roll=terms.roll(),
        key_left=terms.contract.idempotency.retention - age if rests_on_key else None,
        most=story.most,
    )


def _fewer(most: int | None, more: int | None, made: int) -> int | None:
    """How many sends in all are allowed now that an answer allows so many `more`."""
    if more is None:
        return most
    return made + more if most is None else min(most, made + more)


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


def _watched(flow: Flow[T], story: _Story) -> Flow[T]:
    """The flow; where it is interrupted while the outcome is unknown, the traceback says so."""
    try:
        return (yield from flow)
    except GeneratorExit:
        raise
    except BaseException as interruption:
        if story.outcome is Outcome.UNKNOWN:
            leave_word(interruption, story.terms.contract, story.request)
        raise
