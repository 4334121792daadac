"""An attempt's way through the gate of its origin: in, and out again with what it showed."""

from __future__ import annotations

import msgspec

from failwell import redaction
from failwell.actions import Emit, Flow, Update, Wait
from failwell.events import HeldBack
from failwell.flows.gate import Gate, Pass, Stay
from failwell.flows.standing import Enter, Leave
from failwell.model import Fault, Kind, Reply, Request, Response
from failwell.policy.evidence import Verdict
from failwell.policy.governor import Ticket
from failwell.quotas import Quota, parse_quotas
from failwell.settings import Retry

_LONGEST = Retry().max_wait


class Refusal(msgspec.Struct, frozen=True):
    """The gate did not let the attempt through: why, and in how many seconds it may."""

    why: str
    seconds: float
    cause: str = ""


def enter(
    gate: Gate,
    request: Request,
    now: float,
    ends: float | None,
    longest: float | None,
    *,
    is_retry: bool,
    asked: Pass | Stay | None = None,
    patient: float | None = None,
) -> Flow[tuple[Pass | Refusal, float]]:
    """Through the gate, after as many waits as that takes; or why not, and the time. `asked` is
    the gate's answer, where it was asked already.

    Nobody waits past `ends` (monotonic seconds), nor, where that is None, more than `longest`
    seconds; and a retry not past `patient` (monotonic seconds) for a circuit to close.
    """
    until = now + (_LONGEST if longest is None else longest) if ends is None else ends
    ticket: Ticket | None = None
    number, counted = None, is_retry
    while True:
        if asked is None:
            ask = Enter(gate, request.method, request.url, until - now, counted, ticket, number)
            answer, now = yield from Update(gate.key, ask)
        else:
            answer, asked = asked, None
        counted = True
        if isinstance(answer, Pass):
            if answer.wait <= 0:
                return answer, now
            yield from _held("quota", answer.wait, request)
            _, now = yield from Wait(answer.wait)
            if answer.due:
                return answer, now
            ticket = answer.ticket
            continue
        bound = patient if is_retry else now
        is_over = ends is None and bound is not None and now + answer.seconds >= bound
        if now + answer.seconds >= until or _is_shut(answer, gate, is_over=is_over):
            yield from _back_out(gate, request, ticket)
            return Refusal(answer.why, max(answer.seconds, answer.open_for), answer.cause), now
        yield from _held(answer.why, answer.seconds, request)
        _, now = yield from Wait(answer.seconds)
        number = answer.number


def _held(why: str, seconds: float, request: Request) -> Flow[None]:
    yield from Emit(HeldBack(why, seconds, request.method, redaction.url(str(request.url))))


def leave(
    gate: Gate,
    request: Request,
    passed: Pass,
    reply: Reply | None,
    verdict: Verdict | None,
    elapsed: float,
    *,
    retries: bool,
) -> Flow[bool]:
    """What the attempt showed is told, `elapsed` seconds after it was sent; whether the budget
    grants a retry. No reply: the attempt was broken off."""
    quotas: tuple[Quota, ...] = ()
    refused = False
    if isinstance(reply, Response):
        refused = reply.status == 429
        if reply.metered and gate.governor is not None:
            quotas = parse_quotas(reply.headers, reply.at)
    health = _health(gate, reply, verdict, elapsed)
    if passed.calm and health and not (quotas or refused or retries):
        return True
    told = Leave(
        gate,
        request.method,
        request.url,
        elapsed if isinstance(reply, Response) else None,
        health,
        passed.ticket,
        passed.probing,
        "" if verdict is None else _cause(verdict),
        quotas,
        refused,
        None if verdict is None else verdict.failure.retry_after,
        retries,
    )
    granted, _ = yield from Update(gate.key, told)
    return granted


def grant(gate: Gate, request: Request, reply: Reply) -> Flow[bool]:
    """Whether the budget grants a retry after this reply, of which the gate was told before."""
    refused = isinstance(reply, Response) and reply.status == 429
    asked = Leave(gate, request.method, request.url, None, None, refused=refused, retries=True)
    granted, _ = yield from Update(gate.key, asked)
    return granted


def _is_shut(answer: Stay, gate: Gate, *, is_over: bool) -> bool:
    """Whether an open circuit ends the call; `is_over` says that its own time for that is."""
    if answer.why != "circuit" or gate.breaker is None:
        return False
    match gate.breaker.on_open:
        case "raise":
            return True
        case "wait":
            return False
        case None:
            return is_over


def _back_out(gate: Gate, request: Request, ticket: Ticket | None) -> Flow[None]:
    if ticket is not None:
        given = Leave(gate, request.method, request.url, None, None, ticket)
        yield from Update(gate.key, given)


def _health(
    gate: Gate, reply: Reply | None, verdict: Verdict | None, elapsed: float
) -> bool | None:
    """Whether the origin is well, as far as this attempt shows; a 4xx is an answer like others, and
    so is a 5xx by which the API itself says that this very request will fail again."""
    if reply is None:
        return None
    if isinstance(reply, Fault):
        return None if reply.kind in (Kind.BAD_REQUEST, Kind.UNAUTHENTICATED) else False
    slow = None if gate.breaker is None else gate.breaker.slow
    if slow is not None and elapsed > slow:
        return False
    if verdict is None:
        return reply.status < 500
    is_answer = reply.status < 500 or (verdict.own and verdict.failure.transient is False)
    return is_answer and verdict.failure.kind is not Kind.BAD_RESPONSE


def _cause(verdict: Verdict) -> str:
    failure = verdict.failure
    return f"{failure.status or failure.kind.value}: {failure.message}"[:200]
