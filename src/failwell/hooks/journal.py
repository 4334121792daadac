"""A client's failures in a journal: `Client(hooks=[JournalHook("sqlite:///journal.db")])`.

Where the server keeps its journal in the same store, `failwell trace` tells both sides of one
request together.
"""

from __future__ import annotations

import time

from failwell.errors import FailwellError
from failwell.events import AttemptFailed, CallFailed, Event
from failwell.journal import Backend, Entry, Journal, entry, of_failure
from failwell.model import Attempt, Failure


class JournalHook:
    """Writes each failed attempt, and each call that was given up, into the journal.

    The journal may be shared; one that is made here, of a URL or a `Backend`, is `journal`.
    """

    def __init__(self, journal: str | Backend | Journal) -> None:
        self.journal = journal if isinstance(journal, Journal) else Journal(journal)

    def __call__(self, event: Event) -> None:
        """Write what this event tells of a failure."""
        match event:
            case AttemptFailed(attempt, failure, key):
                self.journal.write(_of_attempt(attempt, failure, key))
            case CallFailed(error):
                key = error.sent.key if error.sent else None
                if error.attempts:
                    self.journal.write(_of_attempt(error.attempts[-1], error.failure, key))
                self.journal.write(_of_call(error, key))
            case _:
                pass


def _of_attempt(attempt: Attempt, failure: Failure, key: str | None) -> Entry:
    return entry(
        side="client",
        at=attempt.at,
        request_id=attempt.request_id,
        api=failure.api,
        method=attempt.method,
        url=attempt.url,
        status=attempt.status,
        code=failure.code,
        kind=failure.kind,
        outcome=attempt.outcome,
        idempotency_key=key,
        elapsed=attempt.elapsed,
        message=failure.message,
        attempt=attempt.number,
        details_json=failure.details_json,
    )


def _of_call(error: FailwellError, key: str | None) -> Entry:
    history = error.attempts
    ended = history[-1].at + history[-1].elapsed if history else time.time()
    began = history[0].at if history else ended
    known = [attempt.request_id for attempt in history if attempt.request_id]
    return of_failure(
        error.failure,
        side="client",
        at=ended,
        request_id=error.request_id or (known[-1] if known else None),
        error=error,
        idempotency_key=key,
        elapsed=ended - began,
        attempts=len(history),
    )
