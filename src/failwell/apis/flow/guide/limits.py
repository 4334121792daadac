"""`RateLimitHandler`: what the answers say of the quota, as the guide's "Handle Rate Limits".

A `failwell` client needs none: its governor reads the same fields and holds calls back in time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from failwell.model import Headers


class RateLimitHandler:
    """The quota of the hour: `limit`, `remaining`, and `reset_time` as local time; None where no
    answer has said them yet.

    As measured in the guide, and kept: with a limit of 1000 it throttles at 99 left and not at
    100; with none left `should_throttle` is False, though `get_delay` is all the time that is
    left; after a reset that is over `get_delay` is nearly a day, for a negative time wraps.
    """

    def __init__(self, *, now: Callable[[], datetime] = datetime.now) -> None:
        self.limit: int | None = None
        self.remaining: int | None = None
        self.reset_time: datetime | None = None
        self._now = now

    def update_from_headers(self, headers: Mapping[str, str]) -> None:
        """Read the `X-RateLimit-` fields; one that is missing, or no number, counts as 0."""
        fields = Headers(headers)
        self.limit = _whole(fields.get("X-RateLimit-Limit"))
        self.remaining = _whole(fields.get("X-RateLimit-Remaining"))
        reset = _whole(fields.get("X-RateLimit-Reset"))
        if reset:
            self.reset_time = datetime.fromtimestamp(reset)

    def should_throttle(self, threshold: float = 0.1) -> bool:
        """Whether less than this share of the limit is left."""
        if not self.limit or not self.remaining:
            return False
        return self.remaining < self.limit * threshold

    def get_delay(self) -> float:
        """Seconds to wait before the next request, so that those that are left last until the
        reset; all of the time where none are left."""
        if self.reset_time is None:
            return 0
        left = (self.reset_time - self._now()).seconds
        return left / self.remaining if self.remaining else left


def _whole(text: str | None) -> int:
    said = (text or "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 11 else 0
