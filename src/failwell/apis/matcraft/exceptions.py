"""MatCraft's exceptions: the four that its page names, and a class of each other kind below them.

`except MatCraftAPIError` catches whatever MatCraft does, and comes last in a list of handlers;
`except failwell.NotFoundError` catches that kind from any API.
"""

from __future__ import annotations

from typing import Any, cast

from failwell import errors
from failwell.errors import FailwellError
from failwell.model import Kind


class MatCraftAPIError(FailwellError):
    """Any failure of a call to MatCraft: `code`, `message`, `details`, `request_id`,
    `status_code`, `retry_after` (seconds), `outcome` and the rest of what failwell's exceptions
    carry."""

    @property
    def details(self) -> list[dict[str, Any]]:
        """The single problems, each with `path`, `message` and `value`; empty where there are
        none, never None."""
        listed = self.failure.details
        if not isinstance(listed, list):
            return []
        return [item for item in cast("list[Any]", listed) if isinstance(item, dict)]


class ValidationError(MatCraftAPIError, errors.UnprocessableError):
    """`VALIDATION_FAILED` and `DATASET_SCHEMA_MISMATCH`, 422: `details` say what to correct."""


class NotFoundError(MatCraftAPIError, errors.NotFoundError):
    """`NOT_FOUND`, 404: no such campaign, job, dataset or template."""


class RateLimitError(MatCraftAPIError, errors.RateLimitError):
    """`RATE_LIMITED`, 429: `retry_after` says when to come back."""


class InvalidRequestError(MatCraftAPIError, errors.BadRequestError):
    """`INVALID_REQUEST`, `CAMPAIGN_NOT_STARTABLE` and `CAMPAIGN_NOT_STOPPABLE`, 400."""


class UnauthorizedError(MatCraftAPIError, errors.AuthenticationError):
    """`UNAUTHORIZED`, 401."""


class ForbiddenError(MatCraftAPIError, errors.PermissionDeniedError):
    """`FORBIDDEN`, 403."""


class ConflictError(MatCraftAPIError, errors.ConflictError):
    """`CONFLICT`, 409: the name is taken."""


class ServerError(MatCraftAPIError, errors.ServerError):
    """`INTERNAL_ERROR`, `EVALUATION_FAILED`, `SURROGATE_TRAINING_FAILED`, 500; a gateway's 5xx."""


class WorkerUnavailableError(ServerError, errors.ServiceUnavailableError):
    """`WORKER_UNAVAILABLE`, 503."""


class MatCraftConnectionError(MatCraftAPIError, errors.APIConnectionError):
    """No whole answer came."""


class MatCraftTimeoutError(MatCraftConnectionError, errors.APITimeoutError):
    """No whole answer came in time."""


class MatCraftDeadlineExceededError(MatCraftTimeoutError, errors.DeadlineExceededError):
    """The call's total deadline ran out while an attempt was under way."""


class MatCraftCircuitOpenError(MatCraftAPIError, errors.CircuitOpenError):
    """MatCraft has failed too often of late and was not asked; `retry_after` says when it is."""


class MatCraftBadResponseError(MatCraftAPIError, errors.BadResponseError):
    """It answered with something that is not MatCraft's JSON."""


class MatCraftOtherError(MatCraftAPIError, errors.APIError):
    """A 4xx that MatCraft does not document, such as 405."""


class MatCraftGoneError(MatCraftAPIError, errors.GoneError):
    """410, which MatCraft does not document."""


class MatCraftPayloadTooLargeError(MatCraftAPIError, errors.PayloadTooLargeError):
    """413, which a proxy may say for MatCraft's 400."""


class MatCraftJobFailedError(MatCraftAPIError, errors.JobFailedError):
    """A campaign that was waited for failed; `code` is the campaign's own."""


class MatCraftJobTimeoutError(MatCraftAPIError, errors.JobTimeoutError):
    """A campaign was still running when the time was up."""


BY_KIND: dict[Kind, type[FailwellError]] = {
    Kind.BAD_REQUEST: InvalidRequestError,
    Kind.UNAUTHENTICATED: UnauthorizedError,
    Kind.PERMISSION_DENIED: ForbiddenError,
    Kind.NOT_FOUND: NotFoundError,
    Kind.METHOD_NOT_ALLOWED: MatCraftOtherError,
    Kind.CONFLICT: ConflictError,
    Kind.GONE: MatCraftGoneError,
    Kind.TOO_LARGE: MatCraftPayloadTooLargeError,
    Kind.UNPROCESSABLE: ValidationError,
    Kind.RATE_LIMITED: RateLimitError,
    Kind.OTHER_CLIENT: MatCraftOtherError,
    Kind.INTERNAL: ServerError,
    Kind.UNAVAILABLE: WorkerUnavailableError,
    Kind.GATEWAY: ServerError,
    Kind.CONNECTION: MatCraftConnectionError,
    Kind.TIMEOUT: MatCraftTimeoutError,
    Kind.BAD_RESPONSE: MatCraftBadResponseError,
    Kind.CANCELLED: MatCraftConnectionError,
}
