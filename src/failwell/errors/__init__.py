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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from failwell.errors.base import FailwellError
from failwell.model import Failure, Kind, Outcome

if TYPE_CHECKING:
    from failwell.errors.jobs import JobError, JobFailedError, JobTimeoutError
    from failwell.errors.rollback import RollbackError

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


_LATER = {
    "JobError": "jobs",
    "JobFailedError": "jobs",
    "JobTimeoutError": "jobs",
    "RollbackError": "rollback",
}
"""Where those of jobs and of transactions are, for programs that have any."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
