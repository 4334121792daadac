"""One record for budget, quota and health: what it lets through, and what it learns."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from failwell.actions import Step
from failwell.flows.gate import CALM, Gate, Pass, Stay
from failwell.flows.standing import Enter, Leave, Standing
from failwell.quotas import Quota
from failwell.settings import Breaker, Budget, Governor, Limit

ALL = Gate(key="k", budget=Budget(), breaker=Breaker(), governor=Governor())
NOW = 1_000.0
DRY = Quota("", 10, 0, 60.0, True)


class Record:
    """A record under a clock that is moved by hand."""

    def __init__(self, gate: Gate = ALL) -> None:
        self.gate, self.now = gate, NOW
        self.kept: Standing | None = None

    def enter(self, **facts: Any) -> Pass | Stay:
        return self._apply(Enter(self.gate, "GET", "/parts", **facts))

    def leave(self, passed: Pass | None, health: bool | None, **facts: Any) -> bool:
        passed = passed or CALM
        took = facts.pop("took", 0.1)
        return self._apply(
            Leave(
                self.gate, "GET", "/parts", took, health, passed.ticket, passed.probing, **facts
            )
        )  # fmt: skip

    def fail(self, times: int = 5) -> None:
        for _ in range(times):
            self.leave(None, False, cause="503: down")

    def _apply(self, change: Any) -> Any:
        step: Step[Standing, Any] = change(self.kept, self.now)
        written = msgspec.msgpack.encode(step.record)
        self.kept = msgspec.msgpack.decode(written, type=change.record_type)
        assert self.kept == step.record, "a store must be able to keep it"
        return step.answer


def test_a_healthy_origin_is_one_look() -> None:
    """Where nothing is known the answer is `CALM`, and the call is counted."""
    record = Record()
    assert record.enter() is CALM
    assert record.kept is not None
    assert record.kept.ledger.calls == 1


def test_a_retry_is_no_call() -> None:
    """What was counted is not counted again: the budget is a share of calls, not of attempts."""
    record = Record()
    record.enter()
    record.enter(counted=True)
    assert record.kept is not None
    assert record.kept.ledger.calls == 1


def test_five_failures_shut_it_and_say_why() -> None:
    """The answer carries the last failure, and for how long it is shut at least."""
    record = Record()
    record.fail()
    assert record.enter() == Stay("circuit", 0.5, None, "503: down", 0.5)


def test_one_probe_goes_and_its_success_opens_the_gate() -> None:
    """The others ask again until it is back."""
    record = Record()
    record.fail()
    record.now += 0.6
    probe = record.enter()
    assert isinstance(probe, Pass)
    assert probe.probing
    assert isinstance(record.enter(), Stay)
    record.leave(probe, True)
    assert record.enter() is CALM


@pytest.mark.parametrize(("refused", "kinds"), [(False, "a 4xx"), (True, "a 429")])
def test_an_answer_is_no_failure(refused: bool, kinds: str) -> None:
    """However many of them come: neither a 4xx nor a 429 shuts the gate."""
    record = Record(msgspec.structs.replace(ALL, governor=None))
    for _ in range(50):
        record.leave(None, True, refused=refused)
    assert record.enter() is CALM


def test_the_breaker_is_asked_last() -> None:
    """A call that has to wait for its quota is not made the probe, and holds nobody up."""
    limited = msgspec.structs.replace(ALL, governor=Governor(limits=(Limit(1, 1.0),)))
    record = Record(limited)
    first = record.enter()
    assert isinstance(first, Pass)
    record.fail()
    record.now += 0.6
    later = record.enter()
    assert isinstance(later, Pass)
    assert later.wait > 0
    assert not later.due
    assert record.kept is not None
    assert record.kept.circuit.probe is None
    record.now += later.wait
    assert record.enter(counted=True, ticket=later.ticket).probing


def test_a_call_that_waited_in_calm_need_not_ask_again() -> None:
    """Its turn is the end of it: `due`."""
    limited = msgspec.structs.replace(ALL, governor=Governor(limits=(Limit(1, 1.0),)))
    record = Record(limited)
    record.enter()
    second = record.enter()
    assert isinstance(second, Pass)
    assert second.due


def test_a_probe_that_was_broken_off_is_given_back() -> None:
    """Nothing was heard of it: the next call is the probe."""
    record = Record()
    record.fail()
    record.now += 0.6
    probe = record.enter()
    record.leave(probe, None, took=None)
    assert record.enter().probing


def test_a_probe_that_nobody_gives_back_is_not_lost() -> None:
    """Its process was killed: after its lease another call is the probe."""
    record = Record()
    record.fail()
    record.now += 0.6
    record.enter()
    record.now += 60.1
    assert record.enter().probing


def test_what_an_answer_says_of_the_quota_holds_the_next_call_back() -> None:
    """None left, a minute to go: the next one stays."""
    record = Record()
    record.leave(record.enter(), True, quotas=(DRY,))
    stay = record.enter()
    assert isinstance(stay, Stay)
    assert (stay.why, stay.number) == ("quota", 1)
    assert 59 < stay.seconds < 61


def test_a_refusal_without_a_word_is_learnt_from() -> None:
    """A bare 429 with `Retry-After: 3`: nobody goes for three seconds."""
    record = Record()
    record.leave(record.enter(), True, refused=True, retry_after=3.0)
    waited = 0.0
    while isinstance(answer := record.enter(counted=True, number=1), Stay):
        record.now += answer.seconds
        waited += answer.seconds
    assert waited + answer.wait >= 3.0


def test_a_retry_needs_the_budget() -> None:
    """Ten are granted to one call, the eleventh is not."""
    record = Record()
    record.enter()
    assert [record.leave(None, None, retries=True) for _ in range(11)] == [True] * 10 + [False]


def test_who_queues_behind_a_probe_is_not_charged() -> None:
    """Fifty calls fail as the service goes down: all may wait for it; a failed probe is charged."""
    record = Record()
    record.fail()
    assert all(record.leave(None, False, retries=True) for _ in range(50))
    assert record.kept is not None
    assert record.kept.ledger.retries == 0
    record.now += 0.6
    record.leave(record.enter(), False, retries=True)
    assert record.kept.ledger.retries == 1


@pytest.mark.parametrize(
    ("part", "held"), [("budget", "circuit"), ("breaker", "quota"), ("governor", "circuit")]
)
def test_each_part_can_be_left_out(part: str, held: str) -> None:
    """What is not there holds nobody back; the others do."""
    record = Record(msgspec.structs.replace(ALL, **{part: None}))
    record.leave(None, True, quotas=(DRY,) if held == "quota" else ())
    record.fail(20)
    stay = record.enter()
    assert isinstance(stay, Stay)
    assert stay.why == held
