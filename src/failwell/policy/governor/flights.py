"""The calls that are on their way: how many are out, and how many overtook an answer.

They are kept by the hundredth of a second in which they were to go. One that is not heard of is
forgotten after its lease, for whoever made it may be dead.
"""

from __future__ import annotations

from failwell.policy.governor.meter import Flight
from failwell.policy.governor.records import Flights

_SLOTS = 100
_ANSWERS = 32
_GHOSTS = 5.0


def slot_of(time: float) -> int:
    """The slot of a call that goes at this time (seconds)."""
    return int(time * _SLOTS)


def sent(flights: Flights, slot: int, lease: float) -> Flights:
    """The flights with one more call, to go in this slot."""
    out = {at: calls for at, calls in flights.out if abs(slot - at) < lease * _SLOTS}
    out[slot] = out.get(slot, 0) + 1
    return Flights(tuple(out.items()), flights.answers, flights.ghosts)


def haunted(flights: Flights, ghosts: int, now: float) -> Flights:
    """The flights with so many calls that went before they were counted."""
    return Flights(flights.out, flights.answers, (ghosts, now + _GHOSTS))


def landed(flights: Flights, slot: int | None, now: float | None) -> Flights:
    """The flights with one less, which was answered `now`, if it was; one that has no slot is a
    ghost."""
    out, (ghosts, until) = flights.out, flights.ghosts
    if slot is None:
        ghosts = max(ghosts - 1, 0)
    else:
        fewer = ((at, calls - (at == slot)) for at, calls in out)
        out = tuple((at, calls) for at, calls in fewer if calls > 0)
    answers = flights.answers if now is None else (*flights.answers[1 - _ANSWERS :], now)
    return Flights(out, answers, (ghosts, until))


def count(flights: Flights, lease: float, now: float) -> int:
    """How many are out, or have a turn that is still to come."""
    return sum(_around(flights, lease, now))


def flight(flights: Flights, lease: float, took: float, now: float) -> Flight:
    """What is around an answer that came `now`, after its call `took` so many seconds."""
    flying, reserved = _around(flights, lease, now)
    overtaken = sum(at > now - took for at in flights.answers)
    return Flight(flying, reserved, max(overtaken - 1, 0), took)


def _around(flights: Flights, lease: float, now: float) -> tuple[int, int]:
    """How many are out, and how many are to go later."""
    present = slot_of(now)
    ghosts, until = flights.ghosts
    flying = ghosts if now <= until <= now + _GHOSTS else 0
    reserved = 0
    for slot, calls in flights.out:
        if abs(present - slot) < lease * _SLOTS:
            flying, reserved = (
                (flying + calls, reserved) if slot <= present else (flying, reserved + calls)
            )
    return flying, reserved
