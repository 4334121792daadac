"""Events as lines of the standard `logging` module, under the logger "failwell".

No handler is installed and nothing is logged above INFO: what went wrong for good is raised.
"""

from __future__ import annotations

import logging

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
    match event:
        case AttemptFailed(attempt, failure):
            ended = attempt.fault or f"{attempt.status} {failure.code or failure.kind}"
            logger.info(
                "%s %s: attempt %d: %s; again in %.2f s",
                attempt.method, attempt.url, attempt.number, ended, attempt.wait or 0.0,
                extra={"failwell": event},
            )  # fmt: skip
        case CallFailed(error, why):
            logger.info(
                "%s %s: gave up after %d (%s): %r",
                error.failure.method, error.failure.url, len(error.attempts), why, error,
                extra={"failwell": event},
            )  # fmt: skip
        case StoreFailed(error, then):
            logger.info("the store cannot be used: %s; %s", error, then, extra={"failwell": event})
        case JobSeen(job_id, url, state, _, error):
            trouble = "" if error is None else f"; not seen this time: {error!r}"
            logger.info(
                "%s: job %s is %s%s", url, job_id, state or "under way", trouble,
                extra={"failwell": event},
            )  # fmt: skip
        case HeldBack(why, seconds, method, url) if seconds >= NOTABLE:
            logger.info(
                "%s %s: held back for %.2f s (%s)", method, url, seconds, why,
                extra={"failwell": event},
            )  # fmt: skip
        case HeldBack():
            pass
        case Renewed(method, url):
            logger.info(
                "%s %s: again with a fresh credential", method, url, extra={"failwell": event}
            )
        case Recovered(attempts):
            first = attempts[0]
            logger.info(
                "%s %s: went well after %d that did not",
                first.method, first.url, len(attempts),
                extra={"failwell": event},
            )  # fmt: skip
