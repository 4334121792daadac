"""What is told of a call that failed: its attempts, its exception, what was sent."""

from __future__ import annotations

import msgspec

from failwell import redaction
from failwell.contract import Contract
from failwell.errors import FailwellError, InvalidRequestError
from failwell.flows.admission import Refusal
from failwell.flows.lookup import question
from failwell.later import LateAttempt
from failwell.model import Attempt, Failure, Fault, Issue, Kind, Outcome, Reply, Request, Sent
from failwell.policy import doubt, evidence, fields
from failwell.policy.evidence import Verdict
from failwell.policy.tags import why_unfindable
from failwell.tokens import RefreshError

KEPT_BODY = 4 * 1024 * 1024
"""Bytes of a request body that an error keeps, so that the call can be settled later."""


def attempt_of(number: int, verdict: Verdict, reply: Reply, elapsed: float) -> Attempt:
    """The record of an attempt that took `elapsed` seconds."""
    failure = verdict.failure
    return LateAttempt(
        number=number,
        at=reply.at - elapsed,
        elapsed=elapsed,
        status=failure.status,
        fault=reply.name if isinstance(reply, Fault) else None,
        outcome=verdict.outcome,
        failure=failure,
    )


def error_of(
    contract: Contract,
    request: Request,
    verdict: Verdict,
    outcome: Outcome | None,
    attempts: list[Attempt],
    *,
    out_of_time: bool,
    no_token: RefreshError | None = None,
) -> FailwellError:
    """The exception for a call that ends with this verdict; `outcome` is what is known of it, and
    `no_token` why its credential could not be renewed, where that was tried."""
    failure = verdict.failure
    if no_token is not None and no_token.transient:
        failure = msgspec.structs.replace(failure, advice=_STILL_GOOD, transient=True)
    if outcome is not failure.outcome:
        failure = msgspec.structs.replace(failure, outcome=outcome)
    if outcome is not None and not outcome.nothing_done:
        failure = msgspec.structs.replace(failure, advice=None)
    history = tuple(attempts)
    sent = None if outcome is None else sent_of(request, attempts)
    if outcome is Outcome.UNKNOWN and sent is not None:
        failure = _with_word_of_doubt(contract, failure, sent)
    if failure.kind is Kind.TIMEOUT and out_of_time:
        return contract.deadline_error(_out_of_time(failure, len(history)), history, sent)
    if failure.kind is Kind.BAD_REQUEST and failure.status is None:
        if outcome is None or outcome.nothing_done:
            return InvalidRequestError(failure, history, sent)
        failure = msgspec.structs.replace(failure, kind=Kind.CONNECTION)
    return contract.error(failure, history, sent)


def continued(error: FailwellError, before: FailwellError) -> FailwellError:
    """The exception of a later step, as that of the whole write, which `before` tells the beginning
    of: a read says nothing of it, and a refusal does not take back what may have been done."""
    outcome = error.outcome
    if outcome is None or (before.outcome is Outcome.UNKNOWN and outcome.nothing_done):
        outcome = before.outcome
    numbered = enumerate((*before.attempts, *error.attempts), 1)
    attempts = tuple(msgspec.structs.replace(one, number=number) for number, one in numbered)
    return error.retold(outcome, attempts, before.sent)


_STILL_GOOD = "The credential may still be good; it could not be renewed just now. Try again later."


def with_differences(failure: Failure, issues: tuple[Issue, ...]) -> Failure:
    """The refusal for a record that is there already, and that is not what was sent."""
    told = "; ".join(f"{issue.path or 'it'} {issue.message}" for issue in issues)
    return msgspec.structs.replace(
        failure,
        message=f"{failure.message.rstrip('.')}. It is not what was sent: {told}",
        issues=issues,
        advice="Change what you send to what is there, choose another name, or update the record.",
    )


def _with_word_of_doubt(contract: Contract, failure: Failure, sent: Sent) -> Failure:
    is_findable = question(contract, sent) is not None
    why = why_unfindable(contract, sent)
    advice = doubt.advice(contract, sent, findable=is_findable, unfindable=why)
    return failure if advice is None else msgspec.structs.replace(failure, advice=advice)


def _out_of_time(failure: Failure, number: int) -> Failure:
    message = f"The call's deadline ran out during attempt {number}: {failure.message}"
    return msgspec.structs.replace(failure, message=message)


def sent_of(request: Request, attempts: list[Attempt]) -> Sent:
    """What is kept of a write, so that it can be settled."""
    return sent_at(request, attempts[0].at)


def sent_at(request: Request, at: float) -> Sent:
    """What is kept of a write that was first sent `at` that time of day (epoch seconds)."""
    url = str(request.url)
    shown = redaction.url(url)
    body = request.body
    if body is not None and (len(body) > KEPT_BODY or redaction.holds_secret(body)):
        body = None
    own = fields.kept(request)
    return Sent(
        method=request.method,
        url=shown,
        at=at,
        key=request.key,
        content_type=request.headers.get("content-type"),
        body=body,
        url_whole=shown == url,
        tag=request.tag,
        fields=own.fields,
        withheld=own.withheld,
    )


NOTHING_SENT = "failwell: nothing was sent in this attempt"
"""What a rim notes on an exception that it lets through, where that is certain of its attempt."""


def leave_word(
    interruption: BaseException,
    contract: Contract,
    request: Request,
    before: Outcome | None = None,
) -> None:
    """A cancelled or interrupted write may have been sent, now or `before`: the traceback should
    say so."""
    is_unsent = NOTHING_SENT in getattr(interruption, "__notes__", ())
    if is_unsent and before is not Outcome.UNKNOWN:
        return
    if evidence.is_write(contract, request):
        key = f" with key {request.key}" if request.key else ""
        interruption.add_note(
            f"failwell: {request.method} {redaction.url(str(request.url))}{key} was interrupted; "
            "it may or may not have taken effect"
        )


def refusal_of(
    contract: Contract, request: Request, refusal: Refusal, outcome: Outcome | None
) -> FailwellError:
    """The exception for a call of which nothing was sent, for its origin's gate is shut."""
    if evidence.is_write(contract, request):
        outcome = outcome or Outcome.NOT_STARTED
    url = redaction.url(str(request.url))
    is_circuit = refusal.why == "circuit"
    failure = Failure(
        kind=Kind.UNAVAILABLE if is_circuit else Kind.RATE_LIMITED,
        message=_shut(refusal) if is_circuit else _held(refusal),
        retry_after=refusal.seconds,
        outcome=outcome,
        api=contract.name,
        method=request.method,
        url=url,
    )
    if is_circuit:
        return contract.circuit_error(failure)
    return contract.error(failure)


def _shut(refusal: Refusal) -> str:
    after = f" after {refusal.cause}" if refusal.cause else ""
    return (
        f"Nothing was sent: the API has failed too often of late, and is asked again in "
        f"{refusal.seconds:.2f} s. It was last seen to fail{after}"
    )


def _held(refusal: Refusal) -> str:
    return (
        f"Nothing was sent: the quota has no room for this call before {refusal.seconds:.2f} s "
        "from now, which is later than it may wait"
    )
