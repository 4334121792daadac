"""A read that a flow makes up itself goes through the gate like any other call."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from failwell.actions import Flow
from failwell.contract import Contract, LookUp
from failwell.drive import Rim, drive
from failwell.flows.admission import leave
from failwell.flows.existing import Twin, twin
from failwell.flows.gate import CALM, Gate
from failwell.flows.inquiry import PATIENCE, inquire
from failwell.flows.lookup import look_up
from failwell.flows.settle import Settled, settle
from failwell.flows.standing import Standing
from failwell.flows.terms import Terms
from failwell.model import Outcome, Sent
from failwell.policy.evidence import judge
from failwell.settings import Breaker, Budget, Governor, Limit, Retry
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock, Look, Script, answer
from samples import LOOSE, OWN, URL, listed, lost, own, request

GATE = Gate(key="k", budget=Budget(), breaker=Breaker(), governor=Governor())
GET = request("GET")
SENT = Sent(method="POST", url=URL, at=0.0, key="k", body=b'{"name":"a"}')
LISTED = msgspec.structs.replace(LOOSE, look_up=listed())
FOUND = answer(200, ["it is here"])
TODAY = 60.0


class _Look(Look):
    @property
    def record_type(self) -> type[Any]:
        return Standing


class World:
    """A store and a clock that is moved by hand; five failures have opened the circuit."""

    def __init__(self, gate: Gate = GATE, *, is_shut: bool = True) -> None:
        self.clock, self.gate = Clock(), gate
        self.store = MemoryStore(self.clock)
        self.slept = 0.0
        self.rim = Rim(clock=self.clock, sleep=self._sleep, store=self.store)
        for _ in range(5 * is_shut):
            verdict = judge(OWN, GET, lost())
            self.run(leave(gate, GET, CALM, lost(), verdict, 0.1, retries=False))

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.advance(seconds)

    def run(self, flow: Flow[Any], *lines: Any) -> Any:
        script = Script(*lines, clock=self.clock)
        result = drive(flow, script, self.rim)
        assert script.left == 0
        return result

    def settle(self, *lines: Any, ends: float | None = None, contract: Contract = OWN) -> Settled:
        retry = Retry(jitter=None)
        terms = Terms(contract=contract, retry=retry, roll=lambda: 0.5, ends=ends, gate=self.gate)
        what = SENT if contract is OWN else msgspec.structs.replace(SENT, key=None)
        flow = settle(what, Outcome.UNKNOWN, terms, now=self.clock(), today=TODAY)
        settled: Settled = self.run(flow, *lines)
        return settled

    @property
    def standing(self) -> Standing:
        known, _ = self.store.update(self.gate.key, _Look())
        assert isinstance(known, Standing)
        return known


def test_a_settling_by_key_waits_for_the_probe() -> None:
    """An outage has opened the circuit: it is waited for, and not taken for an answer."""
    world = World()
    settled = world.settle(answer(201, {"id": 7}))
    assert (settled.outcome, world.slept) == (Outcome.APPLIED, pytest.approx(0.5))
    assert world.standing.circuit.opened is None


def test_a_settling_whose_probe_fails_goes_on_with_its_retries() -> None:
    """It is the probe itself, and tries again when the circuit lets it."""
    world = World()
    settled = world.settle(lost(), answer(201, {"id": 7}))
    assert settled.outcome is Outcome.APPLIED


def test_a_settling_keeps_to_its_deadline_at_a_shut_gate() -> None:
    """It stays unknown, and says that the API was not asked."""
    world = World()
    settled = world.settle(ends=world.clock() + 0.2)
    assert (settled.outcome, world.slept) == (Outcome.UNKNOWN, 0.0)
    assert "Nothing was sent" in settled.why


def test_nobody_waits_where_nobody_is_to_wait() -> None:
    """`on_open="raise"` holds for settling, too."""
    gate = msgspec.structs.replace(GATE, breaker=Breaker(on_open="raise"))
    world = World(gate)
    assert world.settle().outcome is Outcome.UNKNOWN
    assert world.slept == 0.0


def test_a_look_up_is_the_probe_and_its_answer_closes_the_circuit() -> None:
    """Whoever waits is told that the API is back."""
    world = World()
    settled = world.settle(FOUND, contract=LISTED)
    assert (settled.outcome, world.slept) == (Outcome.APPLIED, pytest.approx(0.5))
    assert world.standing.circuit.opened is None


def test_a_look_up_that_fails_counts_as_a_failure() -> None:
    """Three looks that were lost, after three attempts, are one too many."""
    world = World(is_shut=False)
    assert world.settle(*[lost()] * 3, contract=LISTED).outcome is Outcome.UNKNOWN
    assert world.standing.circuit.failures == 3


def test_a_look_up_counts_in_the_quota() -> None:
    """Its answer's fields are read, and its call has its place."""
    gate = msgspec.structs.replace(GATE, governor=Governor(limits=(Limit(1, 20.0),)))
    world = World(gate, is_shut=False)
    world.settle(FOUND, contract=LISTED)
    world.settle(FOUND, contract=LISTED)
    assert world.slept == pytest.approx(20.0, abs=1.0)


def test_a_gate_that_stays_shut_says_nothing() -> None:
    """No look is made, and nothing is concluded from that."""
    world = World()
    seen, _ = world.run(look_up(LISTED, SENT, world.clock(), world.clock() + 0.1, GATE))
    assert (seen.outcome, seen.was_asked) == (Outcome.UNKNOWN, False)


def test_the_record_in_the_way_is_read_through_the_gate() -> None:
    """What stands in the way of a write is asked for like all else."""
    world = World()
    clash = judge(OWN, request("POST"), own(409, "conflict"))
    assert clash is not None
    by_name = LookUp(request=lambda sent: ("GET", sent.url), found=lambda sent, reply: True)
    contract = msgspec.structs.replace(OWN, look_up=by_name)
    record = answer(200, {"name": "a"})
    met, _ = world.run(twin(contract, SENT, clash, world.clock(), None, GATE), record)
    assert met == Twin(record)
    assert world.standing.circuit.opened is None


def test_an_interrupted_read_gives_the_probe_back() -> None:
    """The next one need not wait until its lease is over."""
    world = World()
    with pytest.raises(KeyboardInterrupt):
        world.run(inquire(OWN, GET, world.clock(), None, GATE), KeyboardInterrupt())
    assert world.standing.circuit.probe is None


def test_it_waits_no_longer_than_a_call_would() -> None:
    """A circuit that stays open ends it."""
    gate = msgspec.structs.replace(GATE, breaker=Breaker(open_for=PATIENCE + 1, longest=60.0))
    world = World(gate)
    reading, _ = world.run(inquire(OWN, GET, world.clock(), None, gate))
    assert (reading.reply, world.slept) == (None, 0.0)
