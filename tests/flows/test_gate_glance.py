"""A call that need only be counted is let through at a glance, and is counted all the same."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from failwell.flows.gate import Gate
from failwell.flows.standing import Enter, Leave, Standing
from failwell.settings import Breaker, Budget, Governor, Limit
from failwell.stores.memory import MemoryStore
from failwell.testing import Clock, Look

GATE = Gate(key="k", budget=Budget(), breaker=Breaker(), governor=Governor())


def opened(gate: Gate = GATE) -> tuple[MemoryStore, Clock]:
    """A store in which one call went through the gate."""
    clock = Clock()
    store = MemoryStore(clock)
    store.update("k", Enter(gate, "GET", "/"))
    return store, clock


def glance(store: MemoryStore, gate: Gate = GATE) -> bool:
    """One more call, if a glance is enough."""
    return store.glance("k", gate)


def calls(store: MemoryStore) -> int:
    """How many calls are counted, once somebody has to know."""
    seen: list[int] = []

    class Count(Leave, frozen=True):
        def __call__(self, record: Standing | None, now: float) -> Any:
            seen.append(0 if record is None else record.ledger.calls)
            return super().__call__(record, now)

    store.update("k", Count(GATE, "GET", "/", 0.1, None))
    store.update("k", Enter(GATE, "GET", "/", counted=True))
    return seen[0]


def test_a_stranger_is_not_let_through() -> None:
    """Nothing is known of an origin before the first call."""
    assert not glance(MemoryStore(Clock()))


def test_what_was_let_through_is_counted() -> None:
    """The budget is a share of all calls: none is left out."""
    store, _ = opened()
    assert [glance(store) for _ in range(7)] == [True] * 7
    assert calls(store) == 8
    assert glance(store)
    assert calls(store) == 9


def test_no_call_is_lost_between_threads() -> None:
    """Marks are made while others are read."""
    store, _ = opened()

    def work() -> None:
        for number in range(500):
            if not glance(store):
                store.update("k", Enter(GATE, "GET", "/"))
            if number % 5 == 0:
                store.update("k", Leave(GATE, "GET", "/", 0.1, None))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls(store) == 4001


def test_a_clock_that_is_put_back_ends_the_lull() -> None:
    """As one that has moved on does."""
    store, clock = opened()
    clock.advance(-3600.0)
    assert not glance(store)


def test_what_holds_for_one_policy_is_not_said_for_another() -> None:
    """Two clients of one origin share its record, and may look at it differently."""
    store, _ = opened()
    strict = msgspec.structs.replace(GATE, breaker=Breaker(ratio=0.5))
    assert glance(store)
    assert not glance(store, strict)


def test_at_another_time_it_is_looked_at_again() -> None:
    """The calls of each tenth of the window are counted together: its first one says which."""
    store, clock = opened()
    clock.advance(1.0)
    assert not glance(store)


def test_marks_do_not_pile_up() -> None:
    """However long the window is, they are counted before they take much room."""
    store, _ = opened()
    assert sum(glance(store) for _ in range(5_000)) == 4096
    assert calls(store) == 4097
    assert glance(store)


def test_a_failure_is_seen_at_once() -> None:
    """The next call is not let through at a glance."""
    store, _ = opened()
    store.update("k", Leave(GATE, "GET", "/", 0.1, False, cause="503"))
    assert not glance(store)


@pytest.mark.parametrize(
    "gate",
    [
        msgspec.structs.replace(GATE, governor=Governor(limits=(Limit(9, 1.0),))),
        msgspec.structs.replace(GATE, breaker=Breaker(ratio=0.5)),
    ],
)
def test_what_must_be_watched_is_never_glanced_at(gate: Gate) -> None:
    """A limit that a person has stated, and a share of failures, need each call."""
    store, _ = opened(gate)
    assert not glance(store, gate)


def test_a_record_without_marks_is_as_it_was() -> None:
    """Other records of the same store have nothing to do with it."""
    store, _ = opened()
    assert store.update("other", Look())[0] is None
