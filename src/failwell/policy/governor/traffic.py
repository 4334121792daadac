"""The calls of one caller to one origin, and what is known of its quota."""

from __future__ import annotations

import re

from msgspec.structs import replace

from failwell.policy.governor import flights, told
from failwell.policy.governor import guess as guesses
from failwell.policy.governor import meter as meters
from failwell.policy.governor.records import Delay, Place, Ticket, Traffic
from failwell.quotas import Quota
from failwell.settings import Governor

_LATE = 1.0
_MOST_ROUTES = 64
_IDS = re.compile(r"/[^/]*[0-9][^/]*")


def route_of(method: str, path: str) -> str:
    """The name of the calls of one kind: segments that hold a digit, such as ids, count as one."""
    return f"{method} {_IDS.sub('/*', path.partition('?')[0])}"


def take(
    traffic: Traffic,
    settings: Governor,
    route: str,
    now: float,
    left: float | None,
    number: int | None = None,
) -> tuple[Traffic, Place | Delay]:
    """A place for one more call, with the seconds until its turn; nothing is taken where its turn
    would come after `left` seconds, or is not known yet. `number` is what it was given before."""
    traffic = _timely(traffic, now)
    before = _before(traffic, number, now)
    names = _names(traffic, route)
    traffic = _flowed(traffic, names, now)
    turn = told.turn(traffic.told, settings, route, now)
    out = flights.count(traffic.flights, settings.lease, now)
    delay, wait = _when(traffic, names, out, before, now, waited=number is not None)
    delay, wait = max(delay, turn.delay), max(wait, turn.wait)
    if delay > 0 or (left is not None and wait >= left):
        number = number or traffic.issued + 1
        seconds = max(delay, wait)
        queued = replace(
            traffic,
            issued=max(traffic.issued, number),
            expected=max(traffic.expected, now + seconds),
        )
        return queued, Delay(seconds, number)
    ticket = Ticket(flights.slot_of(now + wait), turn.leases)
    taken = {name: meters.taken(traffic.meters[name], now) for name in names}
    after = replace(
        traffic,
        meters={**traffic.meters, **taken},
        guess=traffic.guess and guesses.taken(traffic.guess),
        flights=flights.sent(traffic.flights, ticket.slot, settings.lease),
        told=turn.after,
        served=max(traffic.served, number or traffic.issued - before),
    )
    return after, Place(ticket, wait)


def answered(
    traffic: Traffic,
    settings: Governor,
    ticket: Ticket | None,
    route: str,
    quotas: tuple[Quota, ...],
    took: float,
    now: float,
    *,
    counted: bool = True,
    well: bool = True,
    ghosts: int = 0,
) -> Traffic:
    """The traffic after an answer that spoke of these `quotas` and `took` so many seconds. A call
    that the API refused for its quota was not `counted` by it; one that went `well` was served.

    `ghosts` are the calls, this one included, that may have gone without a ticket before anything
    was known.
    """
    traffic = _timely(traffic, now)
    if not traffic.meters and ghosts and quotas:
        haunted = flights.haunted(traffic.flights, ghosts, now)
        traffic = replace(traffic, flights=haunted)
    traffic = landed(traffic, ticket, now)
    if traffic.guess is not None and counted:
        traffic = replace(traffic, guess=guesses.answered(traffic.guess))
    if not quotas and counted and well and ticket is not None:
        return _unspoken(traffic, route, now)
    if not quotas:
        return _without_news(traffic, ticket)
    if not settings.learn:
        return traffic
    flight = flights.flight(traffic.flights, settings.lease, took, now)
    known = dict(traffic.meters)
    names = tuple(quota.name or f"limit {quota.limit}" for quota in quotas)
    for name, quota in zip(names, quotas, strict=True):
        before = known.get(name)
        known[name] = (
            meters.first(quota, flight, now)
            if before is None
            else meters.heard(before, quota, flight, now, counted=counted)
        )
    routes = _routed(traffic.routes, route, names)
    spoken_of = {name for names in routes.values() for name in names}
    known = {name: meter for name, meter in known.items() if name in spoken_of}
    return replace(traffic, meters=known, routes=routes, guess=None)


