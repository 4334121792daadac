"""Flow's exceptions: the six that its error guide names, and one for each kind beside them.

`except FlowError` catches whatever Flow does; `except failwell.NotFoundError` catches that kind
from any API. `PermissionError` is also Python's own, and what could not connect is also Python's
own `ConnectionError`, for the guide's handlers catch those names.
"""

from __future__ import annotations

import builtins
from typing import Any, cast

from failwell import errors
from failwell.errors import FailwellError
from failwell.model import Kind


class FlowError(FailwellError):
    """Any failure of a call to Flow: `code`, `message`, `details`, `request_id`, `timestamp`,
    `status_code`, `outcome` and the rest of what failwell's exceptions carry."""

    def _detail(self, name: str) -> Any:
        details = self.details
        return cast("dict[str, Any]", details).get(name) if isinstance(details, dict) else None


class FlowConnectionError(FlowError, errors.APIConnectionError, builtins.ConnectionError):
    """No whole answer came."""


class FlowTimeoutError(FlowConnectionError, errors.APITimeoutError):
    """No whole answer came in time."""


class FlowDeadlineExceededError(FlowTimeoutError, errors.DeadlineExceededError):
    """The call's total deadline ran out while an attempt was under way."""


class FlowBadResponseError(FlowError, errors.BadResponseError):
    """It answered with something that is not Flow's JSON."""


class FlowAPIError(FlowError, errors.APIError):
    """Flow answered with a failure; plain for one that has no class of its own."""


class AuthenticationError(FlowAPIError, errors.AuthenticationError):
    """401: `code` tells a missing token from an expired, an invalid, and a wrong password."""


class PermissionError(FlowAPIError, errors.PermissionDeniedError, builtins.PermissionError):
    """403: this user may not do that."""

    @property
    def required_permission(self) -> str | None:
        """The level that it takes: "read", "edit", "share" or "owner"."""
        return cast("str | None", self._detail("required_permission"))

    @property
    def user_permission(self) -> str | None:
        """The level that the user has; None for none."""
        return cast("str | None", self._detail("user_permission"))

    @property
    def resource_type(self) -> str | None:
        """What it is that the user may not touch, such as "sample"."""
        return cast("str | None", self._detail("resource_type"))

    @property
    def resource_id(self) -> int | None:
        """The number of that resource."""
        return cast("int | None", self._detail("resource_id"))


class ValidationError(FlowAPIError, errors.BadRequestError):
    """400: Flow refused what was sent."""

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What is wrong with which field, as `{"field": ..., "message": ...}`; empty where the
        failure names none."""
        return [{"field": issue.path or "", "message": issue.message} for issue in self.issues]


class UnprocessableError(ValidationError, errors.UnprocessableError):
    """422: the same, on the routes under `/v2`."""


class NotFoundError(FlowAPIError, errors.NotFoundError):
    """404: there is no such thing."""

    @property
    def resource_type(self) -> str | None:
        """What was asked for, such as "sample"."""
        return cast("str | None", self._detail("resource_type"))

    @property
    def resource_id(self) -> int | None:
        """The number that it was asked for by."""
        return cast("int | None", self._detail("resource_id"))


class ConflictError(FlowAPIError, errors.ConflictError):
    """409: it exists already, or is locked."""


class GoneError(FlowAPIError, errors.GoneError):
    """410: a download link whose time is over."""


class PayloadTooLargeError(FlowAPIError, errors.PayloadTooLargeError):
    """413: a file over the limit; `details` has `max_size` and `file_size` in bytes."""


class RateLimitError(FlowAPIError, errors.RateLimitError):
    """429: the hour's quota is used up; `retry_after` is in seconds."""


class ServerError(FlowAPIError, errors.ServerError):
    """5xx: Flow failed, or an execution whose outputs were asked for did."""


class ServiceUnavailableError(ServerError, errors.ServiceUnavailableError):
    """503: Flow is under maintenance, or a part of it is away."""


class FlowCircuitOpenError(FlowError, errors.CircuitOpenError):
    """Flow has failed too often of late and was not asked."""


class ExecutionFailedError(FlowError, errors.JobFailedError):
    """An execution that was waited for failed."""


class ExecutionTimeoutError(FlowError, errors.JobTimeoutError):
    """An execution that was waited for was still running when the time was up."""


BY_KIND: dict[Kind, type[FailwellError]] = {
    Kind.BAD_REQUEST: ValidationError,
    Kind.UNAUTHENTICATED: AuthenticationError,
    Kind.PERMISSION_DENIED: PermissionError,
    Kind.NOT_FOUND: NotFoundError,
    Kind.METHOD_NOT_ALLOWED: FlowAPIError,
    Kind.CONFLICT: ConflictError,
    Kind.GONE: GoneError,
    Kind.TOO_LARGE: PayloadTooLargeError,
    Kind.UNPROCESSABLE: UnprocessableError,
    Kind.RATE_LIMITED: RateLimitError,
    Kind.OTHER_CLIENT: FlowAPIError,
    Kind.INTERNAL: ServerError,
    Kind.UNAVAILABLE: ServiceUnavailableError,
    Kind.GATEWAY: ServerError,
    Kind.CONNECTION: FlowConnectionError,
    Kind.TIMEOUT: FlowTimeoutError,
    Kind.BAD_RESPONSE: FlowBadResponseError,
    Kind.CANCELLED: FlowConnectionError,
}
