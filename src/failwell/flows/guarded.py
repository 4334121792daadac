"""The policies around a call of which nothing is known but that it returns or raises.

It is tried again where the exception proves that this is safe (a failwell error of a read, or of
a write that did nothing), or where whoever guards it has named the exception; never after a
failwell error of a write that may have taken effect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from failwell.actions import Flow, Send, Update, Wait
from failwell.errors import CircuitOpenError, FailwellError, RateLimitError
from failwell.flows.admission import Refusal, enter
from failwell.flows.gate import Gate, Leave, Pass, Stay
from failwell.model import Failure, Kind, Request
from failwell.policy import backoff, deadline
from failwell.policy.retry import Again, Facts, Stop, decide
from failwell.settings import Retry

_ILL = frozenset(
    {Kind.INTERNAL, Kind.UNAVAILABLE, Kind.GATEWAY, Kind.CONNECTION, Kind.TIMEOUT}
    | {Kind.BAD_RESPONSE}
)


class Guarding(msgspec.Struct, frozen=True, kw_only=True):
    """What a function is guarded by. `on` are the exceptions that its author says are failures
    after which it may be called again."""

    gate: Gate
    retry: Retry | None
    roll: Callable[[], float]
    on: tuple[type[BaseException], ...] = ()
    ends: float | None = None


class Try(msgspec.Struct, frozen=True):
    """A try that failed: how it was admitted, what it raised, and how long it took (seconds)."""

    passed: Pass
    error: Exception
    took: float


def guarded(
    terms: Guarding, now: float, failed: Try | None = None, asked: Pass | Stay | None = None
) -> Flow[Any]:
    """What the function returns; `failed` is its first try, where that was made already, and
    `asked` the answer of the gate, where it was asked.

    Raises what the function raises last; `CircuitOpenError` or `RateLimitError` where it was not
    called at all.
    """
    request = Request(method="CALL", url=terms.gate.key)
    made, error = 0, None
    retry, ends = terms.retry, terms.ends
    patient = None if retry is None or ends is not None else now + backoff.in_all(retry)
    while True:
        if failed is None:
            way_in = enter(
                terms.gate,
                request,
                now,
                terms.ends,
                None if terms.retry is None else terms.retry.max_wait,
                is_retry=made > 0,
                asked=None if made else asked,
                patient=patient,
            )
            passed, now = yield from way_in
            if isinstance(passed, Refusal):
                raise error or _refused(terms.gate, passed)
            began = now
            try:
                left = deadline.left(terms.ends, now)
                result, now = yield from Send(request, made + 1, left)
            except GeneratorExit:
                raise
            except Exception as raised:
                failed = Try(passed, raised, 0.0)
            except BaseException:
                yield from _told(terms, passed, None, None)
                raise
            else:
                took = now - began
                is_slow = _is_slow(terms.gate, took)
                if is_slow or not passed.calm:
                    yield from _told(terms, passed, took, not is_slow)
                return result
        made, error = made + 1, failed.error
        decision = decide(terms.retry, _facts(terms, error, made, now))
        asks = isinstance(decision, Again)
        health = _health(terms, error)
        granted = yield from _told(terms, failed.passed, failed.took, health, error, retries=asks)
        if isinstance(decision, Stop) or not granted:
            raise error
        failed = None
        _, now = yield from Wait(decision.wait)


def _told(
    terms: Guarding,
    passed: Pass,
    took: float | None,
    health: bool | None,
    error: Exception | None = None,
    *,
    retries: bool = False,
) -> Flow[bool]:
    leave = Leave(
        terms.gate,
        "CALL",
        terms.gate.key,
        took,
        health,
        passed.ticket,
        passed.probing,
        type(error).__name__,
        (),
        isinstance(error, RateLimitError),
        _retry_after(error),
        retries,
    )
    granted, _ = yield from Update(terms.gate.key, leave)
    return granted


def _facts(terms: Guarding, error: Exception, made: int, now: float) -> Facts:
    return Facts(
        transient=isinstance(error, terms.on) or _may_pass(error),
        repeatable=_is_harmless(error),
        rewindable=True,
        sent=True,
        retry_after=_retry_after(error),
        made=made,
        left=deadline.left(terms.ends, now),
        roll=terms.roll(),
    )


def _is_harmless(error: Exception) -> bool:
    """Whether nothing is done twice by calling again; of exceptions that are not failwell's their
    author says so."""
    outcome = error.outcome if isinstance(error, FailwellError) else None
    return outcome is None or outcome.nothing_done


def _may_pass(error: Exception) -> bool:
    if not isinstance(error, FailwellError):
        return False
    return error.kind in _ILL or error.kind is Kind.RATE_LIMITED


def _health(terms: Guarding, error: Exception) -> bool | None:
    if isinstance(error, FailwellError):
        return error.kind not in _ILL
    return False if isinstance(error, terms.on) else None


def _retry_after(error: Exception | None) -> float | None:
    said = getattr(error, "retry_after", None)
    return float(said) if isinstance(said, (int, float)) and said >= 0 else None


def _is_slow(gate: Gate, took: float) -> bool:
    return gate.breaker is not None and gate.breaker.slow is not None and took > gate.breaker.slow


def _refused(gate: Gate, refusal: Refusal) -> FailwellError:
    is_circuit = refusal.why == "circuit"
    why = (
        f"it has failed too often of late ({refusal.cause})" if is_circuit else "it is at its limit"
    )
    failure = Failure(
        kind=Kind.UNAVAILABLE if is_circuit else Kind.RATE_LIMITED,
        message=f"{gate.key} was not called: {why}; come back in {refusal.seconds:.2f} s",
        retry_after=refusal.seconds,
    )
    return CircuitOpenError(failure) if is_circuit else RateLimitError(failure)
