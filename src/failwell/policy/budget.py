"""May an origin be sent one more retry?

Retries turn a service that is slow into one that is down: where every call is tried six times,
an outage is answered with six times the load. So the retries of all calls together are bounded,
as a share of the calls and a small number besides. Time is counted in tenths of the window.
"""

from __future__ import annotations

import msgspec

from failwell.settings import Budget

_SLOTS = 10


class Ledger(msgspec.Struct, frozen=True, array_like=True):
    """The calls and retries of the current slot of time, and of the `past` slots that count,
    each as (slot, calls, retries)."""

    slot: int = 0
    calls: int = 0
    retries: int = 0
    past: tuple[tuple[int, int, int], ...] = ()


def call(ledger: Ledger, settings: Budget, now: float) -> Ledger:
    """The ledger with one more call, made `now` (seconds)."""
    slot = int(now * _SLOTS / settings.window)
    if slot != ledger.slot:
        ledger = _turned(ledger, slot)
    return Ledger(slot, ledger.calls + 1, ledger.retries, ledger.past)


def calls(ledger: Ledger, more: int) -> Ledger:
    """The ledger with so many more calls in its current slot."""
    return Ledger(ledger.slot, ledger.calls + more, ledger.retries, ledger.past)


def slot_around(settings: Budget, now: float) -> tuple[float, float]:
    """From when until when (seconds) calls are counted together with one that is made `now`."""
    slot, width = int(now * _SLOTS / settings.window), settings.window / _SLOTS
    return slot * width, (slot + 1) * width


def retry(ledger: Ledger, settings: Budget, now: float) -> Ledger | None:
    """The ledger with one more retry; None where the budget has none left."""
    ledger = _turned(ledger, int(now * _SLOTS / settings.window))
    calls, retries = totals(ledger)
    if retries + 1 > settings.floor + settings.ratio * calls:
        return None
    return msgspec.structs.replace(ledger, retries=ledger.retries + 1)


def totals(ledger: Ledger) -> tuple[int, int]:
    """The calls and the retries that count."""
    calls = ledger.calls + sum(calls for _, calls, _ in ledger.past)
    retries = ledger.retries + sum(retries for _, _, retries in ledger.past)
    return calls, retries


def made_since(ledger: Ledger, settings: Budget, since: float) -> int:
    """The calls of the slots from that time on."""
    first = int(since * _SLOTS / settings.window)
    return ledger.calls + sum(calls for slot, calls, _ in ledger.past if slot >= first)


def pace(ledger: Ledger, settings: Budget) -> float:
    """Calls per second, in the slot that had most."""
    most = max(ledger.calls, *(calls for _, calls, _ in ledger.past), 0)
    return most * _SLOTS / settings.window


def _turned(ledger: Ledger, slot: int) -> Ledger:
    """The ledger at another slot; a clock that was put back takes nothing away."""
    if slot == ledger.slot:
        return ledger
    kept = (*ledger.past, (ledger.slot, ledger.calls, ledger.retries))
    past = tuple(entry for entry in kept if abs(slot - entry[0]) < _SLOTS)
    return Ledger(slot, 0, 0, past[-_SLOTS:])
