"""One failure model for every HTTP API you call and every HTTP API you build.

>>> import failwell
>>> client = failwell.Client(base_url="https://api.example.org")
"""

import typing as _typing

from failwell.clients.httpx2 import Client
from failwell.contract import Code, Contract, Idempotency, RequestIds
from failwell.dialects.generic import GENERIC
from failwell.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BadResponseError,
    CircuitOpenError,
    ConflictError,
    DeadlineExceededError,
    FailwellError,
    GoneError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    RateLimitError,
    RunError,
    ServerError,
    ServiceUnavailableError,
    UnprocessableError,
)
from failwell.model import Attempt, Failure, Issue, Kind, Outcome, Todo
from failwell.settings import Breaker, Budget, Governor, Limit, Options, Policy, Retry

if _typing.TYPE_CHECKING:
    from failwell.adoption import adopt
    from failwell.batch import (
        Call,
        GatherError,
        Remainder,
        adownload,
        agather,
        aupload,
        download,
        gather,
        upload,
    )
    from failwell.clients.creating import Got, create_or_get
    from failwell.clients.ending import end_run
    from failwell.clients.given import carry, options
    from failwell.clients.httpx2 import AsyncClient
    from failwell.clients.renewal import TokenAuth
    from failwell.clients.waiting import Pending, as_completed, wait
    from failwell.contract import Existing, LookUp
    from failwell.errors import JobError, JobFailedError, JobTimeoutError, RollbackError
    from failwell.explanation import Explanation, explain
    from failwell.flows.ending import Finished
    from failwell.flows.settle import Settled
    from failwell.guarding import CircuitBreaker, guard
    from failwell.job import Job
    from failwell.tokens import RefreshError, Token
    from failwell.transactions import Declared, TransactionalOperation, transaction

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
    "Breaker",
    "Budget",
    "Call",
    "CircuitBreaker",
    "CircuitOpenError",
    "Client",
    "Code",
    "ConflictError",
    "Contract",
    "DeadlineExceededError",
    "Declared",
    "Existing",
    "Explanation",
    "Failure",
    "FailwellError",
    "Finished",
    "GatherError",
    "GoneError",
    "Got",
    "Governor",
    "Idempotency",
    "InvalidRequestError",
    "Issue",
    "Job",
    "JobError",
    "JobFailedError",
    "JobTimeoutError",
    "Kind",
    "Limit",
    "LookUp",
    "NotFoundError",
    "Options",
    "Outcome",
    "PayloadTooLargeError",
    "Pending",
    "PermissionDeniedError",
    "Policy",
    "RateLimitError",
    "RefreshError",
    "Remainder",
    "RequestIds",
    "Retry",
    "RollbackError",
    "RunError",
    "ServerError",
    "ServiceUnavailableError",
    "Settled",
    "Todo",
    "Token",
    "TokenAuth",
    "TransactionalOperation",
    "UnprocessableError",
    "adopt",
    "adownload",
    "agather",
    "as_completed",
    "aupload",
    "carry",
    "create_or_get",
    "download",
    "end_run",
    "explain",
    "gather",
    "guard",
    "options",
    "transaction",
    "upload",
    "wait",
]

_LATER = {
    "failwell.adoption": ("adopt",),
    "failwell.batch": (
        "Call", "GatherError", "Remainder", "adownload", "agather", "aupload", "download",
        "gather", "upload",
    ),
    "failwell.clients.httpx2": ("AsyncClient",),
    "failwell.clients.renewal": ("TokenAuth",),
    "failwell.clients.creating": ("Got", "create_or_get"),
    "failwell.clients.given": ("carry", "options"),
    "failwell.clients.ending": ("end_run",),
    "failwell.clients.waiting": ("Pending", "as_completed", "wait"),
    "failwell.contract": ("Existing", "LookUp"),
    "failwell.errors": ("JobError", "JobFailedError", "JobTimeoutError", "RollbackError"),
    "failwell.explanation": ("Explanation", "explain"),
    "failwell.flows.ending": ("Finished",),
    "failwell.flows.settle": ("Settled",),
    "failwell.guarding": ("CircuitBreaker", "guard"),
    "failwell.job": ("Job",),
    "failwell.tokens": ("RefreshError", "Token"),
    "failwell.transactions": ("Declared", "TransactionalOperation", "transaction"),
}  # fmt: skip
"""Rooms that are read when somebody asks for what is in them."""


def __getattr__(name: str) -> object:
    for room, names in _LATER.items():
        if name in names:
            import importlib

            found: object = getattr(importlib.import_module(room), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
