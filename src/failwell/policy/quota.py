"""May this caller have one more request, and if not, when?

Windows are fixed and begin with a caller's first request, so what is said of them is exact: who
comes back when told to is admitted. Several windows are one decision: a request counts in all of
them, or, refused by any, in none.
"""

from __future__ import annotations

import msgspec

from failwell.actions import Step

_ROUNDING = 1e-6
"""Seconds that an epoch time in a float may be off by, forgiven to whoever comes back on time."""


class Window(msgspec.Struct, frozen=True):
    """At most `limit` requests in `seconds`; `name` tells it from the others of a policy.

    Raises `ValueError` for a limit below 1 or a length that is not above 0.
    """

    limit: int
    seconds: float
    name: str = "default"

    def __post_init__(self) -> None:
        if self.limit < 1 or not 0 < self.seconds < float("inf"):
            raise ValueError(f"{self!r}: the limit must be 1 or more and the seconds above 0")


class Left(msgspec.Struct, frozen=True):
    """What is left of one window after the decision, and in how many seconds it begins anew."""

    window: Window
    remaining: int
    reset: float


class Admission(msgspec.Struct, frozen=True):
    """Whether the request may go on; `retry_after` (seconds) is 0 where it may.

    `left` tells of each window, in the order in which they were given.
    """

    admitted: bool
    retry_after: float
    left: tuple[Left, ...]

    @property
    def tightest(self) -> Left:
        """The window that is nearest to its end of requests; of equals, the one that lasts."""
        return min(self.left, key=lambda left: (left.remaining / left.window.limit, -left.reset))


class Counts(msgspec.Struct, frozen=True):
    """What is kept for one caller: when each window began (epoch seconds) and what was used."""

    began: tuple[float, ...]
    used: tuple[int, ...]


class Spend(msgspec.Struct, frozen=True):
    """Take `cost` requests out of these windows, or say when to come back; none only looks."""

    windows: tuple[Window, ...]
    cost: int = 1

    @property
    def record_type(self) -> type[Counts]:
        return Counts

    def __call__(self, record: Counts | None, now: float) -> Step[Counts, Admission]:
        began, used = self._current(record, now)
        full = [
            self.cost > 0 and count + self.cost > window.limit
            for window, count in zip(self.windows, used, strict=True)
        ]
        admitted = not any(full)
        used = tuple(count + self.cost * admitted for count in used)
        left = tuple(
            Left(window, max(0, window.limit - count), start + window.seconds - now)
            for window, start, count in zip(self.windows, began, used, strict=True)
        )
        wait = max((one.reset for one, spent in zip(left, full, strict=True) if spent), default=0.0)
        admission = Admission(admitted, wait, left)
        if self.cost == 0:
            return Step(record, admission)
        return Step(Counts(began, used), admission, max(w.seconds for w in self.windows))

    def _current(
        self, record: Counts | None, now: float
    ) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """The windows as they are now: one that is over, or of another policy, begins anew."""
        if record is None or len(record.began) != len(self.windows):
            return (now,) * len(self.windows), (0,) * len(self.windows)
        pairs = [
            (start, count) if 0 <= now - start < window.seconds - _ROUNDING else (now, 0)
            for window, start, count in zip(self.windows, record.began, record.used, strict=True)
        ]
        return tuple(start for start, _ in pairs), tuple(count for _, count in pairs)
