"""What a call reads to find out what became of its write goes through the gate, behind it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from failwell.drive import Rim, drive
from failwell.errors import ConflictError
from failwell.flows.call import call
from failwell.flows.gate import Gate
from failwell.flows.standing import Standing
from failwell.flows.terms import Done, Terms
from failwell.settings import Breaker, Budget, Governor, Limit, Retry
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock, Look, Script, answer
from samples import LOOSE, flat, listed, lost, post, request

FOUND = answer(200, ["it is here"])
ABSENT = flat(404, "missing")
BREAKER, GOVERNOR = Breaker(), Governor()


class _Look(Look):
    @property
    def record_type(self) -> type[Any]:
        return Standing


class World:
    """A store and a clock that is moved by hand."""

    def __init__(self, breaker: Breaker = BREAKER, governor: Governor = GOVERNOR) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        self.gate = Gate(key="k", budget=Budget(), breaker=breaker, governor=governor)
        self.rim = Rim(clock=self.clock, sleep=self.clock.sleep, store=self.store)

    def call(self, *lines: Any, **how: Any) -> Done:
        contract = msgspec.structs.replace(LOOSE, look_up=listed(**how))
        terms = Terms(contract=contract, retry=Retry(jitter=None), roll=lambda: 0.5, gate=self.gate)
        script = Script(*lines, clock=self.clock)
        done = drive(call(post(), terms, self.clock()), script, self.rim)
        assert script.left == 0
        return done

    @property
    def standing(self) -> Standing:
        known, _ = self.store.update("k", _Look())
        assert isinstance(known, Standing)
        return known


def test_a_found_record_shows_that_the_origin_is_well() -> None:
    """The lost answer counted as a failure; the answer to the look-up forgets it."""
    world = World()
    assert world.call(lost(), FOUND).how == "found"
    assert world.standing.circuit.failures == 0
    assert world.standing.ledger.calls == 2


def test_a_look_up_waits_for_the_circuit_that_its_write_has_opened() -> None:
    """It becomes the probe, and closes it."""
    world = World(Breaker(failures=1))
    assert world.call(lost(), FOUND).how == "found"
    assert sum(world.clock.slept) == pytest.approx(0.5)
    assert world.standing.circuit.opened is None


def test_a_probe_that_is_lost_is_no_obstacle_to_its_own_look_up() -> None:
    """The write was the probe: it is told before its record is looked for."""
    world = World(Breaker(failures=1, open_for=0.5))
    assert world.call(lost(), ABSENT, lost(), FOUND, enforced=True).how == "found"
    assert sum(world.clock.slept) < 5.0


def test_the_write_does_not_hold_the_one_place_that_its_look_up_needs() -> None:
    """One call at a time: the write is over before the look-up begins."""
    world = World(governor=Governor(limits=(Limit(1),)))
    assert world.call(lost(), FOUND).how == "found"
    assert sum(world.clock.slept) == 0.0


def test_a_retry_after_a_look_up_is_granted_by_the_budget() -> None:
    """It is charged once, and refused where there is none left."""
    world = World(Breaker(failures=None, ratio=1.0, minimum=100))
    assert world.call(lost(), ABSENT, answer(201, {}), enforced=True).how == "answered"
    assert world.standing.ledger.retries == 1


def test_a_delete_is_not_looked_up() -> None:
    """A record that is still there does not show that it was deleted."""
    contract = msgspec.structs.replace(LOOSE, look_up=listed())
    terms = Terms(contract=contract, retry=Retry(jitter=None), roll=lambda: 0.5)
    script = Script(flat(409, "engine"), clock=Clock())
    with pytest.raises(ConflictError) as caught:
        drive(call(request("DELETE"), terms, 0.0), script, Rim())
    assert (caught.value.outcome, script.left) == ("unknown", 0)
