"""Workers that call a service with a quota, in a time that nobody has to wait for.

The dice are seeded, the events bounded. What the workers share is the same record, changed by
the same changes, that a store keeps for real clients.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from typing import Any

from failwell.flows.gate import Gate, Pass
from failwell.flows.standing import Enter, Leave, Standing
from failwell.policy.governor import Ticket
from failwell.quotas import Quota
from failwell.settings import Budget, Governor
from policy.governor.quota_servers import Server

GATE = Gate(key="origin", budget=Budget(), governor=Governor())
RETRY_AFTER = 1.0
MOST_EVENTS = 100_000
BEGAN = 1_000.0


@dataclass
class Run:
    """What became of it: seconds until the last answer, refusals, and calls in the order in which
    they came, and in which they were sent."""

    seconds: float = 0.0
    refused: int = 0
    served: int = 0
    gave_up: int = 0
    asked: list[int] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


@dataclass
class _Call:
    number: int
    began: float
    counted: bool = False
    place: int | None = None
    ticket: Ticket | None = None
    sent: float = 0.0


def simulate(
    server: Server,
    calls: int,
    *,
    workers: int = 20,
    trip: float = 0.003,
    seed: int = 0,
    gate: Gate = GATE,
    deadline: float | None = None,
    dies: float = 0.0,
) -> Run:
    """Let the workers make so many calls. A round trip takes about `trip` seconds; a call gives
    up after its `deadline`; a share of those that have a turn `dies` before it is over."""
    return _Simulation(server, calls, trip, seed, gate, deadline, dies).run(workers)


class _Simulation:
    def __init__(
        self,
        server: Server,
        calls: int,
        trip: float,
        seed: int,
        gate: Gate,
        deadline: float | None,
        dies: float,
    ) -> None:
        self.server, self.calls, self.trip, self.gate = server, calls, trip, gate
        self.deadline, self.dies = deadline, dies
        self.dice = random.Random(seed)
        self.standing: Standing | None = None
        self.events: list[tuple[float, int, str, Any]] = []
        self.now, self.count = 0.0, 0
        self.result = Run()

    def run(self, workers: int) -> Run:
        for _ in range(workers):
            self._after(self.dice.random() * 0.001, "begin", None)
        handled = 0
        while self.events:
            self.now, _, name, what = heapq.heappop(self.events)
            getattr(self, f"_{name}")(what)
            handled += 1
            assert handled < MOST_EVENTS, f"no end in sight at {self.now}: {self.standing}"
        return self.result

    def _after(self, seconds: float, name: str, what: object) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + seconds, self.count, name, what))

    def _update(self, change: Any) -> Any:
        step = change(self.standing, BEGAN + self.now)
        self.standing = step.record
        return step.answer

    def _begin(self, _: None) -> None:
        if self.calls > 0:
            self.calls -= 1
            call = _Call(len(self.result.asked), self.now)
            self.result.asked.append(call.number)
            self._enter(call)

    def _enter(self, call: _Call) -> None:
        left = None if self.deadline is None else call.began + self.deadline - self.now
        answer = self._update(Enter(self.gate, "GET", "/", left, call.counted, None, call.place))
        call.counted = True
        if isinstance(answer, Pass):
            call.ticket = answer.ticket
            late = self.dice.random() * 0.001 if answer.wait else 0.0
            self._after(answer.wait + late, "send", call)
        elif left is not None and answer.seconds >= left:
            self.result.gave_up += 1
            self._begin(None)
        else:
            call.place = answer.number
            self._after(answer.seconds + self.dice.random() * 0.0002, "enter", call)

    def _send(self, call: _Call) -> None:
        if self.dice.random() < self.dies:
            return self._begin(None)
        if self.deadline is not None:
            assert self.now <= call.began + self.deadline + 0.002
        call.sent = self.now
        self.result.sent.append(call.number)
        half = self.trip * self.dice.uniform(0.25, 0.75)
        self._after(half, "serve", (call, half))

    def _serve(self, what: tuple[_Call, float]) -> None:
        served, quota = self.server.ask(self.now)
        self._after(what[1], "answer", (what[0], served, quota))

    def _answer(self, what: tuple[_Call, bool, Quota | None]) -> None:
        call, served, quota = what
        self._update(
            Leave(
                self.gate,
                "GET",
                "/",
                self.now - call.sent,
                True,
                call.ticket,
                quotas=() if quota is None else (quota,),
                refused=not served,
                retry_after=None if served else RETRY_AFTER,
            )
        )
        if served:
            self.result.served += 1
            self.result.seconds = self.now
            self._begin(None)
        else:
            self.result.refused += 1
            again = _Call(call.number, call.began, counted=True)
            self._after(RETRY_AFTER, "enter", again)
