"""A write of a run: written down before it is sent and after, and not bought twice.

The story around `call`: write the intent down, with its key; if it was finished before, give the
answer that was kept; if it was begun before and never heard of again, go on under the same key
where the API still honours it, else find out what became of it, else say that nobody knows;
write down what came back.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from failwell import redaction
from failwell.actions import Change, Emit, Flow, StoreError, Update
from failwell.contract import Contract
from failwell.errors import FailwellError, RunError
from failwell.events import CallFailed, StoreFailed
from failwell.flows.account import sent_at
from failwell.flows.call import call
from failwell.flows.lookup import Sighting, look_up, question, status_of, why_flawed
from failwell.flows.runs import Book, enlist, opened, refusal
from failwell.flows.terms import Done, Terms
from failwell.model import Failure, Headers, Kind, Outcome, Request, Response, Sent
from failwell.policy.idempotency import Stored, why_not_again
from failwell.policy.intents import (
    Anew,
    Begin,
    Begun,
    Fail,
    Finish,
    Intent,
    New,
    Other,
    kept,
    slot,
)
from failwell.policy.tags import tagged, why_unfindable

T = TypeVar("T")


class Intention(msgspec.Struct, frozen=True, kw_only=True):
    """A write that a run is to vouch for: the `request` without a tag, who it is, and the record
    to begin it with. `number` is which of its like it is, where it has no name."""

    book: Book
    request: Request
    identity: str
    begin: Begin
    number: int | None = None


class _Writing(msgspec.Struct, frozen=True):
    """The write that is under way, and where its record is kept."""

    plan: Intention
    where: str
    terms: Terms


def intended(plan: Intention, terms: Terms, now: float) -> Flow[Done]:
    """The answer to the write: a new one, or the one that was kept.

    Raises what `call` raises; `RunError` where the run cannot vouch for it, and nothing was sent.
    """
    try:
        return (yield from _brought_on(plan, terms, now))
    except FailwellError as error:
        is_nothing = error.outcome is not None and error.outcome.nothing_done
        if is_nothing and plan.number is not None:
            plan.book.give_back(plan.begin.fingerprint, plan.number)
        raise


def _brought_on(plan: Intention, terms: Terms, now: float) -> Flow[Done]:
    generation = yield from _vouched(opened(plan.book, plan.begin.token), plan)
    writing = _Writing(plan, slot(plan.book.name, generation, plan.identity), terms)
    begun = yield from _vouched(_begun(writing, generation), plan)
    if isinstance(begun, New):
        return (yield from _called(writing, _request(writing, begun.intent), now))
    answer = begun.intent.answer
    if answer is not None and answer.whole:
        return _replayed(answer)
    return (yield from _gone_on(writing, begun, now))


def _begun(writing: _Writing, generation: str) -> Flow[New | Begun]:
    """What is known of the write, which is on the run's list from now on."""
    plan = writing.plan
    found, _ = yield from Update(writing.where, plan.begin, True)
    if isinstance(found, Other):
        raise _ambiguous(plan, found)
    if isinstance(found, Begun) and found.intent.answer is not None:
        return found
    if not (yield from enlist(plan.book, generation, plan.identity)):
        nothing = Fail(token=plan.begin.token, outcome=Outcome.NOT_STARTED)
        yield from Update(writing.where, nothing, True)
        raise _over(plan)
    return found


def _gone_on(writing: _Writing, begun: Begun, now: float) -> Flow[Done]:
    """The write that was begun before: under its key, or by its record, or not at all."""
    intent, contract, age = begun.intent, writing.terms.contract, begun.age
    request, known = _request(writing, intent), intent.outcome or Outcome.UNKNOWN
    sent = _sent(request, intent)
    why = why_not_again(contract, sent, intent.at + age)
    if why is None:
        return (yield from _called(writing, request, now, begun))
    terms = writing.terms
    seen, now = yield from look_up(contract, sent, now, terms.ends, terms.gate)
    if seen.response is not None:
        return (yield from _finished(writing, request, Done(seen.response, (), "found")))
    if known is Outcome.UNKNOWN and seen.outcome is Outcome.NOT_STARTED:
        anew, _ = yield from _vouched(iter(_anew(writing)), writing.plan)
        if isinstance(anew, New):
            return (yield from _called(writing, _request(writing, anew.intent), now))
    if known is Outcome.UNKNOWN and seen.resend:
        return (yield from _called(writing, request, now, begun))
    error = _lost(writing, begun, request, f"{why} {_searched(contract, sent, seen)}".strip())
    yield from Emit(CallFailed(error, "run"))
    raise error


def _anew(writing: _Writing) -> Update[New | Begun | Other]:
    return Update(writing.where, Anew(begin=writing.plan.begin), True)


