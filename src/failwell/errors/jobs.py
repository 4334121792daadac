"""The exceptions of a job that was waited for."""

from __future__ import annotations

from typing import Any

from failwell.errors.base import FailwellError
from failwell.model import Attempt, Failure, Sent, read_json


class JobError(FailwellError):
    """A job that was waited for did not succeed: which one (`job_id`), its last `state`, and its
    last `record`, without secrets."""

    job_id: str | None = None
    state: str | None = None
    record_json: bytes = b""

    def __init__(
        self,
        failure: Failure,
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
        *,
        job_id: str | None = None,
        state: str | None = None,
        record_json: bytes = b"",
    ) -> None:
        super().__init__(failure, attempts, sent)
        self.job_id = job_id
        self.state = state
        self.record_json = record_json

    @property
    def record(self) -> Any:
        """The job's last record, decoded; None where none came, or it was too large to keep."""
        return read_json(self.record_json)

    def __reduce__(self) -> tuple[Any, ...]:
        return *super().__reduce__(), self._job

    def __eq__(self, other: object) -> bool:
        if super().__eq__(other) is not True:
            return NotImplemented
        assert isinstance(other, JobError)
        return self._job == other._job

    __hash__ = FailwellError.__hash__

    @property
    def _job(self) -> dict[str, Any]:
        return {"job_id": self.job_id, "state": self.state, "record_json": self.record_json}


class JobFailedError(JobError):
    """The job that was waited for ended in failure; the message is the API's own reason."""


class JobTimeoutError(JobError):
    """The job that was waited for had not ended when the time was up."""
