"""Time moved by hand."""

from __future__ import annotations


class Clock:
    """Time that stands still until it is moved: call it for the time, `sleep` to move it on.

    `now` is in seconds, of whichever kind the test needs; `slept` lists the sleeps.
    """

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on, without a sleep."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Move on at once, and remember that this was a sleep."""
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        """The same, to be awaited."""
        self.sleep(seconds)
