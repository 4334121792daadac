"""structlog: a hook that logs failwell's events, and a processor for everybody's.

    client = failwell.Client(hooks=[StructlogHook()])
    structlog.configure(processors=[add_failure, structlog.processors.JSONRenderer()])

Source: https://www.structlog.org/en/stable/processors.html
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, cast

from failwell.errors import FailwellError
from failwell.events import CallFailed, Event
from failwell.hooks import facts
from failwell.journal import redact


class StructlogHook:
    """Logs each event under its name with its facts: calls that were given up as warnings, all
    else as info. `logger` is structlog's; its default is the one named "failwell"."""

    def __init__(self, logger: Any = None) -> None:
        if logger is None:
            import structlog

            logger = structlog.get_logger("failwell")
        self._logger = logger

    def __call__(self, event: Event) -> None:
        """Log the event."""
        told = facts.of_event(event)
        log = self._logger.warning if isinstance(event, CallFailed) else self._logger.info
        log(told.pop("event"), **told)


def add_failure(
    logger: Any, method: str, event_dict: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor that puts facts in the place of failwell's exceptions, and redacts every value.

    An exception of failwell's under any name becomes its facts; one in `exc_info` adds them as
    `failure`. The facts of a line that failwell wrote by the standard `logging` join the line (a
    `ProcessorFormatter` with this in its `foreign_pre_chain`). Set it before `format_exc_info` and
    the renderer.
    """
    error = _raised(event_dict.get("exc_info"))
    if isinstance(error, FailwellError):
        event_dict["failure"] = error
    told = getattr(event_dict.get("_record"), "failwell", None)
    if told is not None:
        event_dict.update({**facts.of_event(told), "event": event_dict.get("event", "")})
    for name, value in list(event_dict.items()):
        if name not in _STRUCTLOGS:
            event_dict[name] = redact.structured({name: _as_facts(value)})[name]
    return event_dict


_STRUCTLOGS = frozenset({"exc_info", "stack_info", "_record", "_from_structlog", "_logger"})
"""What structlog passes from one processor to the next, and no line shows."""


def _raised(exc_info: Any) -> BaseException | None:
    """The exception that structlog means by any of the ways to give `exc_info`."""
    if exc_info is True:
        return sys.exc_info()[1]
    raised = cast("tuple[Any, ...]", exc_info)[1] if isinstance(exc_info, tuple) else exc_info
    return raised if isinstance(raised, BaseException) else None


def _as_facts(value: Any) -> Any:
    return facts.of_error(value) if isinstance(value, FailwellError) else value