def landed(traffic: Traffic, ticket: Ticket | None, now: float | None = None) -> Traffic:
    """The traffic once a call is over: answered `now`, or never to be heard of."""
    slot = None if ticket is None else ticket.slot
    after = flights.landed(traffic.flights, slot, now)
    if ticket is None:
        return replace(traffic, flights=after)
    landed = replace(traffic, flights=after, told=told.release(traffic.told, ticket.leases))
    return _without_news(landed, ticket) if now is None else landed


def _without_news(traffic: Traffic, ticket: Ticket | None) -> Traffic:
    """The traffic after a call that found out nothing: if it was a scout, another one may go."""
    if ticket is None:
        return traffic
    met = {
        name: replace(meter, scout=None)
        for name, meter in traffic.meters.items()
        if meter.scout is not None and flights.slot_of(meter.scout) == ticket.slot
    }
    return replace(traffic, meters={**traffic.meters, **met}) if met else traffic


def refused(traffic: Traffic, pace: float, retry_after: float | None, now: float) -> Traffic:
    """The traffic after a 429 that said nothing of a quota; `pace` is at how many calls a second
    it came to that."""
    if traffic.meters:
        return traffic
    wait = retry_after or 0.0
    if traffic.guess is None:
        return replace(traffic, guess=guesses.first(pace, wait, now))
    return replace(traffic, guess=guesses.refused(traffic.guess, wait, now))


def _flowed(traffic: Traffic, names: tuple[str, ...], now: float) -> Traffic:
    """The traffic with what has come back until now."""
    met = {name: meters.flowed(traffic.meters[name], now) for name in names}
    guess = traffic.guess and guesses.flowed(traffic.guess, now)
    return replace(traffic, meters={**traffic.meters, **met}, guess=guess)


def _when(
    traffic: Traffic, names: tuple[str, ...], out: int, before: int, now: float, *, waited: bool
) -> tuple[float, float]:
    """Seconds after which to ask again, or 0, and those until the turn, by all that was learnt."""
    known = [traffic.meters[name] for name in names]
    delays = [meters.delay(meter, out, before, now, waited=waited) for meter in known]
    waits = [meters.turn(meter, now) for meter in known]
    if traffic.guess is not None:
        delays.append(guesses.delay(traffic.guess, before, now))
        waits.append(guesses.turn(traffic.guess, now))
    return max(delays, default=0.0), max(waits, default=0.0)


def _timely(traffic: Traffic, now: float) -> Traffic:
    """The traffic as it can be read `now`: once the clock was put back, nothing of it can."""
    if now < traffic.showed - _LATE:
        return Traffic(showed=now)
    return replace(traffic, showed=now)


def _unspoken(traffic: Traffic, route: str, now: float) -> Traffic:
    """The traffic after a call that was served without a word of a quota. Where the reset was
    past that it may have waited for, no quota that is known holds for its route."""
    names = _names(traffic, route)
    if all(now >= traffic.meters[name].reset for name in names):
        return replace(traffic, routes=_routed(traffic.routes, route, ()))
    met = {name: replace(traffic.meters[name], scout=None) for name in names}
    return replace(traffic, meters={**traffic.meters, **met})


def _routed(
    routes: dict[str, tuple[str, ...]], route: str, names: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    routes = {**routes, route: names}
    if len(routes) > _MOST_ROUTES:
        del routes[next(iter(routes))]
    return routes


def _names(traffic: Traffic, route: str) -> tuple[str, ...]:
    """The meters that govern a route: those its own answers spoke of, else all, for nobody knows
    better."""
    names = traffic.routes.get(route, tuple(traffic.meters))
    return tuple(name for name in names if name in traffic.meters)


def _before(traffic: Traffic, number: int | None, now: float) -> int:
    """How many waiting calls have a lower number; none where all of them have missed their time."""
    if not traffic.expected + _LATE - now >= 0:
        return 0
    return max((number or traffic.issued + 1) - traffic.served - 1, 0)