def _called(
    writing: _Writing, request: Request, now: float, begun: Begun | None = None
) -> Flow[Done]:
    """The call, and what came of it written down; `begun` is what is known where it was begun
    before."""
    known = None if begun is None else begun.intent.outcome or Outcome.UNKNOWN
    age = 0.0 if begun is None else begun.age
    try:
        done = yield from call(request, writing.terms, now, known, age)
    except FailwellError as error:
        if begun is not None and error.sent is not None:
            error.sent = msgspec.structs.replace(error.sent, at=begun.intent.at)
        if error.outcome is not None:
            fail = Fail(token=writing.plan.begin.token, outcome=error.outcome)
            yield from _written(writing, fail)
        raise
    return (yield from _finished(writing, request, done))


def _finished(writing: _Writing, request: Request, done: Done) -> Flow[Done]:
    answer = kept(
        writing.terms.contract, request, _as_its_own(writing.terms.contract, done, request)
    )
    yield from _written(writing, Finish(answer))
    return done


def _as_its_own(contract: Contract, done: Done, request: Request) -> Response:
    """The answer under the status that the write's own would have had, where its record was found:
    that is how it is given again."""
    status = status_of(contract, request) if done.how == "found" else None
    if status is None:
        return done.response
    return msgspec.structs.replace(done.response, status=status)


def _written(writing: _Writing, change: Change[Intent, Any]) -> Flow[None]:
    """Write down what came of it. Where the store is away by now, what was written before the
    write was sent stands: the next run asks after it under the same key."""
    try:
        yield from Update(writing.where, change, True)
    except StoreError as error:
        yield from Emit(StoreFailed(error, f"what came of {writing.plan.begin.what} is not kept"))


def _request(writing: _Writing, intent: Intent) -> Request:
    """The request under the key and the tag that were written down."""
    request = msgspec.structs.replace(writing.plan.request, key=intent.key)
    if intent.tag is None:
        return request
    return tagged(writing.terms.contract, request, intent.tag)


def _sent(request: Request, intent: Intent) -> Sent:
    """What was sent, whole: it is at hand, and only looked at here."""
    return Sent(
        method=request.method,
        url=str(request.url),
        at=intent.at,
        key=request.key,
        content_type=request.headers.get("content-type"),
        body=request.body or b"",
        tag=request.tag,
    )


def _replayed(answer: Stored) -> Done:
    fields = Headers(dict(answer.headers))
    return Done(Response(status=answer.status, headers=fields, body=answer.body), (), "replayed")


def _vouched(flow: Flow[T], plan: Intention) -> Flow[T]:
    """The flow; where the store is away, nothing is sent that it could not vouch for."""
    try:
        return (yield from flow)
    except StoreError as error:
        raise refusal(
            f"Nothing was sent: the run {plan.book.name!r} cannot write down {plan.begin.what}. "
            f"{error}",
            kind=Kind.UNAVAILABLE,
            advice="Bring the store back and run the script again, or make a client without a run.",
        ) from error


def _ambiguous(plan: Intention, other: Other) -> RunError:
    return refusal(
        f"Nothing was sent: in the run {plan.book.name!r} the name of this write belongs to "
        f"another one. This is {plan.begin.what}; that was {other.what}, or it had another body",
        kind=Kind.CONFLICT,
        advice="Give each write of a run a name of its own; end the run to begin all of it anew.",
    )


def _over(plan: Intention) -> RunError:
    return refusal(
        f"Nothing was sent: the run {plan.book.name!r} has ended",
        kind=Kind.CONFLICT,
        advice="Make a new client to begin a run of this name anew.",
    )


def _searched(contract: Contract, sent: Sent, seen: Sighting) -> str:
    """What came of looking for the record."""
    if seen.flaw is not None:
        return f"{why_flawed(seen.flaw)}."
    if contract.look_up is None:
        return ""
    if question(contract, sent) is None:
        why = why_unfindable(contract, sent)
        return "" if why is None else f"It cannot be looked up: {why}."
    return "Its record was looked for and not seen, which proves nothing yet."


def _lost(writing: _Writing, begun: Begun, request: Request, why: str) -> FailwellError:
    """What is raised for a write of which nobody can say any more what became of it, or what its
    answer was."""
    intent, contract = begun.intent, writing.terms.contract
    was_seen = intent.answer is not None
    what = "its answer was not kept" if was_seen else "its answer was never seen"
    failure = Failure(
        kind=Kind.BAD_RESPONSE if was_seen else Kind.CONNECTION,
        message=f"{intent.what} was begun {begun.age:.0f} s ago in the run "
        f"{writing.plan.book.name!r}, and {what}. {why}",
        outcome=intent.outcome or Outcome.UNKNOWN,
        api=contract.name,
        method=request.method,
        url=redaction.url(str(request.url)),
        support=contract.support,
    )
    return contract.error(failure, (), sent_at(request, intent.at))
