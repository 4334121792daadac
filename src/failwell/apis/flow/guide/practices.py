"""What the guide calls best practices: a handler for each kind of error, and words for users."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from failwell.apis.flow.exceptions import AuthenticationError, PermissionError, ValidationError
from failwell.apis.flow.guide.story import Story, tell

T = TypeVar("T")

logger = logging.getLogger("failwell")

MESSAGES = {
    "UNAUTHENTICATED": "Please log in to continue",
    "TOKEN_EXPIRED": "Your session has expired. Please log in again",
    "FORBIDDEN": "You don't have permission to access this resource",
    "NOT_FOUND": "The requested item could not be found",
    "VALIDATION_ERROR": "Please check your input and try again",
    "RATE_LIMITED": "Too many requests. Please wait a moment",
    "SERVER_ERROR": "Something went wrong on our end. Please try again later",
}
"""What users are told, by code."""


def user_friendly_error(error: object) -> str:
    """What to tell a user who knows nothing of codes."""
    return MESSAGES.get(getattr(error, "code", None) or "", "An unexpected error occurred")


class SpecificErrors:
    """Calls functions, and handles each kind of error in its own way: override what is to be done
    about it. `client` is whose token is refreshed; one of either world."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T | Any:
        """What `function` returns, or what the handler of its error does; awaitable where
        `function` is a coroutine function. Raises what no handler takes care of."""
        return tell(self._called(lambda: function(*args, **kwargs)))

    def request_access_from_owner(self, resource_id: int | None) -> Any:
        """403: logs for which resource somebody is to be asked."""
        logger.warning("ask the owner of resource %s for access", resource_id)

    def fix_validation_issues(self, errors: list[dict[str, Any]]) -> Any:
        """400 and 422: logs what is wrong with which field."""
        for issue in errors:
            logger.warning("correct %s: %s", issue["field"], issue["message"])

    def log_unexpected_error(self, error: Exception) -> None:
        """Anything else, before it is raised: logs it."""
        logger.error("unexpected error: %r", error)

    def _called(self, function: Callable[[], Any]) -> Story[Any]:
        try:
            try:
                return (yield function)
            except AuthenticationError as error:
                if error.outcome is not None and not error.outcome.nothing_done:
                    raise
                yield self.client.refresh_token
                return (yield function)
        except AuthenticationError:
            raise
        except builtins.PermissionError as error:
            resource = error.resource_id if isinstance(error, PermissionError) else None
            return self.request_access_from_owner(resource)
        except ValidationError as error:
            return self.fix_validation_issues(error.errors)
        except Exception as error:
            self.log_unexpected_error(error)
            raise
