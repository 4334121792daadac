"""Events as lines of the standard `logging` module, under the logger "failwell".

No handler is installed and nothing is logged above INFO: what went wrong for good is raised.
"""

from __future__ import annotations

import logging
from typing import Any

from failwell.events import (
    AttemptFailed,
    CallFailed,
    Event,
    HeldBack,
    JobSeen,
    Recovered,
    Renewed,
    StoreFailed,
)

logger = logging.getLogger("failwell")

NOTABLE = 0.5
"""Seconds from which it is worth a line that a call is held back."""


def log(event: Event) -> None:
    """Write one line about the event; its facts are in the record's `failwell` attribute too."""
    if not logger.isEnabledFor(logging.INFO):
        return
    line = _line(event)
    if line is not None:
        logger.info(*line, extra={"failwell": event})


def _line(event: Event) -> tuple[Any, ...] | None:
    """The words about an event, and what is filled into them; None where it is not worth a line."""
    match event:
        case AttemptFailed(attempt, failure):
            ended = attempt.fault or f"{attempt.status} {failure.code or failure.kind}"
            where = (attempt.method, attempt.url, attempt.number)
            return "%s %s: attempt %d: %s; again in %.2f s", *where, ended, attempt.wait or 0.0
        case CallFailed(error, why):
            where = (error.failure.method, error.failure.url, len(error.attempts))
            return "%s %s: gave up after %d (%s): %r", *where, why, error
        case StoreFailed(error, then):
            return "the store cannot be used: %s; %s", error, then
        case JobSeen(job_id, url, state, _, error):
            trouble = "" if error is None else f"; not seen this time: {error!r}"
            return "%s: job %s is %s%s", url, job_id, state or "under way", trouble
        case HeldBack(why, seconds, method, url):
            told = ("%s %s: held back for %.2f s (%s)", method, url, seconds, why)
            return told if seconds >= NOTABLE else None
        case Renewed(method, url):
            return "%s %s: again with a fresh credential", method, url
        case Recovered(attempts):
            first = attempts[0]
            return "%s %s: went well after %d that did not", first.method, first.url, len(attempts)
