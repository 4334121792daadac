"""Errors as lines of JSON, as the guide's "Structured Error Logging". What is secret is taken out
of them, as everywhere in failwell.

`failwell.hooks` does the same for every failed call without a line of your own.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from failwell.journal import redact

_FORMAT = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"


class StructuredErrorLogger:
    """Logs errors as JSON through the standard logger of this name (`logger`), which gets a
    handler for standard error where it has none yet."""

    def __init__(self, name: str) -> None:
        self.logger = logging.getLogger(name)
        self.logger.setLevel(logging.INFO)
        if not self.logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter(_FORMAT))
            self.logger.addHandler(handler)

    def log_api_error(self, error: BaseException, context: Mapping[str, Any] | None = None) -> None:
        """Log one object, and give it to `send_to_monitoring`: `error_code` ("UNKNOWN" for none),
        `error_message`, `error_type`, `timestamp` (ISO 8601, UTC), and `request_id`, `details` and
        `context` where there are any."""
        told: dict[str, Any] = {
            "error_code": getattr(error, "code", None) or "UNKNOWN",
            "error_message": str(error),
            "error_type": type(error).__name__,
            "timestamp": datetime.now(UTC).isoformat(),
        }
        for name in ("request_id", "details"):
            if hasattr(error, name):
                told[name] = getattr(error, name)
        if context:
            told["context"] = dict(context)
        data = redact.structured(told)
        self.logger.error(json.dumps(data))
        self.send_to_monitoring(data)

    def send_to_monitoring(self, error_data: dict[str, Any]) -> None:
        """Does nothing: override it to tell a service such as Sentry."""
