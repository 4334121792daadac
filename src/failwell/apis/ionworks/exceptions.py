"""Ionworks' exception: one public type, and a private leaf of each kind below it.

`except IonworksError` catches whatever Ionworks does; `except failwell.NotFoundError` catches that
kind from any API.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, cast

from failwell import errors
from failwell.errors import FailwellError
from failwell.model import Failure, Issue, Kind, Outcome

__all__ = ["IonworksError"]


class IonworksError(FailwellError):
    """Any failure of a call to Ionworks: `message`, `data`, `status_code`, `error_code` and the
    rest of what failwell's exceptions carry.

    Source: Ionworks' guide "Error Handling" and its client's `IonworksError`.
    """

    @property
    def error_code(self) -> str | None:
        """Ionworks' machine-readable code, such as "NOT_FOUND"; None where it gave none."""
        return None if self.data is None else self.failure.code

    @property
    def data(self) -> dict[str, Any] | None:
        """The whole error body; None where no answer came or it is not in Ionworks' shape."""
        body = super().data
        if not isinstance(body, dict) or "error_code" not in body:
            return None
        return cast("dict[str, Any]", body)

    @property
    def correlation_id(self) -> str | None:
        """The `x-correlation-id` to quote to support; the same as `request_id`."""
        return self.request_id

    def __str__(self) -> str:
        return f"error code: {self.status_code}, message: {self.message}"


class _ConnectionError(IonworksError, errors.APIConnectionError):
    """No whole answer came."""


class _TimeoutError(_ConnectionError, errors.APITimeoutError):
    """No whole answer came in time."""


class _DeadlineExceededError(_TimeoutError, errors.DeadlineExceededError):
    """The call's total deadline ran out while an attempt was under way."""


class _BadResponseError(IonworksError, errors.BadResponseError):
    """It answered with something that is not Ionworks' JSON."""


class _APIError(IonworksError, errors.APIError):
    """Ionworks answered with a failure; plain for a 405."""


class _BadRequestError(_APIError, errors.BadRequestError):
    """`BAD_REQUEST`, 400."""


class _UnauthorizedError(_APIError, errors.AuthenticationError):
    """`UNAUTHORIZED`, 401."""


class _ForbiddenError(_APIError, errors.PermissionDeniedError):
    """`FORBIDDEN`, 403."""


class _NotFoundError(_APIError, errors.NotFoundError):
    """`NOT_FOUND`, 404."""


class _ConflictError(_APIError, errors.ConflictError):
    """`CONFLICT`, 409."""


class _GoneError(_APIError, errors.GoneError):
    """`GONE`, 410."""


class _PayloadTooLargeError(_APIError, errors.PayloadTooLargeError):
    """`PAYLOAD_TOO_LARGE`, 413."""


class _UnprocessableError(_APIError, errors.UnprocessableError):
    """`VALIDATION_ERROR`, 422."""


class _RateLimitedError(_APIError, errors.RateLimitError):
    """`RATE_LIMITED`, 429."""


class _ServerError(_APIError, errors.ServerError):
    """`INTERNAL_ERROR`, 500, or a gateway's 502 or 504."""


class _UnavailableError(_ServerError, errors.ServiceUnavailableError):
    """`SERVICE_UNAVAILABLE`, 503."""


class _CircuitOpenError(IonworksError, errors.CircuitOpenError):
    """Ionworks has failed too often of late and was not asked."""


class _JobFailedError(IonworksError, errors.JobFailedError):
    """A simulation, a pipeline or the processing of a measurement failed, or was cancelled."""


class _JobTimeoutError(IonworksError, errors.JobTimeoutError, builtins.TimeoutError):
    """What was waited for had not ended when the time was up."""


class _InvalidMeasurementError(IonworksError, errors.InvalidRequestError):
    """The time series was refused before it was sent; `issues` say what is wrong with it."""


DEADLINE_ERROR = _DeadlineExceededError
CIRCUIT_ERROR = _CircuitOpenError
JOB_FAILED = _JobFailedError
JOB_TIMEOUT = _JobTimeoutError


def invalid_measurement(issues: Sequence[Issue]) -> IonworksError:
    """The refusal of a time series with these issues."""
    return _InvalidMeasurementError(
        Failure(
            kind=Kind.BAD_REQUEST,
            message=f"The time series cannot be uploaded: {'; '.join(i.message for i in issues)}",
            issues=tuple(issues),
            outcome=Outcome.NOT_STARTED,
            api="ionworks",
            advice="Correct the time series; nothing was sent.",
        )
    )


BY_KIND: dict[Kind, type[FailwellError]] = {
    Kind.BAD_REQUEST: _BadRequestError,
    Kind.UNAUTHENTICATED: _UnauthorizedError,
    Kind.PERMISSION_DENIED: _ForbiddenError,
    Kind.NOT_FOUND: _NotFoundError,
    Kind.METHOD_NOT_ALLOWED: _APIError,
    Kind.CONFLICT: _ConflictError,
    Kind.GONE: _GoneError,
    Kind.TOO_LARGE: _PayloadTooLargeError,
    Kind.UNPROCESSABLE: _UnprocessableError,
    Kind.RATE_LIMITED: _RateLimitedError,
    Kind.OTHER_CLIENT: _APIError,
    Kind.INTERNAL: _ServerError,
    Kind.UNAVAILABLE: _UnavailableError,
    Kind.GATEWAY: _ServerError,
    Kind.CONNECTION: _ConnectionError,
    Kind.TIMEOUT: _TimeoutError,
    Kind.BAD_RESPONSE: _BadResponseError,
    Kind.CANCELLED: _ConnectionError,
}
