"""Limits that a person has stated: so many calls in any span of a length, or so many at a time.

The calls are counted in fiftieths of the length, and a turn is given in the first one from which
no span of the stated length, wherever it begins, holds more than the limit.
"""

from __future__ import annotations

import msgspec

from failwell.policy.governor.records import Log, Told
from failwell.settings import Governor, Limit

POLL = 0.02
"""Seconds after which whoever waits for a place asks again."""

_SLOTS = 50


class Turn(msgspec.Struct, frozen=True):
    """What the limits make of one more call: to ask again after `delay` seconds where that is not
    0, else its turn in `wait` seconds; `after` is what is told then, and `leases` are the ends of
    the places that it holds."""

    after: Told
    delay: float
    wait: float
    leases: tuple[float | None, ...]


def turn(told: Told, settings: Governor, route: str, now: float) -> Turn:
    """When the next call on this route has its turn."""
    limits = settings.limits
    logs = list(told.logs if len(told.logs) == len(limits) else ((),) * len(limits))
    places = list(told.places if len(told.places) == len(limits) else ((),) * len(limits))
    leases: list[float | None] = [None] * len(limits)
    delay = wait = 0.0
    for number, limit in enumerate(limits):
        if not _is_for(limit, route):
            continue
        if limit.seconds is None:
            held = tuple(end for end in places[number] if now < end <= now + settings.lease)
            delay = max(delay, POLL if len(held) >= limit.limit else 0.0)
            leases[number] = now + settings.lease
            places[number] = (*held, now + settings.lease)
        else:
            logs[number], until = _logged(logs[number], limit.limit, limit.seconds, now)
            wait = max(wait, until)
    return Turn(Told(tuple(logs), tuple(places)), delay, wait, tuple(leases))


def release(told: Told, leases: tuple[float | None, ...]) -> Told:
    """What is told once a call has given back its places."""
    pairs = zip(told.places, leases, strict=False)
    return Told(told.logs, tuple(_without(ends, lease) for ends, lease in pairs))


def _without(ends: tuple[float, ...], lease: float | None) -> tuple[float, ...]:
    if lease is None or lease not in ends:
        return ends
    at = ends.index(lease)
    return ends[:at] + ends[at + 1 :]


def _is_for(limit: Limit, route: str) -> bool:
    if limit.route is None:
        return True
    if limit.route.endswith("*"):
        return route.startswith(limit.route[:-1])
    return route == limit.route


def _logged(log: Log, limit: int, seconds: float, now: float) -> tuple[Log, float]:
    """The log with one more call in the first slot that has room, and the seconds until then."""
    width = seconds / _SLOTS
    slot = first = int(now / width)
    kept = {at: calls for at, calls in log if abs(at - first) <= 100 * _SLOTS}
    kept = {at: calls for at, calls in kept.items() if at >= first - _SLOTS}
    while sum(calls for at, calls in kept.items() if slot - _SLOTS <= at <= slot) >= limit:
        slot = min(at for at in kept if at >= slot - _SLOTS) + _SLOTS + 1
    kept[slot] = kept.get(slot, 0) + 1
    return tuple(sorted(kept.items())), max(slot * width - now, 0.0)
