"""How long to wait before retry n, given a throw of the dice?"""

from __future__ import annotations

from failwell.settings import Retry


def delay(retry: Retry, n: int, roll: float, *, sent: bool = True) -> float:
    """Seconds before retry `n` (from 0), for a `roll` in [0, 1).

    `base` (or `fast_base`, where nothing was sent) doubles n times, up to `cap`. "full" jitter
    spreads over [0, d), "equal" over [d/2, d), "ten_percent" over [0.9 d, 1.1 d).

    Source of the jitter names: M. Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """
    base = retry.base if sent else retry.fast_base
    full = min(retry.cap, base * 2.0 ** min(n, 62))
    match retry.jitter:
        case "full":
            return roll * full
        case "equal":
            return full / 2 + roll * full / 2
        case "ten_percent":
            return full * (0.9 + 0.2 * roll)
        case None:
            return full


def in_all(retry: Retry) -> float:
    """Seconds that all retries together wait at the most, without jitter."""
    doublings = range(min(retry.max_retries, 63))
    first = sum(min(retry.cap, retry.base * 2.0**n) for n in doublings)
    return first + retry.cap * (retry.max_retries - len(doublings))
