"""What a wait for a job at IonQ ends in, where the job did not succeed.

Each is made in two ways: by a wait, out of a `Failure` and the job's last record, and by hand, with
the arguments that IonQ's client documents.

Source: `ionq_core.polling` of IonQ's client 0.2.0.
"""

from __future__ import annotations

from typing import Any, overload

import msgspec

from failwell import errors
from failwell.apis.ionq.exceptions import IonQError
from failwell.job import member
from failwell.model import Attempt, Failure, Kind, Sent


class JobFailedError(IonQError, errors.JobFailedError):
    """A job that was waited for failed: which one (`job_id`), and why (`failure`, with IonQ's own
    `code`; IonQ's own object is `details`)."""

    @overload
    def __init__(
        self,
        failure: Failure,
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
        *,
        job_id: str | None = None,
        state: str | None = None,
        record_json: bytes = b"",
    ) -> None: ...
    @overload
    def __init__(self, job_id: str, failure: object) -> None: ...
    def __init__(self, *given: Any, **named: Any) -> None:
        if _is_of_facts(given, named):
            errors.JobError.__init__(self, *given, **named)
        else:
            errors.JobError.__init__(self, **_failed(*given, **named))


class JobTimeoutError(IonQError, errors.JobTimeoutError):
    """A job that was waited for had not ended in `timeout` seconds; `last_status` is how it was
    last seen."""

    timeout: float | None = None

    @overload
    def __init__(
        self,
        failure: Failure,
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
        *,
        job_id: str | None = None,
        state: str | None = None,
        record_json: bytes = b"",
    ) -> None: ...
    @overload
    def __init__(self, job_id: str, timeout: float, last_status: str) -> None: ...
    def __init__(self, *given: Any, **named: Any) -> None:
        if _is_of_facts(given, named):
            errors.JobError.__init__(self, *given, **named)
            return
        facts, self.timeout = _late(*given, **named)
        errors.JobError.__init__(self, **facts)

    @property
    def last_status(self) -> str | None:
        """The job's status when it was last seen; empty where it never was."""
        return self.state

    @property
    def _job(self) -> dict[str, Any]:
        return super()._job | {"timeout": self.timeout}


def _is_of_facts(given: tuple[Any, ...], named: dict[str, Any]) -> bool:
    """Whether it is made by a wait; by hand, a failure never stands alone."""
    first = given[0] if given else named.get("failure")
    return isinstance(first, Failure)


def _failed(job_id: str, failure: object) -> dict[str, Any]:
    """The facts of a job that failed, told by hand; `failure` is IonQ's object, or None."""
    told = _plain(failure)
    code = member(told, "code")
    record = {"id": job_id, "status": "failed", "failure": told}
    facts = Failure(
        kind=Kind.UNPROCESSABLE,
        message=f"Job {job_id} failed: {failure}",
        code=code if isinstance(code, str) else None,
        details_json=b"" if told is None else msgspec.json.encode(told),
        api="ionq",
    )
    return _ended(facts, job_id, "failed") | {"record_json": msgspec.json.encode(record)}


def _late(job_id: str, timeout: float, last_status: str) -> tuple[dict[str, Any], float]:
    """The facts of a job that was not done in time, told by hand."""
    message = f"Job {job_id} did not complete within {timeout}s (last status: {last_status})"
    facts = Failure(kind=Kind.TIMEOUT, message=message, code=last_status, api="ionq")
    return _ended(facts, job_id, last_status), timeout


def _ended(facts: Failure, job_id: str, state: str) -> dict[str, Any]:
    return {"failure": facts, "job_id": job_id, "state": state}


def _plain(failure: object) -> Any:
    """IonQ's object as JSON has it: from a mapping, a record, or whatever has a code and a
    message; its text where it is none of these."""
    if failure is None:
        return None
    try:
        return msgspec.to_builtins(failure)
    except TypeError:
        pass
    parts = {name: getattr(failure, name, None) for name in ("code", "message")}
    known = {name: str(part) for name, part in parts.items() if part is not None}
    return known or str(failure)
