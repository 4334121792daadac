"""What is known of an origin and decides whether it is asked: budget, quota and health, together.

The three are one record, so that a call is admitted or held back in one atomic decision. The
breaker is asked last: a probe must not idle in a queue for its quota.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from failwell.actions import Step
from failwell.flows.gate import CALM, Gate, Pass, Stay
from failwell.policy import breaker, budget, governor
from failwell.policy.breaker import Circuit, Hold
from failwell.policy.budget import Ledger
from failwell.policy.governor import Delay, Ticket, Traffic
from failwell.settings import Breaker, Budget

if TYPE_CHECKING:
    from failwell.quotas import Quota

KEPT = 3600.0
"""Seconds after its last call for which an origin is remembered."""


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What is known of an origin. The calls are counted even where no budget is set: a governor
    that was refused wants to know how fast it went."""

    ledger: Ledger = Ledger()
    circuit: Circuit = breaker.HEALTHY
    traffic: Traffic = governor.IDLE

    def marked(self, calls: int) -> Standing:
        """The same with so many more calls, that were let through at a glance."""
        return Standing(budget.calls(self.ledger, calls), self.circuit, self.traffic)


_FRESH = Standing()
_COUNTING = Budget()


def _is_sound(circuit: Circuit, settings: Breaker | None) -> bool:
    if settings is None:
        return True
    return circuit.opened is None and not circuit.failures and settings.ratio is None


def path_of(url: object) -> str:
    """The path of an address, whatever the HTTP library keeps that in; asked for only where a
    quota is known, for to spell an address out takes time."""
    raw = getattr(url, "raw_path", None)
    if raw is not None:
        return str(raw, "ascii", "replace").partition("?")[0]
    text = str(url).partition("?")[0]
    if "://" in text:
        text = text.partition("://")[2].partition("/")[2]
    return "/" + text.lstrip("/")


class Enter(msgspec.Struct, frozen=True):
    """May this attempt go? `left` is how many seconds the call has; `counted` says that it is in
    the ledger already, and `ticket` that it has its place in the quota."""

    gate: Gate
    method: str
    url: object
    left: float | None = None
    counted: bool = False
    ticket: Ticket | None = None
    number: int | None = None

    @property
    def record_type(self) -> type[Standing]:
        return Standing

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, Pass | Stay]:
        gate, standing = self.gate, record or _FRESH
        ledger, circuit, traffic = standing.ledger, standing.circuit, standing.traffic
        counting = gate.budget or _COUNTING
        if not self.counted:
            ledger = budget.call(ledger, counting, now)
        asks_quota = gate.governor is not None and not governor.is_idle(traffic, gate.governor)
        if not asks_quota and _is_sound(circuit, gate.breaker):
            lull = (gate, *budget.slot_around(counting, now))
            return Step(Standing(ledger, circuit, traffic), CALM, KEPT, lull)
        return self._decided(Standing(ledger, circuit, traffic), asks_quota, now)

    def _decided(
        self, standing: Standing, asks_quota: bool, now: float
    ) -> Step[Standing, Pass | Stay]:
        gate, traffic = self.gate, standing.traffic
        ticket, wait = self.ticket, 0.0
        if asks_quota and ticket is None:
            assert gate.governor is not None
            route = governor.route_of(self.method, path_of(self.url))
            traffic, answer = governor.take(
                traffic, gate.governor, route, now, self.left, self.number
            )
            if isinstance(answer, Delay):
                held = replace(standing, traffic=traffic)
                return Step(held, Stay("quota", answer.seconds, answer.number), KEPT)
            ticket, wait = answer.ticket, answer.wait
        if wait > 0:
            later = Pass(wait, ticket, calm=False, due=_is_sound(standing.circuit, gate.breaker))
            return Step(replace(standing, traffic=traffic), later, KEPT)
        return self._probed(standing, traffic, ticket, now)

    def _probed(
        self, standing: Standing, traffic: Traffic, ticket: Ticket | None, now: float
    ) -> Step[Standing, Pass | Stay]:
        circuit, settings = standing.circuit, self.gate.breaker
        if settings is None:
            return Step(replace(standing, traffic=traffic), Pass(0.0, ticket, calm=False), KEPT)
        admitted = breaker.admit(circuit, settings, now)
        if isinstance(admitted, Hold):
            stay = Stay("circuit", admitted.seconds, None, circuit.cause, admitted.closed_for)
            return Step(standing, stay, KEPT)
        probing = admitted is not circuit
        after = Standing(standing.ledger, admitted, traffic)
        return Step(after, Pass(0.0, ticket, probing, calm=False), KEPT)


class Leave(msgspec.Struct, frozen=True):
    """What an attempt showed of the origin; the answer says whether the budget grants a retry.

    `took` is how many seconds its answer took, None where there was none. `health` is True where
    the origin answered as it should, False where it failed, None where nothing can be said;
    `cause` is what the failure was. `refused` says that it was a 429, with its `retry_after`.
    `retries` asks for a retry.
    """

    gate: Gate
    method: str
    url: object
    took: float | None
    health: bool | None
    ticket: Ticket | None = None
    probing: bool = False
    cause: str = ""
    quotas: tuple[Quota, ...] = ()
    refused: bool = False
    retry_after: float | None = None
    retries: bool = False

    @property
    def record_type(self) -> type[Standing]:
        return Standing

    def __call__(self, record: Standing | None, now: float) -> Step[Standing, bool]:
        standing = record or _FRESH
        circuit = self._circuit(standing.circuit, now)
        ledger, granted = self._ledger(standing.ledger, circuit, now)
        after = Standing(ledger, circuit, self._traffic(standing, now))
        return Step(after, granted, KEPT)

    def _ledger(self, ledger: Ledger, circuit: Circuit, now: float) -> tuple[Ledger, bool]:
        """The ledger, and whether a retry is granted. One that something else holds back is not
        charged: the governor paces it after a 429, the probe of an open circuit goes first."""
        if not self.retries or self.gate.budget is None:
            return ledger, True
        is_paced = self.refused and self.gate.governor is not None
        if is_paced or (circuit.opened is not None and not self.probing):
            return ledger, True
        more = budget.retry(ledger, self.gate.budget, now)
        return (ledger, False) if more is None else (more, True)

    def _circuit(self, circuit: Circuit, now: float) -> Circuit:
        settings = self.gate.breaker
        if settings is None:
            return circuit
        if self.health is None:
            return breaker.abandon(circuit) if self.probing else circuit
        if self.health:
            return breaker.succeed(circuit, settings, now, probing=self.probing)
        return breaker.fail(circuit, settings, now, probing=self.probing, cause=self.cause)

    def _traffic(self, standing: Standing, now: float) -> Traffic:
        settings, traffic = self.gate.governor, standing.traffic
        if settings is None:
            return traffic
        if self.took is None and self.health is None and self.ticket is None:
            return traffic
        if self.took is None:
            return governor.landed(traffic, self.ticket)
        route = governor.route_of(self.method, path_of(self.url))
        counting = self.gate.budget or _COUNTING
        traffic = governor.answered(
            traffic, settings, self.ticket, route, self.quotas, self.took, now,
            counted=not self.refused, well=self.health is True,
            ghosts=budget.made_since(standing.ledger, counting, now - self.took),
        )  # fmt: skip
        if self.refused and settings.learn and not self.quotas:
            pace = budget.pace(standing.ledger, counting)
            return governor.refused(traffic, pace, self.retry_after, now)
        return traffic
