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
from failwell.flows.gate import Gate, Pass, Stay
from failwell.flows.standing import Leave
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
    began, made, last = now, 0, failed
    while True:
        if failed is None:
            passed, now = yield from _let_in(terms, began, now, asked, last)
            tried, now = yield from _tried(terms, passed, made + 1, now)
            if isinstance(tried, _Returned):
                return tried.result
            last = tried
        assert last is not None
        made += 1
        now = yield from _paused(terms, last, made, now)
        failed, asked = None, None


class _Returned(msgspec.Struct, frozen=True):
    result: Any


def _let_in(
    terms: Guarding, began: float, now: float, asked: Pass | Stay | None, last: Try | None
) -> Flow[tuple[Pass, float]]:
    """Through the gate; where that stays shut, the last try's error is raised, if there was one."""
    retry, ends = terms.retry, terms.ends
    passed, now = yield from enter(
        terms.gate,
        Request(method="CALL", url=terms.gate.key),
        now,
        ends,
        None if retry is None else retry.max_wait,
        is_retry=last is not None,
        asked=asked,
        patient=None if retry is None or ends is not None else began + backoff.in_all(retry),
    )
    if isinstance(passed, Refusal):
        raise _refused(terms.gate, passed) if last is None else last.error
    return passed, now


def _tried(
    terms: Guarding, passed: Pass, number: int, began: float
) -> Flow[tuple[Try | _Returned, float]]:
    """One call of the function; the time after it, or, where it raised, before it."""
    request = Request(method="CALL", url=terms.gate.key)
    try:
        result, now = yield from Send(request, number, deadline.left(terms.ends, began))
    except GeneratorExit:
        raise
    except Exception as raised:
        return Try(passed, raised, 0.0), began
    except BaseException:
        yield from _told(terms, passed, None, None)
        raise
    is_slow = _is_slow(terms.gate, now - began)
    if is_slow or not passed.calm:
        yield from _told(terms, passed, now - began, not is_slow)
    return _Returned(result), now


def _paused(terms: Guarding, last: Try, made: int, now: float) -> Flow[float]:
    """The wait before it is called again; the time after it. Raises the last error where it is
    not."""
    decision = decide(terms.retry, _facts(terms, last.error, made, now))
    asks, health = isinstance(decision, Again), _health(terms, last.error)
    told = _told(terms, last.passed, last.took, health, last.error, retries=asks)
    granted, now = yield from told  # a function that raised has told no time
    if isinstance(decision, Stop) or not granted or _is_late(terms, now + decision.wait):
        raise last.error
    _, now = yield from Wait(decision.wait)
    return now


def _told(
    terms: Guarding,
    passed: Pass,
    took: float | None,
    health: bool | None,
    error: Exception | None = None,
    *,
    retries: bool = False,
) -> Flow[tuple[bool, float]]:
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
    return (yield from Update(terms.gate.key, leave))


def _is_late(terms: Guarding, at: float) -> bool:
    return terms.ends is not None and at >= terms.ends


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
