"""May a transfer that broke go on, and after how long? Pure."""

from __future__ import annotations

from failwell.contract import TRANSIENT
from failwell.errors import APIConnectionError, FailwellError
from failwell.policy import backoff
from failwell.settings import Retry


class Patience:
    """Counts the failures in a row of one transfer; each piece that brings it further than ever
    makes it fresh. One that begins again and again comes to its end."""

    def __init__(self, retry: Retry | None) -> None:
        self._retry = retry
        self._failures = 0
        self._furthest = 0

    def reach(self, offset: int) -> None:
        """So many bytes are there."""
        if offset > self._furthest:
            self._failures, self._furthest = 0, offset

    def wait(self, error: FailwellError, roll: float) -> float | None:
        """Seconds until it goes on; None where the error is final. `roll` is in [0, 1)."""
        retry = self._retry
        may_pass = isinstance(error, APIConnectionError) or error.status_code in TRANSIENT
        was_retried = error.outcome is not None and error.outcome.nothing_done  # by the client
        if retry is None or was_retried or not may_pass or self._failures >= retry.max_retries:
            return None
        wait = max(backoff.delay(retry, self._failures, roll), error.retry_after or 0.0)
        self._failures += 1
        return None if wait > retry.max_wait else wait
