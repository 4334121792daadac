"""What a log line or a span says of a failure, as plain JSON values under names that hold for all.

Everything here is without secrets already: events and exceptions carry nothing else.
"""

from __future__ import annotations

from typing import Any

from failwell.errors import FailwellError
from failwell.events import (
    AttemptFailed,
    CallFailed,
    Event,
    HeldBack,
    JobSeen,
    Recovered,
    Renewed,
    StoreFailed,
)
from failwell.model import Attempt, Failure


def of_event(event: Event) -> dict[str, Any]:
    """The facts of an event; `event` says which it is. What is not known is left out."""
    match event:
        case AttemptFailed(attempt, failure, key):
            said = {**_of_failure(failure), **_of_attempt(attempt), "idempotency_key": key}
            return _known(event="attempt_failed", **said)
        case CallFailed(error, why):
            return _known(event="call_failed", why=why, **of_error(error))
        case Recovered(attempts):
            first, last = attempts[0], attempts[-1]
            return _known(
                event="recovered",
                method=first.method,
                url=first.url,
                failed_attempts=len(attempts),
                elapsed=last.at + last.elapsed - first.at,
            )
        case HeldBack(why, seconds, method, url):
            return _known(event="held_back", why=why, seconds=seconds, method=method, url=url)
        case Renewed(method, url):
            return _known(event="renewed", method=method, url=url)
        case StoreFailed(error, then):
            return _known(event="store_failed", error=type(error).__name__, then=then)
        case JobSeen(job_id, url, state, progress, error):
            seen = {"job_id": job_id, "url": url, "state": state, "progress": progress}
            return _known(event="job_seen", **seen, error=error and type(error).__name__)


def of_error(error: FailwellError) -> dict[str, Any]:
    """The facts of an exception; `error` is its class, `elapsed` that of the whole call (s)."""
    history = error.attempts
    elapsed = history[-1].at + history[-1].elapsed - history[0].at if history else None
    return _known(
        error=type(error).__name__,
        **_of_failure(error.failure),
        retry_after=error.retry_after,
        attempts=len(history),
        elapsed=elapsed,
        idempotency_key=error.sent.key if error.sent else None,
        advice=error.advice,
    )


def _of_failure(failure: Failure) -> dict[str, Any]:
    names = ("api", "method", "url", "status", "code", "kind", "outcome", "request_id", "message")
    return {name: getattr(failure, name) for name in names}


def _of_attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "fault": attempt.fault,
        "elapsed": attempt.elapsed,
        "wait": attempt.wait,
    }


def _known(**facts: Any) -> dict[str, Any]:
    return {name: _plain(value) for name, value in facts.items() if value not in (None, "")}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
