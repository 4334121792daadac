"""The exceptions, and the facts each one carries.

FailwellError
├── InvalidRequestError (ValueError)     refused before anything was sent
├── APIConnectionError                   no whole answer came
│   └── APITimeoutError
│       └── DeadlineExceededError        the call's own total deadline ran out
├── APIError                             the API answered with a failure
│   ├── BadRequestError                  400
│   ├── AuthenticationError              401
│   ├── PermissionDeniedError            403
│   ├── NotFoundError                    404
│   ├── ConflictError                    409
│   ├── GoneError                        410
│   ├── PayloadTooLargeError             413
│   ├── UnprocessableError               422
│   ├── RateLimitError                   429
│   └── ServerError                      5xx
│       └── ServiceUnavailableError      503
├── BadResponseError                     it answered, and the answer could not be read
├── CircuitOpenError                     it is down, and was not asked
├── RunError                             a run cannot vouch for the write, which was not sent
└── JobError                             a job that was waited for
    ├── JobFailedError                   failed, or was cancelled
    └── JobTimeoutError                  did not end in time

RollbackError (ExceptionGroup)           a transaction failed, and not all of it could be undone

Each but the last is a `Failure` with the call's attempts around it. All pickle, copy and compare
by those; none holds a request or a response, and none shows a credential.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec

from failwell import narrative
from failwell.later import whole
from failwell.model import Attempt, Failure, Issue, Kind, Outcome, Sent, Todo, read_json

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BadResponseError",
    "CircuitOpenError",
    "ConflictError",
    "DeadlineExceededError",
    "FailwellError",
    "GoneError",
    "InvalidRequestError",
    "JobError",
    "JobFailedError",
    "JobTimeoutError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "RateLimitError",
    "RollbackError",
    "RunError",
    "ServerError",
    "ServiceUnavailableError",
    "UnprocessableError",
]


class FailwellError(Exception):
    """Any failure of a call, with its facts (`failure`), its history (`attempts`) and what was
    `sent`, as far as that may be kept.

    `str()` of it is the human sentence. Two are equal when class, facts and history are.
    """

    sent: Sent | None
    _is_whole = False

    def __init__(
        self,
        failure: Failure,
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
    ) -> None:
        Exception.__init__(self)  # what is said is made out later; see `args`
        self._failure = failure
        self._attempts = attempts
        self.sent = sent

    @property
    def failure(self) -> Failure:
        """The facts, each of them made out."""
        if not self._is_whole:
            self._failure, self._is_whole = whole(self._failure), True
        return self._failure

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The history of the call, the oldest first."""
        if self._attempts:
            self._attempts = tuple(map(whole, self._attempts))
        return self._attempts

    if not TYPE_CHECKING:  # there, it is what every exception has

        @property
        def args(self):
            """The message; a person may put something else in its place."""
            return _given(self) or (self.message,)

        @args.setter
        def args(self, given):
            BaseException.args.__set__(self, given)

    def __str__(self) -> str:
        return super().__str__() if _given(self) else self.message

    @property
    def message(self) -> str:
        """The human sentence, the API's own where it gave one."""
        return self._failure.message

    @property
    def kind(self) -> Kind:
        """What went wrong, in one closed set of words for every API."""
        return self._failure.kind

    @property
    def status_code(self) -> int | None:
        """The HTTP status; None where no answer came."""
        return self._failure.status

    @property
    def code(self) -> str | None:
        """The API's own machine-readable code."""
        return self._failure.code

    @property
    def outcome(self) -> Outcome | None:
        """Whether the write took effect; None for a read."""
        return self._failure.outcome

    @property
    def details(self) -> Any:
        """The API's structured extra, whatever its shape; None where there is none."""
        return self._failure.details

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The single problems inside the failure, each with path and pointer where known."""
        return self._failure.issues

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The issues as plain dictionaries."""
        return [msgspec.to_builtins(issue) for issue in self._failure.issues]

    @property
    def body(self) -> str:
        """The answer's body as text, scrubbed of secrets and bounded; empty where none came."""
        return self._failure.body.decode("utf-8", "replace")

    @property
    def data(self) -> Any:
        """The answer's body decoded from JSON; None where it is not JSON."""
        return read_json(self._failure.body)

    @property
    def request_id(self) -> str | None:
        """The id to quote to whoever runs the API."""
        return self._failure.request_id

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the API asked to be called again, counted from its answer."""
        return self._failure.retry_after

    @property
    def timestamp(self) -> str | None:
        """When the API says it failed, as it wrote it (ISO 8601)."""
        return self._failure.timestamp

    @property
    def advice(self) -> str:
        """What to do now, in a sentence or two."""
        return self._failure.advice or narrative.advice(self._failure)

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        """The story of the call, for the traceback (PEP 678); told only when somebody looks."""
        notes: list[str] | None = self.__dict__.get("_notes")
        if notes is None:
            notes = self.__dict__["_notes"] = [self._story()] if self._attempts else []
        return notes

    def _story(self) -> str:
        return narrative.story(self.attempts, self.outcome, self.request_id, self.advice)

    def __reduce__(self) -> tuple[Any, ...]:
        told = self.__dict__.get("_notes", [])
        added = told[1:] if self._attempts else told
        cause = _portable(self.__cause__)
        return _restore, (type(self), self.failure, self.attempts, self.sent, cause, added)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, FailwellError)
        return self.failure == other.failure and self.attempts == other.attempts

    def __hash__(self) -> int:
        return hash((type(self), self.failure.status, self.failure.code, self.failure.request_id))

    def __repr__(self) -> str:
        facts = {
            "status": self.status_code,
            "code": self.code,
            "outcome": self.outcome and self.outcome.value,
            "request_id": self.request_id,
        }
        said = "".join(f", {name}={value!r}" for name, value in facts.items() if value is not None)
        return f"{type(self).__name__}({self.message!r}{said})"


def _given(error: FailwellError) -> tuple[Any, ...]:
    """The arguments that Python itself knows of: none, but where a person has set them."""
    return cast("tuple[Any, ...]", vars(BaseException)["args"].__get__(error))


def _portable(cause: BaseException | None) -> BaseException | None:
    """The cause, or its own words where it would not survive pickling."""
    import pickle

    if cause is None:
        return None
    try:
        pickle.loads(pickle.dumps(cause))
    except Exception:
        return Exception(f"{type(cause).__qualname__}: {cause}")
    return cause


def _restore(
    cls: type[FailwellError],
    failure: Failure,
    attempts: tuple[Attempt, ...],
    sent: Sent | None,
    cause: BaseException | None,
    notes: list[str],
) -> FailwellError:
    error = cls.__new__(cls)
    FailwellError.__init__(error, failure, attempts, sent)
    error.__cause__ = cause
    for note in notes:
        error.add_note(note)
    return error


class InvalidRequestError(FailwellError, ValueError):
    """The call was refused here, before anything was sent: it says what is wrong and where."""

    @classmethod
    def of(cls, message: str, *, advice: str | None = None) -> InvalidRequestError:
        """The refusal that says `message`."""
        return cls(
            Failure(
                kind=Kind.BAD_REQUEST,
                message=message,
                outcome=Outcome.NOT_STARTED,
                advice=advice or "Correct the call; nothing was sent.",
            )
        )


class APIConnectionError(FailwellError):
    """No whole answer came; `outcome` says what is known of the write."""


class APITimeoutError(APIConnectionError):
    """No whole answer came in time."""


class DeadlineExceededError(APITimeoutError):
    """The call's total deadline ran out while an attempt was under way."""


