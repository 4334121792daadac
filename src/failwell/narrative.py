"""A failed call in words: its story for the traceback, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from failwell.model import Attempt, Failure, Kind, Outcome


def story(
    attempts: Sequence[Attempt], outcome: Outcome | None, request_id: str | None, advice: str
) -> str:
    """The call in a few lines: its attempts, its outcome, what to do."""
    lines = [f"{attempts[0].method} {attempts[0].url}"]
    lines += [_line(attempt) for attempt in attempts]
    if outcome is not None:
        lines.append(f"  outcome: {outcome} ({_MEANING[outcome]})")
    if request_id:
        lines.append(f"  request id: {request_id}")
    lines.append(f"  {advice}")
    return "\n".join(lines)


def _line(attempt: Attempt) -> str:
    ended = attempt.fault or f"status {attempt.status}"
    waited = f", then waited {attempt.wait:.2f} s" if attempt.wait is not None else ""
    return f"  attempt {attempt.number}: {ended} after {attempt.elapsed:.2f} s{waited}"


_MEANING = {
    Outcome.NOT_STARTED: "nothing was done",
    Outcome.ROLLED_BACK: "it was undone, nothing is left of it",
    Outcome.APPLIED: "it took effect",
    Outcome.PARTIALLY_APPLIED: "part of it took effect",
    Outcome.UNKNOWN: "it may or may not have taken effect",
}

_ADVICE = {
    Kind.BAD_REQUEST: "Correct the request; sending it again unchanged will fail again.",
    Kind.UNAUTHENTICATED: "Check the credential: it is missing, unknown, revoked or expired.",
    Kind.PERMISSION_DENIED: "Ask for this right, or use a credential that has it.",
    Kind.NOT_FOUND: "Check the id and the path.",
    Kind.METHOD_NOT_ALLOWED: "Check the method: this path does not take it.",
    Kind.CONFLICT: "Read the resource as it is now, then decide.",
    Kind.GONE: "It is gone for good; look for what replaced it.",
    Kind.TOO_LARGE: "Send less at a time.",
    Kind.UNPROCESSABLE: "Change the input; sending it again unchanged will fail again.",
    Kind.RATE_LIMITED: "Wait, then send fewer requests at a time.",
    Kind.BAD_RESPONSE: "Check that the address is the API's and not a proxy's or a login page's.",
}


def advice(failure: Failure) -> str:
    """What to do about a failure for which the API's contract says nothing better."""
    if failure.outcome is Outcome.UNKNOWN:
        return (
            "It may have taken effect: do not send it again blindly. "
            "Call client.settle(error), or look for the record yourself."
        )
    if failure.outcome is Outcome.APPLIED:
        return "It took effect: do not send it again. client.settle(error) reads what came of it."
    if failure.outcome is Outcome.PARTIALLY_APPLIED:
        return "Part of it took effect: read the resource as it is now before going on."
    if failure.retry_after is not None:
        return f"Come back in {spell_seconds(failure.retry_after)}."
    return _ADVICE.get(failure.kind, "It is likely to pass: try again later.")


def spell_seconds(seconds: float) -> str:
    """A span of time as a person says it: "1 second", "0.5 seconds", "3600 seconds"."""
    digits = f"{seconds:.3g}" if seconds < 100 else f"{seconds:.0f}"
    return f"{digits} second" if digits == "1" else f"{digits} seconds"
