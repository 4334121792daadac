"""A read that a flow makes up itself, through the gate of its origin like any other call.

It is made because the API is in trouble, so it waits for an open circuit to close, unless the
breaker says that nobody does; its answer is news for all who wait, and counts in the quota.
"""

from __future__ import annotations

import msgspec

from failwell.actions import Flow, Send
from failwell.contract import Contract
from failwell.flows.admission import Refusal, enter, leave
from failwell.flows.gate import CALM, Gate, Pass
from failwell.model import Reply, Request
from failwell.policy import backoff, deadline, evidence
from failwell.policy.evidence import Verdict
from failwell.settings import Retry

PATIENCE = backoff.in_all(Retry())
"""Seconds that it waits at its gate at most, where no deadline says so: as long as a call would."""


class Reading(msgspec.Struct, frozen=True):
    """What came of it: the reply, None where the gate stayed shut, and what is wrong with it."""

    reply: Reply | None = None
    verdict: Verdict | None = None


def patient(gate: Gate | None) -> Gate | None:
    """The gate as it is for somebody who waits for a circuit to close; one at which nobody is to
    wait stays as it is."""
    if gate is None or gate.breaker is None or gate.breaker.on_open is not None:
        return gate
    waits = msgspec.structs.replace(gate.breaker, on_open="wait")
    return msgspec.structs.replace(gate, breaker=waits)


def inquire(
    contract: Contract,
    request: Request,
    now: float,
    ends: float | None,
    gate: Gate | None = None,
    number: int = 1,
) -> Flow[tuple[Reading, float]]:
    """What the API says to this read, and the time; over by `ends` (monotonic seconds)."""
    passed, now = yield from _let_in(patient(gate), request, now, ends)
    if isinstance(passed, Refusal):
        return Reading(), now
    began = now
    try:
        reply, now = yield from Send(request, number, deadline.left(ends, now))
    except GeneratorExit:
        raise
    except BaseException:
        if gate is not None and not passed.calm:
            yield from leave(gate, request, passed, None, None, 0.0, retries=False)
        raise
    verdict = evidence.judge(contract, request, reply)
    if gate is not None:
        yield from leave(gate, request, passed, reply, verdict, now - began, retries=False)
    return Reading(reply, verdict), now


def _let_in(
    gate: Gate | None, request: Request, now: float, ends: float | None
) -> Flow[tuple[Pass | Refusal, float]]:
    if gate is None:
        return CALM, now
    return (yield from enter(gate, request, now, ends, PATIENCE, is_retry=False))
