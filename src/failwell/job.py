"""How an API speaks of work that goes on after it has answered.

A `Job` is a declaration, as a `Contract` is: where a job's record is to be read, which of its
states are final, where it says why it failed, and how it is called off.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from failwell.errors import InvalidRequestError, JobFailedError, JobTimeoutError

Member = str | Callable[[Any], Any]
"""A member of a record, as a path of names ("error.message"), or a function of the record."""

Phase = Literal["running", "succeeded", "failed", "cancelled"]

_SUCCEEDED = frozenset(
    {"succeeded", "success", "completed", "complete", "done", "finished", "ready", "ok"}
)
_FAILED = frozenset({"failed", "failure", "error", "errored", "timed_out", "expired"})
_CANCELLED = frozenset({"cancelled", "canceled", "aborted", "terminated"})


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()
"""What `member` finds where a record has no such member; a member that is null is None."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of job is watched; without arguments, one of whose API nothing is known.

    `url` makes the URL of a job's record out of its id ("jobs/{id}", below the client's base
    URL); it is needed only where a job is given by its id, or its creation answers without a
    `Location`. `record` is the path to the record inside an answer; all other members are members
    of the record.

    `state` is the member that tells the state, compared without regard to case with the three
    sets of final states; any other state, and none (null or empty), is still running. `state=None`
    goes by the status alone: 202 is running, any other answer is the end (RFC 9110 section
    15.3.3). `reason` and `code` are the API's own words for a failure, `progress` is a share from
    0 to 1. `cancel` is the method and URL that call a job off; `{id}` and `{url}` are filled in.

    The interval between two looks begins with `first` seconds and grows by `growth` up to `cap`;
    a `Retry-After` is a floor under it. `name` is what messages call the thing; `resume` is the
    line that waits for it again, where that is not `failwell wait` (`{id}`, `{url}` as above).

    Raises `ValueError` for a declaration that contradicts itself.
    """

    url: str | None = None
    id: Member = "id"
    record: str = ""
    state: Member | None = "status"
    succeeded: frozenset[str] = _SUCCEEDED
    failed: frozenset[str] = _FAILED
    cancelled: frozenset[str] = _CANCELLED
    reason: Member = "error"
    code: Member = "error.code"
    progress: Member | None = None
    cancel: tuple[str, str] | None = None
    first: float = 0.5
    growth: float = 1.5
    cap: float = 10.0
    name: str = "Job"
    resume: str | None = None
    failed_error: type[JobFailedError] = JobFailedError
    timeout_error: type[JobTimeoutError] = JobTimeoutError

    def __post_init__(self) -> None:
        _check_states(self)
        for name in ("first", "cap"):
            _check(getattr(self, name) > 0, f"{name}={getattr(self, name)!r}: above 0 seconds")
        _check(self.growth >= 1, f"growth={self.growth!r}: 1 or more")

    def phase(self, state: str) -> Phase:
        """What a job in this state is."""
        word = state.casefold()
        if word in _folded(self.succeeded):
            return "succeeded"
        if word in _folded(self.failed):
            return "failed"
        return "cancelled" if word in _folded(self.cancelled) else "running"

    def path(self, job_id: str) -> str:
        """The URL of a job's record, as far as it is known without the client's base URL.

        Raises `InvalidRequestError` for what is no id, or where `url` is not declared.
        """
        if self.url is None:
            raise InvalidRequestError.of(
                f"Nothing says where the job {job_id[:80]!r} is read: its declaration has no url=",
                advice='Declare it, as in Job(url="jobs/{id}"), or give the URL itself.',
            )
        return self.url.replace("{id}", _quoted(job_id))

    def cancellation(self, job_id: str, url: str) -> tuple[str, str] | None:
        """The method and URL that call this job off; None where the API has no such thing."""
        if self.cancel is None:
            return None
        method, template = self.cancel
        filled = template.replace("{id}", _quoted(job_id)) if "{id}" in template else template
        return method, filled.replace("{url}", url)


def member(record: Any, where: Member) -> Any:
    """The member of a record, `MISSING` where it has none.

    A function that cannot be computed for this record (`total` is 0, say) has found none.
    """
    if not isinstance(where, str):
        try:
            return where(record)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError):
            return MISSING
    for name in where.split(".") if where else ():
        if not isinstance(record, Mapping) or name not in record:
            return MISSING
        record = record[name]  # pyright: ignore[reportUnknownVariableType]
    return record  # pyright: ignore[reportUnknownVariableType]


def spelled(value: Any) -> str:
    """A state as text: JSON's own spelling, without quotes; empty for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def resumption(job: Job, job_id: str, url: str) -> str:
    """The line of a shell or of Python that waits for this job again."""
    if job.resume is not None:
        return job.resume.replace("{id}", job_id).replace("{url}", url)
    words = _options(job)
    if words is None:
        return f"failwell.wait(client, {url!r}, job=…)"
    return shlex.join(["failwell", "wait", url, *words])


def _options(job: Job) -> list[str] | None:
    """The options of `failwell wait` that say what `job` says; None where words cannot."""
    told = (job.state, job.reason)
    if any(callable(each) for each in told):
        return None
    words = [f"--{name}={getattr(job, name) or ''}" for name in _WORDS if _differs(job, name)]
    for name in ("succeeded", "failed", "cancelled"):
        if _differs(job, name):
            words += [f"--{name}={state}" for state in sorted(getattr(job, name))]
    return words


_WORDS = ("record", "state", "reason")


def _differs(job: Job, name: str) -> bool:
    return bool(getattr(job, name) != getattr(ANY_JOB, name))


def _folded(states: frozenset[str]) -> set[str]:
    return {state.casefold() for state in states}


def _quoted(job_id: str) -> str:
    if job_id in ("", ".", ".."):
        raise InvalidRequestError.of(f"{job_id!r} is not the id of a job")
    return quote(job_id, safe="")


def _check_states(job: Job) -> None:
    sets = [_folded(states) for states in (job.succeeded, job.failed, job.cancelled)]
    twice = (sets[0] & sets[1]) | (sets[0] & sets[2]) | (sets[1] & sets[2])
    _check(not twice, f"the states {sorted(twice)} cannot mean two things")
    _check(job.state is None or bool(sets[0]), "succeeded= names no state: it would never end")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


ANY_JOB = Job()
"""A job of whose API nothing is known, read by the words that most APIs use."""
