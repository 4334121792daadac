"""What does an error say about a step of a transaction, or about undoing it once more?"""

from __future__ import annotations

import msgspec

from failwell import redaction
from failwell.contract import IDEMPOTENT
from failwell.errors import FailwellError
from failwell.model import Kind, Outcome

_PERMANENT = frozenset(
    {Kind.BAD_REQUEST, Kind.UNAUTHENTICATED, Kind.PERMISSION_DENIED, Kind.NOT_FOUND}
    | {Kind.METHOD_NOT_ALLOWED, Kind.GONE, Kind.TOO_LARGE, Kind.UNPROCESSABLE}
)


class Setback(msgspec.Struct, frozen=True, kw_only=True):
    """What an error says about a compensation or a question that met it.

    `made`: the compensation's effect stands all the same. `again`: it may go well if it is tried
    once more, `retry_after` seconds from now where that is known. `later`: to try it on another
    day, when somebody has seen to the cause, is safe.
    """

    why: str
    made: bool = False
    again: bool = True
    later: bool = True
    retry_after: float | None = None


def said(error: BaseException) -> str:
    """An error in words that may be kept and shown."""
    name = type(error).__name__
    return redaction.text(f"{name}: {error}") if str(error) else name


def outcome_of(error: BaseException) -> Outcome | None:
    """What the error of a step says about the step's effect.

    failwell's own say it. A lost connection, a time-out and an interruption leave it open.
    Anything else is taken at its word: the step raised, so it left nothing behind.
    """
    if isinstance(error, FailwellError):
        return error.outcome
    is_open = isinstance(error, (ConnectionError, TimeoutError)) or not isinstance(error, Exception)
    return Outcome.UNKNOWN if is_open else Outcome.NOT_STARTED


def judge(error: Exception, *, keyed: bool) -> Setback:
    """What the error of a compensation, or of a question, says about trying it again; `keyed`
    where a key makes that safe whatever became of it."""
    if not isinstance(error, FailwellError):
        return Setback(why=said(error))
    failure = error.failure
    is_own = failure.outcome is Outcome.NOT_STARTED  # a proxy's 404, or a wrong path's, proves less
    is_absent = failure.kind in (Kind.NOT_FOUND, Kind.GONE)
    is_gone = failure.method == "DELETE" and is_absent and is_own
    if is_gone or failure.outcome is Outcome.APPLIED:
        return Setback(why=failure.message, made=True)
    is_open = failure.outcome in (Outcome.UNKNOWN, Outcome.PARTIALLY_APPLIED)
    may_pass = failure.kind not in _PERMANENT if failure.transient is None else failure.transient
    is_safe = keyed or not is_open or failure.method in IDEMPOTENT
    return Setback(
        why=failure.message,
        again=is_safe and may_pass,
        later=is_safe,
        retry_after=failure.retry_after,
    )
