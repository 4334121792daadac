"""The ten patterns of Flow's error handling guide under their own names, as faces of failwell.

| Pattern | What stands behind it |
|---|---|
| `exponential_backoff_retry` | `failwell.Retry`, `policy.backoff` |
| `make_idempotent_request` | `Client`: a used key's 409 with `result` is the first answer |
| `RateLimitHandler` | the fields that `failwell.Governor` reads by itself |
| `ResilientClient` | any client with the methods of `Client` or `AsyncClient` |
| `TransactionalOperation` | `failwell.transaction` |
| `StructuredErrorLogger` | the standard logger; `failwell.hooks` tells of every call |
| `user_friendly_error` | the code of the error |
| `CircuitBreaker` | `failwell.guarding`, the decisions of `policy.breaker` |
| `log_error_context` | the redaction of the journal |
| `SpecificErrors` | the exceptions, a handler for each |

`make_api_request`, with its `Hooks`, is the guide's helper for REST; for GraphQL there is
`Client.graphql`. Where the guide's own code does something odd that callers may rely on, it is
kept, and its docstring says so.

Source: "Error Handling Guide", Flow's API reference.
"""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from failwell.apis.flow.guide.limits import RateLimitHandler
from failwell.apis.flow.guide.logs import StructuredErrorLogger
from failwell.apis.flow.guide.practices import SpecificErrors, user_friendly_error
from failwell.apis.flow.guide.recovery import ResilientClient
from failwell.apis.flow.guide.requests import Hooks, make_api_request, make_idempotent_request
from failwell.apis.flow.guide.retrying import exponential_backoff_retry
from failwell.guarding import CircuitBreaker
from failwell.journal import redact
from failwell.transactions import TransactionalOperation

__all__ = [
    "CircuitBreaker",
    "Hooks",
    "RateLimitHandler",
    "ResilientClient",
    "SpecificErrors",
    "StructuredErrorLogger",
    "TransactionalOperation",
    "exponential_backoff_retry",
    "log_error_context",
    "make_api_request",
    "make_idempotent_request",
    "user_friendly_error",
]

DEBUG = False
"""Whether `log_error_context` prints what it writes; set it while you develop."""

ERROR_LOG = Path("error_log.json")
"""The file that `log_error_context` appends to, in the working directory of the moment."""


def log_error_context(error: BaseException, operation: str, **context: Any) -> None:
    """Append one line of JSON to `ERROR_LOG`, without secrets: `timestamp` (ISO 8601, UTC),
    `operation`, `error_type`, `error_message`, `traceback` and `context`. Where `DEBUG` is set,
    it is printed as well."""
    told = {
        "timestamp": datetime.now(UTC).isoformat(),
        "operation": operation,
        "error_type": type(error).__name__,
        "error_message": str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "context": context,
    }
    data = redact.structured(told)
    with ERROR_LOG.open("a", encoding="utf-8") as file:
        file.write(json.dumps(data) + "\n")
    if DEBUG:
        print(json.dumps(data, indent=2))
