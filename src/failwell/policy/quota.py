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
        if len(self.left) == 1:
            return self.left[0]
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
        resets = [
            start + window.seconds - now for start, window in zip(began, self.windows, strict=True)
        ]
        wait = self._wait(used, resets)
        if wait == 0.0:
            used = [count + self.cost for count in used]
        left = tuple(
            Left(window, max(0, window.limit - count), reset)
            for window, count, reset in zip(self.windows, used, resets, strict=True)
        )
        admission = Admission(wait == 0.0, wait, left)
        if self.cost == 0:
            return Step(record, admission)
        longest = max([window.seconds for window in self.windows])
        return Step(Counts(tuple(began), tuple(used)), admission, longest)

    def _current(self, record: Counts | None, now: float) -> tuple[list[float], list[int]]:
        """When each window began and what was used of it: one that is over, or of another policy,
        begins anew."""
        began, used = [now] * len(self.windows), [0] * len(self.windows)
        if record is not None and len(record.began) == len(self.windows):
            for number, window in enumerate(self.windows):
                if 0 <= now - record.began[number] < window.seconds - _ROUNDING:
                    began[number], used[number] = record.began[number], record.used[number]
        return began, used

    def _wait(self, used: list[int], resets: list[float]) -> float:
        """Seconds until no window is full any more: 0 where none is, or nothing is taken."""
        wait = 0.0
        for window, count, reset in zip(self.windows, used, resets, strict=True):
            if self.cost > 0 and count + self.cost > window.limit:
                wait = max(wait, reset)
        return wait
