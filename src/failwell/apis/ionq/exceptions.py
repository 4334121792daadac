"""IonQ's exceptions.

IonQError
├── APIConnectionError          no whole answer came
│   └── APITimeoutError         none came in time
└── APIError                    HTTP 4xx and 5xx; plain for a 4xx without a class of its own
    ├── BadRequestError         400
    ├── AuthenticationError     401
    ├── PermissionDeniedError   403
    ├── NotFoundError           404
    ├── RateLimitError          429
    └── ServerError             5xx

Each is also failwell's class of its kind. They are made in two ways: by a client, out of a
`Failure` and the call's attempts, and by hand, with the arguments that IonQ documents.

Source: IonQ's reference of `ionq_core.exceptions`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell import errors
from failwell.errors import FailwellError
from failwell.model import Attempt, Failure, Kind, Sent, kind_of, read_json

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "IonQError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
]

Body = dict[str, Any] | str | None

_TEXT_LIMIT = 500
"""Characters of a body that is not JSON."""


class IonQError(FailwellError):
    """Any failure of a call to IonQ, a job that failed or was not done in time included."""

    _kind = Kind.OTHER_CLIENT

    def __init__(
        self,
        failure: Failure | str = "",
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
    ) -> None:
        if isinstance(failure, str):
            failure = Failure(kind=self._kind, message=failure, api="ionq")
        super().__init__(failure, attempts, sent)

    @property
    def body(self) -> Any:
        """The answer's body: decoded where it is JSON, else its text up to 500 characters; None
        where there is none."""
        body = self.failure.body
        if not body:
            return None
        decoded = read_json(body)
        return body.decode("utf-8", "replace")[:_TEXT_LIMIT] if decoded is None else decoded


class APIConnectionError(IonQError, errors.APIConnectionError):
    """No whole answer came; `__cause__` is the transport's own error, and the message begins with
    its class."""

    _kind = Kind.CONNECTION


class APITimeoutError(APIConnectionError, errors.APITimeoutError):
    """No whole answer came in time; the message is the transport's own text, without its class."""

    _kind = Kind.TIMEOUT

    def __init__(
        self,
        failure: Failure | str = "",
        attempts: tuple[Attempt, ...] = (),
        sent: Sent | None = None,
    ) -> None:
        if isinstance(failure, Failure) and attempts:
            text = failure.message.removeprefix(f"{attempts[-1].fault}: ")
            failure = msgspec.structs.replace(failure, message=text)
        super().__init__(failure, attempts, sent)


class APIError(IonQError, errors.APIError):
    """IonQ answered with a failure: `status_code`, `body`, `message` and `request_id`."""

    def __init__(
        self,
        status_code: int | Failure,
        body: Body | tuple[Attempt, ...] = None,
        message: str | Sent | None = None,
        *,
        request_id: str | None = None,
    ) -> None:
        if isinstance(status_code, Failure):
            _init(self, status_code, body, message)
        else:
            super().__init__(_by_hand(status_code, body, message, None, request_id))


class BadRequestError(APIError, errors.BadRequestError):
    """400: the body or the query failed validation; `body["validation"]` names the keys."""


class AuthenticationError(APIError, errors.AuthenticationError):
    """401: the API key is missing, unknown or revoked."""


class PermissionDeniedError(APIError, errors.PermissionDeniedError):
    """403: the API key is good and has not this right."""


class NotFoundError(APIError, errors.NotFoundError):
    """404: no such job, session or backend, or no results yet."""


class RateLimitError(APIError, errors.RateLimitError):
    """429: too many requests; `retry_after` is in seconds, None where IonQ did not say."""

    def __init__(
        self,
        status_code: int | Failure = 429,
        body: Body | tuple[Attempt, ...] = None,
        message: str | Sent | None = None,
        retry_after: float | None = None,
        *,
        request_id: str | None = None,
    ) -> None:
        if isinstance(status_code, Failure):
            _init(self, status_code, body, message)
        else:
            failure = _by_hand(status_code, body, message, retry_after, request_id)
            IonQError.__init__(self, failure)


class ServerError(APIError, errors.ServerError):
    """5xx: IonQ failed; mostly transient."""


def raise_for_status(
    status_code: int,
    body: Body = None,
    retry_after: float | None = None,
    message: str | None = None,
    *,
    request_id: str | None = None,
) -> None:
    """Raise the exception of an HTTP status; nothing for one below 400.

    The order of its arguments is IonQ's, and not that of `RateLimitError`. Raises the class that
    the status has, `ServerError` for any other from 500 on, and a plain `APIError` for any other
    4xx.
    """
    if status_code < 400:
        return
    other = ServerError if status_code >= 500 else APIError
    cls = _STATUS_TO_EXCEPTION.get(status_code, other)
    if cls is RateLimitError:
        raise RateLimitError(status_code, body, message, retry_after, request_id=request_id)
    raise cls(status_code, body, message, request_id=request_id)


_STATUS_TO_EXCEPTION: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
}


def _init(error: IonQError, failure: Failure, attempts: Any, sent: Any) -> None:
    IonQError.__init__(error, failure, attempts or (), sent)


def _by_hand(
    status: int, body: Any, message: Any, retry_after: float | None, request_id: str | None
) -> Failure:
    return Failure(
        kind=kind_of(status),
        status=status,
        message=message or f"HTTP {status}",
        request_id=request_id,
        retry_after=retry_after,
        body=_spelled(body),
        api="ionq",
    )


def _spelled(body: Any) -> bytes:
    """The body as bytes that `IonQError.body` reads back as it was given."""
    if body is None:
        return b""
    if isinstance(body, str) and read_json(body.encode("utf-8", "replace")) is None:
        return body.encode("utf-8", "replace")
    return msgspec.json.encode(body)
