"""The classes of the kinds that IonQ's reference has none of its own for, and the class of each.

Each is the nearest class of IonQ's, and failwell's of that kind.
"""

from __future__ import annotations

from failwell import errors
from failwell.apis.ionq.exceptions import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    IonQError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from failwell.errors import FailwellError
from failwell.model import Kind


class ConflictError(APIError, errors.ConflictError):
    """409: the job is finished, or the session has ended."""


class GoneError(APIError, errors.GoneError):
    """410, which IonQ does not document."""


class PayloadTooLargeError(APIError, errors.PayloadTooLargeError):
    """413: the job is too large in bytes, circuits or gates."""


class UnprocessableError(APIError, errors.UnprocessableError):
    """422, which IonQ does not document."""


class ServiceUnavailableError(ServerError, errors.ServiceUnavailableError):
    """503: a part of IonQ is away for now."""


class BadResponseError(IonQError, errors.BadResponseError):
    """It answered with something that is not IonQ's JSON."""

    _kind = Kind.BAD_RESPONSE


class DeadlineExceededError(APITimeoutError, errors.DeadlineExceededError):
    """The call's total deadline ran out while an attempt was under way."""


class CircuitOpenError(IonQError, errors.CircuitOpenError):
    """IonQ has failed too often of late and was not asked; `retry_after` says when it is again."""

    _kind = Kind.UNAVAILABLE


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
