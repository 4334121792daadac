"""One window of a quota, as the answers tell of it.

What the server has left is never known, but it is bounded. An answer that says "7 left" was true
when the server wrote it: calls that are still out may have been taken off since or not, and so may
those whose answers overtook this one. So each answer gives a lower and an upper bound, and what we
think (`level`: what is left, less all calls that are out) is moved just so far that it lies
between them.

How fast calls come back is bounded in the same way. What is left and what was answered make, added
up, a number that stands still in a fixed window and grows in a bucket; from one answer (the
*anchor*) to a later one it grew by what came back, give or take the calls that were in flight at
either end. `rate` is moved just so far that it lies between the two slopes. So more time means
sharper bounds, and nobody has to say which algorithm the server uses.

Where nothing is seen to come back before the reset (`rate` is 0: a fixed window, or too little
was seen) the level is used up and then the reset is awaited: in no reading of the word does that
waste a call. One scout goes then, and its answer says what there is for the others. Where it
flows, each call is given its turn ahead of time.

A full return at a reset proves nothing: a window does that, and so does a bucket that was left
alone. It flows if less than all came back, or if the reset moved before it was reached.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from failwell.policy.governor.records import Anchor, Meter
from failwell.quotas import Quota

POLL = 0.01
"""Seconds after which whoever waits for an answer asks again."""

SPREAD = 0.001
"""Seconds between those who come back for the same reset, in the order in which they asked."""

AHEAD = 0.1
"""Seconds ahead of time for which a turn is given at most: what is thought of a rate may change."""

SCOUTING = 5.0
"""Seconds after which a scout is no longer waited for."""

_LONG = 200
_TRIPS = 10
_JITTER = 0.02
_VAGUE = 0.5


class Flight(msgspec.Struct, frozen=True):
    """The calls around an answer: sent and not answered (`flying`), given a turn that has not
    come (`reserved`), answered since this one was sent (`overtaken`); it `took` so long (s)."""

    flying: int
    reserved: int
    overtaken: int
    took: float


def flowed(meter: Meter, now: float) -> Meter:
    """The meter as it is now, with what has come back since it was last looked at."""
    if meter.rate <= 0 or now <= meter.at:
        return meter
    passed = now - meter.at
    level = max(min(meter.level + meter.rate * passed, meter.most), meter.level)
    return replace(meter, level=level, at=now)


def delay(meter: Meter, out: int, before: int, now: float, *, waited: bool) -> float:
    """Seconds after which to ask again, for a call that has `before` others in front of it while
    `out` are on their way; 0 where its turn is known.

    Those in front may have given up. So they are in the way of a call that has just come, but not
    of one that has `waited` until its time.
    """
    if meter.rate > 0:
        ahead = min(before, max(meter.most - 1 - _margin(meter), 0.0))
        due = turn(replace(meter, level=meter.level - ahead), now)
        return 0.0 if due <= AHEAD else max(due - AHEAD / 2, due / 2)
    queue, pause = (0, 0.0) if waited else (before, SPREAD * before)
    if meter.level >= 1 + queue:
        return 0.0
    if meter.left < 1 and now < meter.reset:
        return meter.reset - now + SPREAD * before
    is_scouted = meter.scout is not None and 0 <= now - meter.scout < SCOUTING
    is_silent = out == 0 or now - meter.at >= max(_TRIPS * meter.anchor.took, _VAGUE)
    if is_scouted or (meter.left >= 1 and not is_silent):
        return POLL + SPREAD * before
    return pause


def turn(meter: Meter, now: float) -> float:
    """Seconds until a call's turn at a meter that flows."""
    if meter.rate <= 0:
        return 0.0
    due = max((1 + _margin(meter) - meter.level) / meter.rate, 0.0)
    return due + max(meter.at - now, 0.0)


def taken(meter: Meter, now: float) -> Meter:
    """The meter once a call was let through: a scout, where there was nothing to be had."""
    if meter.rate <= 0 and meter.level < 1:
        return replace(meter, level=meter.level - 1, scout=now)
    return replace(meter, level=meter.level - 1)


