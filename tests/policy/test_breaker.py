"""CLOSED, OPEN, HALF_OPEN: tables, and a walk through all of it with a clock that jumps."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from failwell.policy import breaker
from failwell.policy.breaker import HEALTHY, POLL, Circuit, Hold, State
from failwell.settings import Breaker

NOW = 1_000.0


def told(word: str, settings: Breaker | None = None) -> Circuit:
    """The circuit after attempts that failed (f) or went well (s)."""
    circuit, settings = HEALTHY, settings or Breaker()
    for letter in word:
        if letter == "f":
            circuit = breaker.fail(circuit, settings, NOW, probing=False, cause="503")
        else:
            circuit = breaker.succeed(circuit, settings, NOW, probing=False)
    return circuit


def opened(settings: Breaker | None = None) -> Circuit:
    return told("fffff", settings or Breaker())


def probe(circuit: Circuit, settings: Breaker, now: float) -> Circuit:
    """The circuit with its probe on the way."""
    admitted = breaker.admit(circuit, settings, now)
    assert isinstance(admitted, Circuit)
    return admitted


RATIO = Breaker(failures=None, ratio=0.5, minimum=10)


@pytest.mark.parametrize(
    ("word", "settings", "state"),
    [
        ("", Breaker(), State.CLOSED),
        ("ffff", Breaker(), State.CLOSED),
        ("fffff", Breaker(), State.OPEN),
        ("ffffsf", Breaker(), State.CLOSED),
        ("ffffsfffff", Breaker(), State.OPEN),
        ("f", Breaker(failures=1), State.OPEN),
        ("fs" * 4, RATIO, State.CLOSED),
        ("sf" * 5, RATIO, State.OPEN),
        ("ssssssffff", RATIO, State.CLOSED),
        ("fffffffff", RATIO, State.CLOSED),
        ("ffffffffff", RATIO, State.OPEN),
        ("fff", Breaker(failures=3, ratio=0.5, minimum=10), State.OPEN),
        ("ffs" * 4, Breaker(failures=3, ratio=0.5, minimum=10), State.OPEN),
    ],
)
def test_when_it_opens(word: str, settings: Breaker, state: State) -> None:
    """After so many in a row, or after such a share of enough attempts."""
    assert breaker.state(told(word, settings), NOW) is state


def test_a_share_is_that_of_the_window() -> None:
    """Failures of half a minute ago are no part of it."""
    circuit = told("f" * 9, RATIO)
    for _ in range(20):
        circuit = breaker.succeed(circuit, RATIO, NOW + 30, probing=False)
    circuit = breaker.fail(circuit, RATIO, NOW + 30, probing=False, cause="503")
    assert breaker.state(circuit, NOW + 30) is State.CLOSED


def test_open_says_until_when() -> None:
    """Half a second at first; whoever asks is told what is left of it."""
    held = breaker.admit(opened(), Breaker(), NOW + 0.2)
    assert held == Hold(pytest.approx(0.3), pytest.approx(0.3))


def test_one_probe_at_a_time() -> None:
    """The first one after the time is through, the others ask again soon."""
    settings, later = Breaker(), NOW + 0.6
    assert breaker.state(opened(), later) is State.HALF_OPEN
    probed = probe(opened(), settings, later)
    assert breaker.admit(probed, settings, later) == Hold(POLL)
    closed = breaker.succeed(probed, settings, later + 0.1, probing=True)
    assert closed == HEALTHY


def test_each_failed_probe_makes_it_longer() -> None:
    """By a quarter, up to 30 s: who waits is back within a quarter of the outage, or 30 s."""
    settings, circuit, now, spans = Breaker(), opened(), NOW, []
    for _ in range(40):
        spans.append(circuit.span)
        assert circuit.span <= max(0.5, 0.25 * (now - NOW) + 0.5)
        now += circuit.span
        probed = probe(circuit, settings, now)
        circuit = breaker.fail(probed, settings, now, probing=True, cause="503")
    assert spans[:4] == [0.5, 0.625, 0.78125, 0.9765625]
    assert spans[-1] == 30


def test_a_probe_that_is_given_up_is_followed_by_another() -> None:
    """Cancelled: at once. Never heard of again: after its lease."""
    settings, later = Breaker(), NOW + 0.6
    probed = probe(opened(), settings, later)
    assert isinstance(breaker.admit(breaker.abandon(probed), settings, later), Circuit)
    assert isinstance(breaker.admit(probed, settings, later + 59), Hold)
    assert isinstance(breaker.admit(probed, settings, later + 60.1), Circuit)


@pytest.mark.parametrize("went_well", [True, False])
def test_what_was_sent_before_it_opened_says_nothing(went_well: bool) -> None:
    """A late answer neither closes it nor makes it stay open for longer."""
    settings, circuit = Breaker(), opened()
    if went_well:
        after = breaker.succeed(circuit, settings, NOW + 0.3, probing=False)
    else:
        after = breaker.fail(circuit, settings, NOW + 0.3, probing=False, cause="503")
    assert after == circuit


@pytest.mark.parametrize("jump", [-3600.0, -0.1])
def test_a_clock_that_was_put_back_does_not_keep_it_open(jump: float) -> None:
    """A probe goes at once, and tells."""
    assert breaker.state(opened(), NOW + jump) is State.HALF_OPEN
    probed = probe(opened(), Breaker(), NOW + jump)
    assert isinstance(breaker.admit(probed, Breaker(), NOW + 2 * jump), Circuit)


class Walk(RuleBasedStateMachine):
    """Attempts begin and end in any order while the clock jumps; whatever happens, at most one
    probe is believed in, and a service that is well again is found to be well."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = Breaker(failures=3, ratio=0.5, minimum=6, probe=20.0)
        self.circuit, self.now = HEALTHY, NOW
        self.under_way: list[bool] = []

    @rule(seconds=st.one_of(st.floats(0, 1), st.floats(0, 60)))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.floats(0, 100))
    def jump_back(self, seconds: float) -> None:
        self.now = max(self.now - seconds, 0.0)

    @rule()
    def begin(self) -> None:
        before = breaker.state(self.circuit, self.now)
        admitted = breaker.admit(self.circuit, self.settings, self.now)
        if isinstance(admitted, Hold):
            assert before is not State.CLOSED
            assert 0 < admitted.seconds <= self.settings.longest
            return
        self.under_way.append(admitted is not self.circuit)
        assert before is not State.OPEN
        assert (before is State.HALF_OPEN) == self.under_way[-1]
        self.circuit = admitted

    @precondition(lambda self: self.under_way)
    @rule(went_well=st.sampled_from([True, False, None]), which=st.integers(0, 100))
    def end(self, went_well: bool | None, which: int) -> None:
        probing = self.under_way.pop(which % len(self.under_way))
        if went_well is None:
            self.circuit = breaker.abandon(self.circuit) if probing else self.circuit
        elif went_well:
            self.circuit = breaker.succeed(self.circuit, self.settings, self.now, probing=probing)
        else:
            self.circuit = breaker.fail(
                self.circuit, self.settings, self.now, probing=probing, cause="503"
            )

    @invariant()
    def it_is_bounded(self) -> None:
        assert self.circuit.span <= self.settings.longest
        assert len(self.circuit.counts) <= 10

    @invariant()
    def it_can_always_be_healed(self) -> None:
        """After the longest time and the longest lease one good probe closes it."""
        later = max(self.now, self.circuit.opened or 0, self.circuit.probe or 0) + 60
        admitted = breaker.admit(self.circuit, self.settings, later)
        assert isinstance(admitted, Circuit)
        closed = breaker.succeed(
            admitted, self.settings, later, probing=admitted is not self.circuit
        )
        assert breaker.state(closed, later) is State.CLOSED


TestWalk = Walk.TestCase
