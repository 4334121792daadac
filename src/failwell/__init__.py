"""One failure model for every HTTP API you call and every HTTP API you build.

>>> import failwell
>>> client = failwell.Client(base_url="https://api.example.org")
"""

from failwell.clients.httpx2 import AsyncClient, Client
from failwell.contract import (
    Code,
    Contract,
    Idempotency,
    LookUp,
    Options,
    Policy,
    RequestIds,
    Retry,
)
from failwell.dialects.generic import GENERIC
from failwell.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BadResponseError,
    ConflictError,
    DeadlineExceededError,
    FailwellError,
    GoneError,
    InvalidRequestError,
    JobFailedError,
    JobTimeoutError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
    UnprocessableError,
)
from failwell.flows.settle import Settled
from failwell.model import Attempt, Failure, Issue, Kind, Outcome

__version__ = "0.1.0"

__all__ = [
    "GENERIC",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AsyncClient",
    "Attempt",
    "AuthenticationError",
    "BadRequestError",
    "BadResponseError",
    "Client",
    "Code",
    "ConflictError",
    "Contract",
    "DeadlineExceededError",
    "Failure",
    "FailwellError",
    "GoneError",
    "Idempotency",
    "InvalidRequestError",
    "Issue",
    "JobFailedError",
    "JobTimeoutError",
    "Kind",
    "LookUp",
    "NotFoundError",
    "Options",
    "Outcome",
    "PayloadTooLargeError",
    "PermissionDeniedError",
    "Policy",
    "RateLimitError",
    "RequestIds",
    "Retry",
    "ServerError",
    "ServiceUnavailableError",
    "Settled",
    "UnprocessableError",
]
