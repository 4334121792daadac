"""Log records as JSON, one object a line, by the standard `logging` module alone.

    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    logging.getLogger("failwell").addHandler(handler)

Lines of failwell's own carry the facts of what happened; those of other loggers their message and
their `extra`. All of it is redacted.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from failwell.errors import FailwellError
from failwell.hooks import facts
from failwell.journal import redact

_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "failwell"}
"""What every record has; whatever else it has came as `extra`."""


class JSONLines(logging.Formatter):
    """Formats a record as one line of JSON: `time` (ISO 8601, UTC), `level`, `logger`, `message`,
    the facts of an event of failwell's or the record's `extra`, and of an exception its facts
    (`failure`) where it is failwell's, and its traceback (`exception`)."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return msgspec.json.encode(redact.structured({**_more(record), **line})).decode()


def _more(record: logging.LogRecord) -> dict[str, Any]:
    more = {name: value for name, value in vars(record).items() if name not in _USUAL}
    event = getattr(record, "failwell", None)
    if event is not None:
        more |= _renamed(facts.of_event(event))
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        more["exception"] = logging.Formatter().formatException(record.exc_info)
        if isinstance(error, FailwellError):
            more["failure"] = facts.of_error(error)
    return more


def _renamed(told: dict[str, Any]) -> dict[str, Any]:
    """The API's sentence is `reason`: `message` is the line's own."""
    return {"reason" if name == "message" else name: value for name, value in told.items()}