def first(quota: Quota, flight: Flight, now: float) -> Meter:
    """The meter that the first answer speaks of."""
    return Meter(
        level=quota.remaining - flight.flying - flight.reserved,
        at=now,
        left=quota.remaining,
        limit=quota.limit,
        reset=_said_reset(quota, now),
        most=quota.remaining + 1.0,
        anchor=_anchor(quota, flight, now),
    )


def heard(meter: Meter, quota: Quota, flight: Flight, now: float, *, counted: bool) -> Meter:
    """The meter after one more answer; `counted` says that the call took one from the quota."""
    meter = flowed(meter, now)
    anchor = replace(meter.anchor, answers=meter.anchor.answers + counted)
    meter = replace(_reset(meter, quota, flight, now), anchor=anchor, limit=quota.limit)
    rate, anchor = _rate(meter, anchor, quota, flight, now)
    pause = 0.0 if counted else quota.reset or 0.0
    return replace(
        meter,
        level=_level(meter, quota, flight),
        at=now + pause,
        left=min(meter.left, quota.remaining) if flight.overtaken else quota.remaining,
        rate=rate,
        most=max(meter.most, quota.remaining + 1.0),
        anchor=anchor,
        scout=None,
    )


def _margin(meter: Meter) -> float:
    """What is left alone, for the sake of calls that travel faster than others."""
    return min(meter.rate * _JITTER, 1.0) if meter.most > 4 else 0.0


def _level(meter: Meter, quota: Quota, flight: Flight) -> float:
    """What is left, less what is out: what we thought, within the bounds of this answer."""
    most = quota.remaining + 1 - flight.reserved
    least = quota.remaining - flight.overtaken - flight.flying - flight.reserved
    return max(min(meter.level, most), least)


def _reset(meter: Meter, quota: Quota, flight: Flight, now: float) -> Meter:
    """The meter with the reset that this answer speaks of.

    A window's reset stays where it is until it is reached, so the earliest that was said is the
    most exact. One that was moved before is the end of something that fills up.
    """
    said = _said_reset(quota, now)
    if now >= meter.reset:
        return replace(meter, reset=said)
    slack = 0.0 if quota.exact else 1.0
    earliest = now - flight.took + (quota.reset or 0.0) - slack
    if meter.moves or (quota.reset and earliest > meter.reset + slack):
        return replace(meter, reset=max(meter.reset, said), moves=True)
    return replace(meter, reset=min(meter.reset, said))


def _said_reset(quota: Quota, now: float) -> float:
    """When it begins anew. A time that was left out, or cut down to 0 whole seconds, is vague."""
    if quota.reset is None:
        return now + 2 * _VAGUE
    return now + max(quota.reset, POLL / 4 if quota.exact else _VAGUE)


def _rate(
    meter: Meter, anchor: Anchor, quota: Quota, flight: Flight, now: float
) -> tuple[float, Anchor]:
    """The rate within the bounds of what came back since the anchor, and where to count from."""
    fresh = _anchor(quota, flight, now)
    passed = now - anchor.at
    if passed <= 0:
        return meter.rate, (anchor if passed == 0 else fresh)
    around = flight.flying + flight.overtaken
    back = quota.remaining - anchor.left + anchor.answers
    sure = back - flight.overtaken - anchor.flying
    least = (sure - 1) / (passed + anchor.took)
    if meter.rate <= 0:
        is_full = quota.remaining + around + 1 >= max(meter.most, meter.limit or 0)
        flows = sure >= 2 and (meter.moves or not is_full)
        is_calmer = around < anchor.flying + anchor.overtaken
        return (least if flows else 0.0), (fresh if is_full or is_calmer else anchor)
    rate = max(meter.rate, least)
    if quota.remaining + 2 >= meter.most:  # it may have been full, and wasted some
        return rate, fresh
    if passed > flight.took:
        possible = back + flight.flying + anchor.overtaken + 1
        rate = min(rate, possible / (passed - flight.took))
    return rate, (fresh if sure >= _LONG else anchor)


def _anchor(quota: Quota, flight: Flight, now: float) -> Anchor:
    return Anchor(now, flight.took, quota.remaining, flight.flying, flight.overtaken)
