"""The way in and out, as the list of what is done: waits to the digit, and none too long."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from failwell.actions import Action, Flow, Update, Wait
from failwell.contract import Code, Contract
from failwell.drive import Rim, adrive, drive
from failwell.flows.admission import Refusal, enter, leave
from failwell.flows.gate import CALM, Gate, Pass
from failwell.flows.standing import Leave, path_of
from failwell.model import Kind, Reply
from failwell.policy.evidence import judge
from failwell.settings import Breaker, Budget, Governor, Limit
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock, answer, recorded
from samples import OWN, html, lost, own, request

GATE = Gate(key="k", budget=Budget(), breaker=Breaker(), governor=Governor())
GET = request("GET")


class World:
    """A store and a clock, and the log of what was done."""

    def __init__(self, gate: Gate = GATE) -> None:
        self.clock = Clock()
        self.gate = gate
        self.log: list[Action] = []
        self.rim = Rim(clock=self.clock, sleep=self.clock.sleep, store=MemoryStore(self.clock))

    def run(self, flow: Flow[Any]) -> Any:
        self.log.clear()
        return drive(recorded(flow, self.log), _nothing, self.rim)

    def enter(
        self,
        seconds: float | None = None,
        longest: float | None = None,
        *,
        is_retry: bool = False,
        patience: float | None = None,
    ) -> Pass | Refusal:
        ends = None if seconds is None else self.clock() + seconds
        now = self.clock()
        patient = None if patience is None else now + patience
        flow = enter(self.gate, GET, now, ends, longest, is_retry=is_retry, patient=patient)
        return self.run(flow)[0]

    def leave(
        self,
        passed: Pass,
        reply: Reply | None,
        *,
        retries: bool = False,
        contract: Contract = OWN,
    ) -> bool:
        verdict = None if reply is None else judge(contract, GET, reply)
        result: bool = self.run(leave(self.gate, GET, passed, reply, verdict, 0.1, retries=retries))
        return result

    def shut(self) -> None:
        """Let five attempts fail."""
        for _ in range(5):
            self.leave(CALM, lost())

    @property
    def slept(self) -> list[float]:
        return [pytest.approx(action.seconds) for action in self.log if isinstance(action, Wait)]


def _nothing(_: object) -> Any:
    raise AssertionError("nothing is sent here")


def test_the_happy_way_is_one_update_in_and_none_out() -> None:
    """Where nothing is known and nothing is learnt, nothing else is done."""
    world = World()
    assert world.enter() is CALM
    assert [type(action) for action in world.log] == [Update]
    world.leave(CALM, answer(200, {}))
    assert world.log == []


def test_a_call_with_time_queues_behind_the_probe() -> None:
    """It waits until the gate may open, and is the probe itself."""
    world = World()
    world.shut()
    passed = world.enter(30.0)
    assert isinstance(passed, Pass)
    assert passed.probing
    assert world.slept == [0.5]


def test_a_call_without_time_is_told_until_when() -> None:
    """A tenth of a second is not enough for a gate that is shut for half of one."""
    world = World()
    world.shut()
    assert world.enter(0.1) == Refusal("circuit", 0.5, world.enter(0.1).cause)
    assert world.slept == []


@pytest.mark.parametrize(
    ("on_open", "seconds", "is_retry", "waits"),
    [
        (None, 30.0, False, True),
        (None, None, False, False),
        (None, None, True, True),
        ("raise", 30.0, False, False),
        ("raise", 30.0, True, False),
        ("wait", None, False, True),
    ],
)
def test_who_waits_for_an_open_circuit(on_open, seconds, is_retry, waits) -> None:
    """By default whoever has a deadline, and each retry; else as it was told."""
    world = World(msgspec.structs.replace(GATE, breaker=Breaker(on_open=on_open)))
    world.shut()
    answered = world.enter(seconds, is_retry=is_retry)
    assert isinstance(answered, Pass) is waits


def test_nobody_waits_longer_for_a_quota_than_was_said() -> None:
    """Without a deadline it is `longest`; then the refusal says when to come back."""
    world = World(msgspec.structs.replace(GATE, governor=Governor(limits=(Limit(1, 100.0),))))
    world.enter()
    refusal = world.enter(longest=20.0)
    assert isinstance(refusal, Refusal)
    assert refusal.why == "quota"
    assert 90 < refusal.seconds <= 102
    assert world.slept == []


def test_a_quota_is_waited_for_in_the_order_of_asking() -> None:
    """The second call in a second has its turn a second later, in one sleep."""
    world = World(msgspec.structs.replace(GATE, governor=Governor(limits=(Limit(1, 1.0),))))
    world.enter()
    assert isinstance(world.enter(), Pass)
    assert len(world.slept) == 1
    assert world.clock() == pytest.approx(1_001.0, abs=0.05)


def test_a_place_that_is_of_no_use_is_given_back() -> None:
    """The quota had a place, the circuit did not: the place is free for others."""
    gate = msgspec.structs.replace(
        GATE, governor=Governor(limits=(Limit(1),)), breaker=Breaker(on_open="raise")
    )
    world = World(gate)
    world.shut()
    for _ in range(3):
        refusal = world.enter()
        assert isinstance(refusal, Refusal)
        assert refusal.why == "circuit"


@pytest.mark.parametrize(
    ("reply", "health"),
    [
        (answer(200, {}), True),
        (own(404, "missing"), True),
        (own(429, "busy"), True),
        (own(503, "engine"), False),
        (own(500, "internal"), False),
        (own(500, "doomed"), True),
        (html(501), False),
        (lost(), False),
        (lost(kind=Kind.BAD_REQUEST, sent=False), None),
        (None, None),
    ],
)
def test_one_attempt_is_one_signal(reply: Reply | None, health: bool | None) -> None:
    """A 5xx and a fault speak against the origin; a 4xx and a 429 are answers, and a 5xx that the
    contract calls permanent; a request that could not be built says nothing."""
    doomed = Code(code="doomed", status=500, transient=False, max_retries=1)
    contract = msgspec.structs.replace(OWN, codes=(*OWN.codes, doomed))
    world = World()
    world.leave(Pass(calm=False), reply, contract=contract)
    (told,) = (action.change for action in world.log if isinstance(action, Update))
    assert isinstance(told, Leave)
    assert told.health is health


def test_a_slow_answer_is_a_failure_where_that_was_asked_for() -> None:
    """Ten seconds where two are slow."""
    gate = msgspec.structs.replace(GATE, breaker=Breaker(slow=2.0))
    world = World(gate)
    world.run(leave(gate, GET, CALM, answer(200, {}), None, 10.0, retries=False))
    (told,) = (action.change for action in world.log if isinstance(action, Update))
    assert told.health is False


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.example.org/v1/parts?x=1", "/v1/parts"),
        ("https://api.example.org", "/"),
        ("https://api.example.org?x=/y", "/"),
        ("", "/"),
    ],
)
def test_a_path_is_read_off_any_address(url: str, path: str) -> None:
    """Text will do."""
    assert path_of(url) == path


def _story(gate: Gate, clock: Clock) -> Flow[list[Any]]:
    """In and out thirty times, past an outage, a refusal and a quota."""
    results: list[Any] = []
    now = clock()
    for number in range(30):
        reply = own(503, "engine") if 4 < number < 12 else answer(200, {})
        if number == 20:
            said = own(429, "busy", x_ratelimit_remaining="0", x_ratelimit_reset="3.5")
            reply = msgspec.structs.replace(said, metered=True)
        verdict = judge(OWN, GET, reply)
        passed, now = yield from enter(gate, GET, now, now + 60.0, None, is_retry=False)
        results.append(passed)
        if isinstance(passed, Pass):
            way_out = leave(gate, GET, passed, reply, verdict, 0.1, retries=number % 2 == 0)
            results.append((yield from way_out))
    return results


def test_both_drivers_do_the_same_to_the_byte() -> None:
    """The same story, told sync and async: one log."""

    def sync() -> tuple[list[Any], str]:
        world = World()
        return world.run(_story(GATE, world.clock)), repr(world.log)

    async def later() -> tuple[list[Any], str]:
        world = World()
        rim = msgspec.structs.replace(world.rim, sleep=world.clock.asleep)
        flow = recorded(_story(GATE, world.clock), world.log)
        return await adrive(flow, _nothing, rim), repr(world.log)

    one, other = sync(), asyncio.run(later())
    assert one == other
    assert "Wait" in one[1]


def test_a_retry_waits_for_the_circuit_as_long_as_it_is_patient() -> None:
    """It has no deadline: it waits behind the probe, but not for an outage of any length."""
    world = World()
    world.shut()
    assert isinstance(world.enter(is_retry=True, patience=31.0), Pass)
    assert world.slept == [0.5]
    world = World()
    world.shut()
    held = world.enter(is_retry=True, patience=0.4)
    assert isinstance(held, Refusal)
    assert (held.why, world.slept) == ("circuit", [])


def test_a_deadline_stands_over_patience() -> None:
    """Whoever set one waits until then."""
    world = World()
    world.shut()
    assert isinstance(world.enter(30.0, is_retry=True, patience=0.0), Pass)
