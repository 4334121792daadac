"""A store that is down is said so in the log: as an error, once a minute while it lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from failwell.events import Event, StoreFailed

EVERY = 60.0
"""Seconds between two lines."""


class Outage:
    """A hook that logs `StoreFailed` of the store that `what` names; `clock` is in monotonic
    seconds."""

    def __init__(
        self,
        logger: logging.Logger,
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._what = what
        self._clock = clock
        self._said_at: float | None = None

    def __call__(self, event: Event) -> None:
        if not isinstance(event, StoreFailed):
            return
        now = self._clock()
        if self._said_at is None or now - self._said_at >= EVERY:
            self._said_at = now
            self._logger.error("%s is down: %s; %s", self._what, event.error, event.then)
