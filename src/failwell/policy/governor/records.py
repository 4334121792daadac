"""What is kept of the calls of one caller to one origin, and of its quota."""

from __future__ import annotations

import msgspec

from failwell.settings import Governor

Log = tuple[tuple[int, int], ...]
"""How many calls there were in each slot of time."""


class Anchor(msgspec.Struct, frozen=True, array_like=True):
    """The answer from which is counted what comes back: when it came and how long it took, what
    was left, the calls in flight and those that overtook it, and how many were counted since."""

    at: float
    took: float
    left: int
    flying: int
    overtaken: int
    answers: int = 0


class Meter(msgspec.Struct, frozen=True, array_like=True):
    """A learned window. `level` was so `at`; `rate` is per second, 0 where nothing flows; `left`
    is what was said last; `most` is the most that ever was left; `reset` is when it begins anew,
    which `moves` where it was seen to; `scout` is when one was sent."""

    level: float
    at: float
    left: int
    limit: int | None
    reset: float
    most: float
    anchor: Anchor
    rate: float = 0.0
    moves: bool = False
    scout: float | None = None


class Guess(msgspec.Struct, frozen=True, array_like=True):
    """Calls go at `rate` a second, from `since` on, when the last pause was over; `answers` came
    since then. `level` of them might have gone `at` that time, and have not. `is_measured` says
    that the rate was seen, and is no longer sought."""

    rate: float
    since: float
    at: float
    level: float = 1.0
    answers: int = 0
    is_measured: bool = False


class Flights(msgspec.Struct, frozen=True, array_like=True):
    """`out` holds (slot, calls) of those not yet answered, and `answers` when the last ones came.
    `ghosts` are those that went before anything was known, and until when they are believed in."""

    out: tuple[tuple[int, int], ...] = ()
    answers: tuple[float, ...] = ()
    ghosts: tuple[int, float] = (0, 0.0)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """For each limit, in the order of the settings: the calls by slot, and the ends of the leases
    of its places."""

    logs: tuple[Log, ...] = ()
    places: tuple[tuple[float, ...], ...] = ()


class Traffic(msgspec.Struct, frozen=True, array_like=True):
    """What is known. `routes` says which meters the last answer on a route spoke of; `guess` is
    all there is to go by where no answer did.

    Who must wait gets the next number of those that were `issued`; `served` is the highest that
    had its turn, and until `expected` the others ask again, those who are still there. It was
    last looked at when the clock `showed` that."""

    meters: dict[str, Meter] = {}
    routes: dict[str, tuple[str, ...]] = {}
    guess: Guess | None = None
    flights: Flights = Flights()
    told: Told = Told()
    issued: int = 0
    served: int = 0
    expected: float = 0.0
    showed: float = 0.0


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """A call's place: the slot of its turn, and the ends of the leases that it holds."""

    slot: int
    leases: tuple[float | None, ...] = ()


class Place(msgspec.Struct, frozen=True, array_like=True):
    """A call has its place, and its turn in `wait` seconds."""

    ticket: Ticket
    wait: float


class Delay(msgspec.Struct, frozen=True, array_like=True):
    """Nothing was taken: ask again in `seconds`, with the `number` in the queue."""

    seconds: float
    number: int | None = None


IDLE = Traffic()


def is_idle(traffic: Traffic, settings: Governor) -> bool:
    """Whether nothing is known that a call would have to wait for."""
    return not settings.limits and not traffic.meters and traffic.guess is None
