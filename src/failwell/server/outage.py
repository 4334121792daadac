"""A store that is down is said so in the log: as an error, once a minute while it lasts; and that
it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from failwell.events import Event, StoreFailed

EVERY = 60.0
"""Seconds between two lines."""


class Outage:
    """A hook that logs `StoreFailed` of the store that `what` names; `clock` is in monotonic
    seconds. Whoever sees the store answer calls `over`."""

    def __init__(
        self,
        logger: logging.Logger,
        what: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._what = what
        self._clock = clock
        self._began: float | None = None
        self._said_at: float | None = None
        self._is_said = False

    @property
    def lasts(self) -> bool:
        """Whether the store was last seen down."""
        return self._began is not None

    def __call__(self, event: Event) -> None:
        if not isinstance(event, StoreFailed):
            return
        now = self._clock()
        self._began = now if self._began is None else self._began
        if self._said_at is None or now - self._said_at >= EVERY:
            self._said_at = now
            self._is_said = True
            self._logger.error("%s is down: %s; %s", self._what, event.error, event.then)

    def over(self) -> None:
        """The store has answered; it is said once, and only of an outage that was said too, so
        that one which comes and goes does not fill the log."""
        began, self._began = self._began, None
        if began is not None and self._is_said:
            self._is_said = False
            seconds = self._clock() - began
            self._logger.warning("%s is back, after %.1f s", self._what, seconds)
