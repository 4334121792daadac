"""Toolpath's exceptions: one public type, and a class of each kind below it.

`except ToolpathError` catches whatever Toolpath does; `except failwell.NotFoundError` catches that
kind from any API.
"""

from __future__ import annotations

from failwell import errors
from failwell.errors import FailwellError
from failwell.model import Kind


class ToolpathError(FailwellError):
    """Any failure of a call to Toolpath: `code`, `message`, `request_id`, `status_code`,
    `retry_after`, `outcome` and the rest of what failwell's exceptions carry."""

    @property
    def retryable(self) -> bool:
        """Whether the same request, with the same key, may go well later: a 429 or a 5xx, or no
        whole answer at all. The not-ready 409 is not: wait for the part first."""
        status = self.status_code
        if isinstance(self, (errors.APIConnectionError, errors.BadResponseError)):
            return True
        return status is not None and (status == 429 or status >= 500)


class ToolpathConnectionError(ToolpathError, errors.APIConnectionError):
    """No whole answer came."""


class ToolpathTimeoutError(ToolpathConnectionError, errors.APITimeoutError):
    """No whole answer came in time."""


class ToolpathDeadlineExceededError(ToolpathTimeoutError, errors.DeadlineExceededError):
    """The call's total deadline ran out while an attempt was under way."""


class ToolpathBadResponseError(ToolpathError, errors.BadResponseError):
    """It answered with something that is not Toolpath's JSON."""


class ToolpathAPIError(ToolpathError, errors.APIError):
    """Toolpath answered with a failure; plain for a 405."""


class ToolpathInvalidRequestError(ToolpathAPIError, errors.BadRequestError):
    """`invalid_request`, 400."""


class ToolpathUnauthorizedError(ToolpathAPIError, errors.AuthenticationError):
    """`unauthorized`, 401."""


class ToolpathForbiddenError(ToolpathAPIError, errors.PermissionDeniedError):
    """`forbidden`, 403."""


class ToolpathNotFoundError(ToolpathAPIError, errors.NotFoundError):
    """`not_found`, 404: no such resource, or another team's."""


class ToolpathConflictError(ToolpathAPIError, errors.ConflictError):
    """`conflict`, 409: the key came with another body, or the resource is not in that state."""


class ToolpathEngineRefusedError(ToolpathAPIError, errors.UnprocessableError):
    """`internal_error`, 422: the Engine could not compute this input."""


class ToolpathRateLimitedError(ToolpathAPIError, errors.RateLimitError):
    """`rate_limited`, 429."""


class ToolpathServerError(ToolpathAPIError, errors.ServerError):
    """`internal_error`, 500, or a gateway's 502 or 504."""


class ToolpathEngineUnavailableError(ToolpathServerError, errors.ServiceUnavailableError):
    """`internal_error`, 503: the Engine is away, and the write was rolled back."""


class ToolpathGoneError(ToolpathAPIError, errors.GoneError):
    """410, which Toolpath does not document."""


class ToolpathPayloadTooLargeError(ToolpathAPIError, errors.PayloadTooLargeError):
    """413, which a proxy may say for Toolpath's 400."""


class ToolpathJobFailedError(ToolpathError, errors.JobFailedError):
    """A part or a program that was waited for failed; `code` is Toolpath's `failureCode`."""


class ToolpathJobTimeoutError(ToolpathError, errors.JobTimeoutError):
    """A part, program or estimate was still processing when the time was up."""


BY_KIND: dict[Kind, type[FailwellError]] = {
    Kind.BAD_REQUEST: ToolpathInvalidRequestError,
    Kind.UNAUTHENTICATED: ToolpathUnauthorizedError,
    Kind.PERMISSION_DENIED: ToolpathForbiddenError,
    Kind.NOT_FOUND: ToolpathNotFoundError,
    Kind.METHOD_NOT_ALLOWED: ToolpathAPIError,
    Kind.CONFLICT: ToolpathConflictError,
    Kind.GONE: ToolpathGoneError,
    Kind.TOO_LARGE: ToolpathPayloadTooLargeError,
    Kind.UNPROCESSABLE: ToolpathEngineRefusedError,
    Kind.RATE_LIMITED: ToolpathRateLimitedError,
    Kind.OTHER_CLIENT: ToolpathAPIError,
    Kind.INTERNAL: ToolpathServerError,
    Kind.UNAVAILABLE: ToolpathEngineUnavailableError,
    Kind.GATEWAY: ToolpathServerError,
    Kind.CONNECTION: ToolpathConnectionError,
    Kind.TIMEOUT: ToolpathTimeoutError,
    Kind.BAD_RESPONSE: ToolpathBadResponseError,
    Kind.CANCELLED: ToolpathConnectionError,
}
