"""How a wait for a job ends: with its record, or with an exception that holds what is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from failwell import redaction
from failwell.errors import FailwellError, JobError
from failwell.flows.sight import Sighting, Watch
from failwell.job import MISSING, Member, member, resumption, spelled
from failwell.model import BODY_LIMIT, Failure, Kind, read_json

LONGEST_REASON = 4000
"""Characters of the API's reason in a message; the end of a traceback is what tells."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has ended: its last `state` and `record`, and the answer that showed them, as
    the HTTP library gives it. `error` is what the wait for it ended in otherwise."""

    job_id: str
    url: str
    state: str
    record: Any = None
    response: Any = None
    error: FailwellError | None = None
    tag: Any = None

    def result(self) -> Any:
        """The record of the job that succeeded. Raises `error` where there is one."""
        if self.error is not None:
            raise self.error
        return self.record


def again(watch: Watch) -> str:
    """How to wait for this job once more, in half a sentence."""
    return f"to wait for it again: {resumption(watch.job, watch.job_id, redaction.url(watch.url))}"


def finished(watch: Watch, last: Sighting) -> Finished:
    """The end of a job that succeeded."""
    return Finished(
        job_id=watch.job_id,
        url=redaction.url(last.url),
        state=last.state,
        record=last.record,
        response=None if last.reply is None else last.reply.native,
        tag=watch.tag,
    )


def given_up(watch: Watch, error: FailwellError) -> Finished:
    """The end of a wait that raised."""
    state, record = (error.state, error.record) if isinstance(error, JobError) else (None, None)
    return Finished(
        job_id=watch.job_id,
        url=redaction.url(watch.url),
        state=state or "",
        record=record,
        error=error,
        tag=watch.tag,
    )


def failed(watch: Watch, last: Sighting) -> JobError:
    """The exception for a job that failed or was cancelled, in the API's own words."""
    record = _clean(last)
    reason, code = (_said(record, each) for each in (watch.job.reason, watch.job.code))
    is_cancelled = last.phase == "cancelled"
    ended = "was cancelled" if is_cancelled else "failed"
    said = "" if is_cancelled and not reason else f": {_words(reason) or 'no reason given'}"
    return watch.job.failed_error(
        _scrubbed(
            watch,
            last,
            kind=Kind.CANCELLED if is_cancelled else Kind.UNPROCESSABLE,
            message=f"{watch.named} {ended}{said}",
            code=spelled(code)[:200] or None,
            details=None if isinstance(reason, str) else reason,
            advice="It has ended: waiting again shows the same. Correct what the reason names.",
        ),
        **_standing(watch, last),
    )


def late(watch: Watch, last: Sighting, trouble: FailwellError | None, floor: float) -> JobError:
    """The exception for a job that has not ended in time, which says how to go on waiting."""
    state = last.state or ("not seen yet" if last.reply is None else "under way")
    blame = "" if trouble is None else f"; the last look at it failed: {trouble.message}"
    message = f"{watch.named} is still {state} after {watch.timeout or 0:g} seconds{blame}"
    return watch.job.timeout_error(
        _scrubbed(
            watch,
            last,
            kind=Kind.TIMEOUT,
            message=message,
            code=last.state or None,
            details=None,
            retry_after=floor or None,
            advice=f"It goes on without you; {again(watch)}",
        ),
        **_standing(watch, last),
    )


def _scrubbed(watch: Watch, last: Sighting, *, message: str, details: Any, **facts: Any) -> Failure:
    secrets = _secrets(last)
    packed = b"" if details is None else _bounded(details, secrets)
    headers: Mapping[str, str] = {} if last.reply is None else last.reply.headers
    return Failure(
        message=redaction.words(message, secrets),
        details_json=packed,
        request_id=headers.get(watch.contract.request_ids.header),
        api=watch.contract.name,
        method="GET",
        url=redaction.address(last.url, secrets),
        **facts,
    )


def _standing(watch: Watch, last: Sighting) -> dict[str, Any]:
    return {
        "job_id": watch.job_id,
        "state": last.state,
        "record_json": b"" if last.record is None else _bounded(last.record, _secrets(last)),
    }


def _bounded(value: Any, secrets: tuple[str, ...]) -> bytes:
    """The value as JSON without secrets; nothing where it is too large to keep whole."""
    packed = redaction.scrub(msgspec.json.encode(value), secrets)
    return packed if len(packed) <= BODY_LIMIT else b""


def _clean(last: Sighting) -> Any:
    """The record without secrets."""
    return read_json(redaction.scrub(msgspec.json.encode(last.record), _secrets(last)))


def _secrets(last: Sighting) -> tuple[str, ...]:
    return redaction.secrets_of(last.reply.asked if last.reply else {}, last.url, None)


def _said(record: Any, where: Member) -> Any:
    said = member(record, where)
    return None if said is MISSING else said


def _words(reason: Any) -> str:
    """The reason as text: its own message where it is an object, else its JSON."""
    if isinstance(reason, dict) and isinstance(message := member(reason, "message"), str):
        reason = message
    text = spelled(reason)
    return text if len(text) <= LONGEST_REASON else f"…{text[-LONGEST_REASON:]}"
