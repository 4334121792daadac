"""How many retries an origin is sent: tables, and a walk with a clock that jumps."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from failwell.policy import budget
from failwell.policy.budget import Ledger
from failwell.settings import Breaker, Budget, Governor, Limit

NOW = 1_000.0


def after(calls: int, retries: int = 0, settings: Budget | None = None, now: float = NOW) -> Ledger:
    """The ledger after so many calls and granted retries."""
    settings, ledger = settings or Budget(), Ledger()
    for _ in range(calls):
        ledger = budget.call(ledger, settings, now)
    for _ in range(retries):
        granted = budget.retry(ledger, settings, now)
        assert granted is not None
        ledger = granted
    return ledger


def granted(ledger: Ledger, settings: Budget, now: float = NOW) -> int:
    """How many retries it grants now, up to a thousand."""
    for count in range(1000):
        more = budget.retry(ledger, settings, now)
        if more is None:
            return count
        ledger = more
    return 1000


@pytest.mark.parametrize(
    ("calls", "settings", "retries"),
    [
        (1, Budget(), 10),
        (5, Budget(), 10),
        (10, Budget(), 11),
        (100, Budget(), 20),
        (1000, Budget(), 110),
        (100, Budget(floor=0), 10),
        (9, Budget(floor=0), 0),
        (100, Budget(ratio=0.0), 10),
        (100, Budget(ratio=0.0, floor=0), 0),
        (100, Budget(ratio=1.0, floor=5), 105),
    ],
)
def test_a_tenth_of_the_calls_and_a_floor(calls: int, settings: Budget, retries: int) -> None:
    """Of so many calls in the window so many retries are granted, and not one more."""
    assert granted(after(calls, settings=settings), settings) == retries


@pytest.mark.parametrize(("passes", "retries"), [(0.0, 0), (8.9, 0), (10.1, 10), (1000.0, 10)])
def test_the_window_slides(passes: float, retries: int) -> None:
    """Ten seconds after it was used up a budget is whole again."""
    used = after(1, 10)
    assert granted(used, Budget(), NOW + passes) == retries


@pytest.mark.parametrize("jump", [-1.0, -9.0, -3600.0, 3600.0])
def test_a_clock_that_jumps_does_not_lock_it(jump: float) -> None:
    """After any jump there is a budget again within two windows."""
    assert granted(after(1, 10), Budget(), NOW + jump + 20.1) == 10


def test_the_pace_is_that_of_the_fastest_slot() -> None:
    """Thirty calls in one second are thirty a second, though nine seconds were quiet."""
    ledger = budget.call(after(30), Budget(), NOW + 5)
    assert budget.pace(ledger, Budget()) == 30
    assert budget.made_since(ledger, Budget(), NOW + 4) == 1
    assert budget.made_since(ledger, Budget(), NOW) == 31


class Walk(RuleBasedStateMachine):
    """Calls and retries in any order, at any time, with clock jumps: what is granted never passes
    the share of the calls that the last window and a jump can account for."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = Budget(ratio=0.2, floor=3, window=10.0)
        self.ledger, self.now = Ledger(), NOW
        self.made: list[float] = []
        self.granted: list[float] = []

    @rule(seconds=st.one_of(st.floats(0, 3), st.floats(0, 100)))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.floats(0, 500))
    def jump_back(self, seconds: float) -> None:
        self.now = max(self.now - seconds, 0.0)

    @rule(count=st.integers(1, 30))
    def call(self, count: int) -> None:
        for _ in range(count):
            self.ledger = budget.call(self.ledger, self.settings, self.now)
            self.made.append(self.now)

    @rule()
    def retry(self) -> None:
        more = budget.retry(self.ledger, self.settings, self.now)
        if more is not None:
            self.ledger = more
            self.granted.append(self.now)
            around = sum(abs(at - self.now) <= 10.0 for at in self.made)
            assert more.retries <= 3 + 0.2 * around + 1e-9

    @invariant()
    def it_stays_small(self) -> None:
        assert len(self.ledger.past) <= 10
        calls, retries = budget.totals(self.ledger)
        assert calls <= len(self.made)
        assert retries <= len(self.granted)


TestWalk = Walk.TestCase


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Budget(window=bad),
        lambda bad: Breaker(open_for=bad),
        lambda bad: Breaker(window=bad),
        lambda bad: Breaker(longest=bad),
        lambda bad: Breaker(probe=bad),
        lambda bad: Breaker(slow=bad),
        lambda bad: Limit(5, bad),
        lambda bad: Governor(lease=bad),
    ],
)
def test_spans_that_are_none_are_refused(make, bad: float) -> None:
    """0, negative numbers, NaN and infinity are no spans; the message names the setting."""
    with pytest.raises(ValueError, match=r"\w+=.*: must be above 0"):
        make(bad)


@pytest.mark.parametrize("bad", [-1, math.nan, -math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Budget(ratio=bad),
        lambda bad: Budget(floor=bad),
        lambda bad: Breaker(failures=bad),
        lambda bad: Breaker(ratio=bad),
        lambda bad: Breaker(minimum=bad),
        lambda bad: Limit(bad),
        lambda bad: Limit(bad, 1.0),
    ],
)
def test_counts_that_are_none_are_refused(make, bad: float) -> None:
    """So are a share, a threshold and a limit that cannot be."""
    with pytest.raises(ValueError, match=r"\w+=.*: must be"):
        make(bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Limit(0),
        lambda: Breaker(failures=0),
        lambda: Breaker(failures=None),
        lambda: Breaker(ratio=0.0),
        lambda: Breaker(ratio=1.01),
        lambda: Budget(ratio=1.01),
        lambda: Breaker(on_open="maybe"),  # type: ignore[arg-type]
    ],
)
def test_settings_that_make_no_sense_are_refused(make) -> None:
    """At construction, not at the first failure in production."""
    with pytest.raises(ValueError, match="must be"):
        make()
