"""A failure in plain words: what happened, did it take effect, try it again, what now."""

from __future__ import annotations

from typing import Literal

import msgspec

from failwell.contract import TRANSIENT
from failwell.errors import FailwellError
from failwell.model import Kind, Outcome


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to the questions that a person has, each a sentence, and the facts beside them.

    `retry` is "yes" (the same request may go well), "settle" (find out first what became of it)
    or "no" (it will fail again unchanged); `retry_after` is in seconds.
    """

    happened: str
    effect: str
    retry: Literal["yes", "settle", "no"]
    when: str
    advice: str
    status: int | None
    code: str | None
    kind: Kind
    outcome: Outcome | None
    retry_after: float | None
    request_id: str | None
    issues: tuple[str, ...] = ()


def explain(error: FailwellError, *, transient: bool | None = None) -> Explanation:
    """What this failure means for whoever met it; `transient` overrides what its status says."""
    if transient is None:
        transient = _may_pass(error)
    retry = _retry(error, transient)
    return Explanation(
        happened=_happened(error),
        effect=_EFFECT[error.outcome],
        retry=retry,
        when=_when(error, retry),
        advice=error.advice,
        status=error.status_code,
        code=error.code,
        kind=error.kind,
        outcome=error.outcome,
        retry_after=error.retry_after,
        request_id=error.request_id,
        issues=tuple(
            f"{issue.path}: {issue.message}" if issue.path else issue.message
            for issue in error.issues
        ),
    )


_EFFECT: dict[Outcome | None, str] = {
    None: "It was a read: there was nothing to take effect.",
    Outcome.NOT_STARTED: "It did not take effect: it was refused before anything was done.",
    Outcome.ROLLED_BACK: "It did not take effect: what was begun was undone.",
    Outcome.APPLIED: "It took effect.",
    Outcome.PARTIALLY_APPLIED: "Part of it took effect.",
    Outcome.UNKNOWN: "Nobody can tell from this answer whether it took effect.",
}


def _may_pass(error: FailwellError) -> bool:
    if error.status_code is None:
        return error.kind in (Kind.CONNECTION, Kind.TIMEOUT)
    return error.status_code in TRANSIENT or error.kind is Kind.BAD_RESPONSE


def _happened(error: FailwellError) -> str:
    who = error.failure.api or "The API"
    name = who[:1].upper() + who[1:]
    status = f" ({error.status_code})" if error.status_code else ""
    code = f" {error.code}" if error.code else ""
    if error.status_code is None:
        return f"{name} gave no whole answer: {error.message}"
    return f"{name} answered{code}{status}: {error.message}"


def _retry(error: FailwellError, transient: bool) -> Literal["yes", "settle", "no"]:
    if error.outcome in (Outcome.UNKNOWN, Outcome.PARTIALLY_APPLIED):
        return "settle"
    if error.outcome is Outcome.APPLIED or not transient:
        return "no"
    return "yes"


def _when(error: FailwellError, retry: str) -> str:
    if retry == "settle":
        return "Only with the same idempotency key, or once it is known what became of it."
    if retry == "no":
        return "Not as it is."
    if error.retry_after is not None:
        return f"Yes, in {error.retry_after:g} seconds."
    return "Yes, after a pause that grows from one try to the next."
