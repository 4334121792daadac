"""Is this origin worth asking now?

    CLOSED ── too many failures ──▶ OPEN ── its time is over ──▶ HALF_OPEN
      ▲                              ▲                             │  │
      │                              └── the probe failed ─────────┘  │
      └──────────────────── the probe went well ──────────────────────┘

CLOSED lets all through. OPEN holds all back. HALF_OPEN lets one through, the probe, and holds
the others back until it is heard of, or its lease is over. Each opening that follows a failed
probe is longer than the one before by a quarter: so whoever waits is back soon after the service,
within about a quarter of the time that it was away. What was sent before it opened says nothing
any more.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from failwell.settings import Breaker

POLL = 0.05
"""Seconds after which whoever waits for a probe asks again."""

_SLOTS = 10
_GROWTH = 1.25


class State(StrEnum):
    """What the breaker does with the next attempt."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class Circuit(msgspec.Struct, frozen=True, array_like=True):
    """What is known of an origin's health; times in seconds of the store's clock.

    `failures` are those in a row; `counts` holds (slot, attempts, failed) of the window. It was
    opened at `opened` for `span`; `probe` is when the probe's lease began, and `cause` what the
    last failure was.
    """

    failures: int = 0
    cause: str = ""
    opened: float | None = None
    span: float = 0.0
    probe: float | None = None
    counts: tuple[tuple[int, int, int], ...] = ()


class Hold(msgspec.Struct, frozen=True):
    """Not now: ask again in `seconds`; the circuit is open for `closed_for` more at least."""

    seconds: float
    closed_for: float = 0.0


HEALTHY = Circuit()


def state(circuit: Circuit, now: float) -> State:
    """What the breaker does with an attempt `now`."""
    if circuit.opened is None:
        return State.CLOSED
    return State.OPEN if _open_for(circuit, now) > 0 else State.HALF_OPEN


def admit(circuit: Circuit, settings: Breaker, now: float) -> Circuit | Hold:
    """The circuit with this attempt let through, as the probe where it is half open."""
    if circuit.opened is None:
        return circuit
    left = _open_for(circuit, now)
    if left > 0:
        return Hold(left, left)
    if circuit.probe is not None and 0 <= now - circuit.probe < settings.probe:
        return Hold(POLL)
    return msgspec.structs.replace(circuit, probe=now)


def succeed(circuit: Circuit, settings: Breaker, now: float, *, probing: bool) -> Circuit:
    """The circuit after an attempt that went well; a probe that does closes it."""
    if circuit.opened is not None:
        return HEALTHY if probing else circuit
    if settings.ratio is None:
        return circuit if circuit is HEALTHY or not circuit.failures else HEALTHY
    counts = _counted(circuit, settings, now, failed=False)
    return Circuit(counts=counts)


def fail(circuit: Circuit, settings: Breaker, now: float, *, probing: bool, cause: str) -> Circuit:
    """The circuit after an attempt that failed; one too many, or a failed probe, opens it."""
    if circuit.opened is not None:
        return _reopened(circuit, settings, now, cause) if probing else circuit
    counts = () if settings.ratio is None else _counted(circuit, settings, now, failed=True)
    known = msgspec.structs.replace(
        circuit, failures=circuit.failures + 1, cause=cause, counts=counts
    )
    if not _is_too_much(known, settings):
        return known
    return msgspec.structs.replace(known, opened=now, span=settings.open_for, probe=None)


def abandon(circuit: Circuit) -> Circuit:
    """The circuit after a probe of which nothing will be heard: the next attempt is one."""
    return msgspec.structs.replace(circuit, probe=None)


def _open_for(circuit: Circuit, now: float) -> float:
    """Seconds for which it stays open; none where the clock was put back since: a probe tells."""
    assert circuit.opened is not None
    since = now - circuit.opened
    return circuit.span - since if since >= 0 else 0.0


def _reopened(circuit: Circuit, settings: Breaker, now: float, cause: str) -> Circuit:
    span = min(circuit.span * _GROWTH, settings.longest)
    return msgspec.structs.replace(
        circuit,
        failures=circuit.failures + 1,
        cause=cause,
        opened=now,
        span=span,
        probe=None,
    )


def _is_too_much(circuit: Circuit, settings: Breaker) -> bool:
    if settings.failures is not None and circuit.failures >= settings.failures:
        return True
    if settings.ratio is None:
        return False
    made = sum(attempts for _, attempts, _ in circuit.counts)
    failed = sum(failed for _, _, failed in circuit.counts)
    return made >= settings.minimum and failed >= settings.ratio * made


def _counted(
    circuit: Circuit, settings: Breaker, now: float, *, failed: bool
) -> tuple[tuple[int, int, int], ...]:
    slot = int(now * _SLOTS / settings.window)
    kept = tuple(entry for entry in circuit.counts if abs(slot - entry[0]) < _SLOTS)
    if kept and kept[-1][0] == slot:
        _, made, bad = kept[-1]
        return (*kept[:-1], (slot, made + 1, bad + failed))
    return (*kept, (slot, 1, int(failed)))[-_SLOTS:]
