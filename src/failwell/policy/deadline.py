"""How much time is left of a call? Times are monotonic seconds."""

from __future__ import annotations


def until(deadline: float | None, now: float) -> float | None:
    """The instant at which a call that begins now must be over; None for no deadline."""
    return None if deadline is None else now + deadline


def left(end: float | None, now: float) -> float | None:
    """Seconds left, 0 where it is over; None for no deadline."""
    return None if end is None else max(end - now, 0.0)
