"""One failure in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from failwell import redaction
from failwell.contract import TRANSIENT
from failwell.contract.titles import title_of
from failwell.errors import APIConnectionError, FailwellError
from failwell.explanation.found import failure_in
from failwell.explanation.record import Explanation, Retry, Trouble
from failwell.model import Issue, Kind, Outcome
from failwell.narrative import spell_seconds


def of_any(error: BaseException, fields: Mapping[str, str]) -> Explanation:
    """What the exception means, whosever it is."""
    known = failure_in(error)
    return _of_other(error) if known is None else of_error(known, fields)


def _of_other(error: BaseException) -> Explanation:
    return Explanation(
        happened=f"{type(error).__name__}: {redaction.text(str(error))}",
        effect="This exception does not say.",
        charge="This exception does not say.",
        retry="no",
        when="Not before you know what raised it.",
        advice="failwell has no account of it here: look at its traceback, and at the log.",
        ask="",
    )


def of_error(error: FailwellError, fields: Mapping[str, str]) -> Explanation:
    """What the failure means; `fields` are the caller's own names by the API's paths."""
    retry = _retry(error)
    failure = error.failure
    return Explanation(
        happened=_happened(error),
        effect=_EFFECT[error.outcome],
        charge=_charge(error),
        retry=retry,
        when=_when(error, retry),
        advice=error.advice,
        ask=_ask(error),
        api=failure.api,
        status=error.status_code,
        code=error.code,
        kind=error.kind,
        outcome=error.outcome,
        charged=None if error.outcome is Outcome.UNKNOWN else failure.charged,
        retry_after=error.retry_after,
        request_id=error.request_id,
        support=failure.support,
        issues=tuple(_trouble(issue, fields) for issue in error.issues),
    )


_EFFECT: dict[Outcome | None, str] = {
    None: "It was a read: there was nothing to take effect.",
    Outcome.NOT_STARTED: "It did not take effect: it was refused before anything was done.",
    Outcome.ROLLED_BACK: "It did not take effect: what was begun was undone.",
    Outcome.APPLIED: "It took effect.",
    Outcome.PARTIALLY_APPLIED: "Part of it took effect.",
    Outcome.UNKNOWN: "Nobody can tell from this answer whether it took effect.",
}


def _happened(error: FailwellError) -> str:
    name = title_of(error.failure.api) or "The API"
    status = f" ({error.status_code})" if error.status_code else ""
    code = f" {error.code}" if error.code else ""
    if isinstance(error, APIConnectionError) and error.status_code is None:
        return f"{name} gave no whole answer: {error.message}"
    if error.status_code is None:
        return f"{name}: {error.message}"
    return f"{name} answered{code}{status}: {error.message}"


def _charge(error: FailwellError) -> str:
    if error.outcome is Outcome.UNKNOWN:
        return "Not known before it is known whether it took effect."
    if error.failure.charged is None:
        return "The API's contract does not say."
    return "Yes, all the same." if error.failure.charged else "No."


def _retry(error: FailwellError) -> Retry:
    if error.outcome in (Outcome.UNKNOWN, Outcome.PARTIALLY_APPLIED):
        return "settle"
    if error.outcome is Outcome.APPLIED or not _may_pass(error):
        return "no"
    return "yes"


def _may_pass(error: FailwellError) -> bool:
    if error.failure.transient is not None:
        return error.failure.transient
    if error.status_code is None:
        return error.kind in (Kind.CONNECTION, Kind.TIMEOUT)
    return error.status_code in TRANSIENT or error.kind is Kind.BAD_RESPONSE


def _when(error: FailwellError, retry: Retry) -> str:
    if retry == "yes" and error.retry_after is not None:
        return f"Yes, in {spell_seconds(error.retry_after)}."
    if error.kind is Kind.CONFLICT and retry == "no" and error.outcome is not Outcome.APPLIED:
        return "Not before the conflict is resolved."  # RFC 9110 section 15.5.10: then resubmitted
    return WHEN[retry]


WHEN: dict[Retry, str] = {
    "yes": "Yes, after a pause that grows from one try to the next.",
    "settle": "Only with the same idempotency key, or once it is known what became of it.",
    "no": "Not as it is.",
}


def _ask(error: FailwellError) -> str:
    support, request_id = error.failure.support, error.request_id
    if request_id is None:
        return f"{support}; this failure has no request id." if support else ""
    return f"{support or 'whoever runs the API'}; quote the request id {request_id}."


def _trouble(issue: Issue, fields: Mapping[str, str]) -> Trouble:
    return Trouble(message=issue.message, field=_own_name(issue, fields), code=issue.code)


def _own_name(issue: Issue, fields: Mapping[str, str]) -> str | None:
    """The caller's name of the nearest field at or above the issue's, and the way on from there."""
    for spelt in (issue.path, issue.pointer):
        for path in sorted(fields, key=len, reverse=True):
            if spelt and spelt.startswith(path) and spelt[len(path) :][:1] in ("", ".", "[", "/"):
                return fields[path] + spelt[len(path) :]
    return issue.path or issue.pointer