class APIError(FailwellError):
    """The API answered with a failure; plain for a 4xx that has no class of its own."""


class BadRequestError(APIError):
    """400: the request is malformed."""


class AuthenticationError(APIError):
    """401: the credential is missing, unknown, revoked or expired."""


class PermissionDeniedError(APIError):
    """403: the credential is valid and has not this right."""


class NotFoundError(APIError):
    """404: no such resource, or not for this caller."""


class ConflictError(APIError):
    """409: the request clashes with the state of the resource."""


class GoneError(APIError):
    """410: it was there once."""


class PayloadTooLargeError(APIError):
    """413: the body is larger than the API takes."""


class UnprocessableError(APIError):
    """422: well-formed, and the API cannot carry it out."""


class RateLimitError(APIError):
    """429: too many requests; `retry_after` says when to come back, where the API said it."""


class ServerError(APIError):
    """5xx: the API failed."""


class ServiceUnavailableError(ServerError):
    """503: the API, or something behind it, is away for now."""


class BadResponseError(FailwellError):
    """The API answered, and the answer is not what was promised: HTML, or JSON that is cut."""


class CircuitOpenError(FailwellError):
    """The API has failed too often of late and was not asked; `retry_after` says when it is asked
    again, in seconds."""


class RunError(FailwellError):
    """A run's journal cannot vouch for the write, so it was not sent: its store is away, another
    write has the same name, or the run has ended."""


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


class RollbackError(ExceptionGroup[Exception]):
    """A transaction failed and not all of it could be undone: `todo` lists what is left.

    `first` is the error that ended the transaction. It is the first of the group; those of the
    compensations that failed follow it, so `except*` finds each by its class. It is no
    `FailwellError`, for that is the record of one call's failure, and this is about many calls.
    """

    first: Exception
    todo: tuple[Todo, ...]

    def __new__(
        cls,
        message: str,
        exceptions: Sequence[Exception],
        /,
        *,
        first: Exception,
        todo: Sequence[Todo],
    ) -> RollbackError:
        made = super().__new__(cls, message, exceptions)
        made.first, made.todo = first, tuple(todo)
        return made

    def __init__(
        self,
        message: str,
        exceptions: Sequence[Exception],
        /,
        *,
        first: Exception,
        todo: Sequence[Todo],
    ) -> None:
        super().__init__(message, exceptions)

    @classmethod
    def of(
        cls, first: Exception, todo: Sequence[Todo], errors: Sequence[Exception] = ()
    ) -> RollbackError:
        """The group of the first error and those of the compensations, with its to-do list."""
        left = "".join(f"\n  - {item}" for item in todo)
        message = f"{first}\nNot all of it could be undone. To do:{left}"
        return cls(message, [first, *errors], first=first, todo=todo)

    def derive(self, excs: Sequence[Exception], /) -> RollbackError:  # type: ignore[override]
        """A part of the group, with the same to-do list."""
        return type(self)(self.message, excs, first=self.first, todo=self.todo)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        members = [_portable(error) for error in self.exceptions]
        at = next((n for n, e in enumerate(self.exceptions) if e is self.first), None)
        first = _portable(self.first) if at is None else members[at]
        state = {"__notes__": self.__notes__} if hasattr(self, "__notes__") else None
        return _regroup, (type(self), self.message, members, first, self.todo), state


def _regroup(
    cls: type[RollbackError],
    message: str,
    members: list[Exception],
    first: Exception,
    todo: tuple[Todo, ...],
) -> RollbackError:
    return cls(message, members, first=first, todo=todo)


BY_KIND: dict[Kind, type[FailwellError]] = {
    Kind.BAD_REQUEST: BadRequestError,
    Kind.UNAUTHENTICATED: AuthenticationError,
    Kind.PERMISSION_DENIED: PermissionDeniedError,
    Kind.NOT_FOUND: NotFoundError,
    Kind.METHOD_NOT_ALLOWED: APIError,
    Kind.CONFLICT: ConflictError,
    Kind.GONE: GoneError,
    Kind.TOO_LARGE: PayloadTooLargeError,
    Kind.UNPROCESSABLE: UnprocessableError,
    Kind.RATE_LIMITED: RateLimitError,
    Kind.OTHER_CLIENT: APIError,
    Kind.INTERNAL: ServerError,
    Kind.UNAVAILABLE: ServiceUnavailableError,
    Kind.GATEWAY: ServerError,
    Kind.CONNECTION: APIConnectionError,
    Kind.TIMEOUT: APITimeoutError,
    Kind.BAD_RESPONSE: BadResponseError,
    Kind.CANCELLED: APIConnectionError,
}
"""The class of each kind; a contract may put its own in their places."""
