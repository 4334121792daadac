"""Turns, places, queues and leases: tables, and walks through histories nobody would expect."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failwell.policy import governor
from failwell.policy.governor import IDLE, Delay, Place, Ticket, Traffic
from failwell.quotas import Quota
from failwell.settings import Governor, Limit

LEARNING = Governor()
NOW = 1_000.0


def hear(traffic: Traffic, quota: Quota, now: float = NOW, **facts: Any) -> Traffic:
    return governor.answered(traffic, LEARNING, None, "GET /", (quota,), 0.01, now, **facts)


def take(
    traffic: Traffic, now: float = NOW, left: float | None = None, number: int | None = None,
    route: str = "GET /", settings: Governor = LEARNING,
) -> tuple[Traffic, Place | Delay]:  # fmt: skip
    return governor.take(traffic, settings, route, now, left, number)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/parts/17", "GET /parts/*"),
        ("GET", "/parts/prt_01HZX3?x=1", "GET /parts/*"),
        ("POST", "/v1/parts/17/lines/3", "POST /*/parts/*/lines/*"),
        ("GET", "/", "GET /"),
        ("GET", "", "GET "),
    ],
)
def test_a_route_is_the_path_without_its_ids(method: str, path: str, route: str) -> None:
    """Whoever asks for ten records asks ten times for one kind of thing."""
    assert governor.route_of(method, path) == route


def test_what_is_left_goes_at_once_and_no_more() -> None:
    """Three are left: three go, the fourth waits for the reset."""
    traffic = hear(IDLE, Quota("", 10, 3, 60.0, True))
    for _ in range(3):
        traffic, answer = take(traffic)
        assert isinstance(answer, Place)
        assert answer.wait == 0
    traffic = hear(traffic, Quota("", 10, 0, 60.0, True))
    _, answer = take(traffic)
    assert isinstance(answer, Delay)
    assert answer.seconds == pytest.approx(60.0, abs=0.1)


def test_those_who_went_before_anything_was_known_are_counted() -> None:
    """The first of ten calls is answered "9 left": nine are out, so none may go."""
    traffic = hear(IDLE, Quota("", 10, 9, 60.0, True), ghosts=10)
    assert isinstance(take(traffic)[1], Delay)
    later = NOW + 6
    assert isinstance(take(traffic, later)[1], Place), "ghosts are believed in for five seconds"


def test_one_scout_goes_after_a_reset() -> None:
    """Nobody knows what came back; one asks, the others follow when it has its answer."""
    traffic = hear(IDLE, Quota("", 10, 0, 1.0, True))
    later = NOW + 1.01
    traffic, scout = take(traffic, later, number=1)
    traffic, other = take(traffic, later, number=2)
    assert isinstance(scout, Place)
    assert isinstance(other, Delay)
    traffic = governor.answered(
        traffic, LEARNING, scout.ticket, "GET /", (Quota("", 10, 9, 1.0, True),), 0.01, later + 0.01
    )
    assert isinstance(take(traffic, later + 0.02, number=2)[1], Place)


def test_a_scout_that_dies_is_followed_by_another() -> None:
    """Within seconds, for nobody waits for the dead."""
    traffic = hear(IDLE, Quota("", 10, 0, 1.0, True))
    traffic, _ = take(traffic, NOW + 1.01, number=1)
    assert isinstance(take(traffic, NOW + 6.1, number=2)[1], Place)


def test_nothing_is_taken_where_the_turn_would_come_too_late() -> None:
    """A call with a second left is told at once that it has to wait for a minute."""
    limited = Governor(limits=(Limit(1, 60.0),))
    traffic, _ = take(IDLE, settings=limited)
    after, answer = take(traffic, left=1.0, settings=limited)
    assert isinstance(answer, Delay)
    assert answer.seconds > 50
    assert after.told == traffic.told


def test_places_are_given_back_and_their_leases_run_out() -> None:
    """Two at a time: the third goes when one is done, or when one is not heard of any more."""
    two = Governor(limits=(Limit(2),), lease=30.0)
    traffic, first = take(IDLE, settings=two)
    traffic, _ = take(traffic, settings=two)
    assert isinstance(take(traffic, settings=two)[1], Delay)
    assert isinstance(first, Place)
    freed = governor.landed(traffic, first.ticket)
    assert isinstance(take(freed, settings=two)[1], Place)
    assert isinstance(take(traffic, NOW + 31, settings=two)[1], Place)


def test_a_limit_holds_for_its_route_alone() -> None:
    """`POST /campaigns` is held back, and nobody else."""
    limited = Governor(limits=(Limit(1, 60.0, "POST /campaigns*"),))
    traffic, _ = take(IDLE, route="POST /campaigns/*", settings=limited)
    _, again = take(traffic, route="POST /campaigns", settings=limited)
    _, other = take(traffic, route="GET /campaigns", settings=limited)
    assert isinstance(again, Place)
    assert again.wait > 50
    assert isinstance(other, Place)
    assert other.wait == 0


def test_a_route_that_says_nothing_is_let_go() -> None:
    """It was served after the reset that it had waited for, and its answer spoke of no quota: the
    next calls on it do not wait, those on the route that has one do."""
    traffic = hear(IDLE, Quota("", 10, 0, 1.0, True))
    traffic, scout = take(traffic, NOW + 1.1, number=1, route="GET /files")
    assert isinstance(scout, Place)
    traffic = governor.answered(traffic, LEARNING, scout.ticket, "GET /files", (), 0.1, NOW + 1.2)
    assert [take(traffic, NOW + 1.3, route="GET /files")[1].wait for _ in range(3)] == [0, 0, 0]
    assert isinstance(take(traffic, NOW + 1.3)[1], Delay)


@pytest.mark.parametrize("is_answered", [True, False], ids=["5xx", "no answer"])
def test_a_scout_without_news_is_followed_by_another(is_answered: bool) -> None:
    """The one that was to find out what there is met an outage: the others do not wait for what
    it will never tell."""
    traffic = hear(IDLE, Quota("", 10, 0, 1.0, True))
    traffic, scout = take(traffic, NOW + 1.1, number=1)
    assert isinstance(scout, Place)
    assert isinstance(take(traffic, NOW + 1.2, number=2)[1], Delay)
    if is_answered:
        traffic = governor.answered(
            traffic, LEARNING, scout.ticket, "GET /", (), 0.1, NOW + 1.2, well=False
        )
    else:
        traffic = governor.landed(traffic, scout.ticket)
    assert isinstance(take(traffic, NOW + 1.2, number=2)[1], Place)


def test_several_windows_are_all_satisfied() -> None:
    """The hour is used up, whatever the minute says."""
    minute, hour = Quota("minute", 60, 59, 60.0, True), Quota("hour", 100, 0, 1800.0, True)
    traffic = governor.answered(IDLE, LEARNING, None, "GET /", (minute, hour), 0.01, NOW)
    _, answer = take(traffic)
    assert isinstance(answer, Delay)
    assert answer.seconds > 1700


def test_a_route_goes_by_what_its_own_answers_said() -> None:
    """Search is used up; whoever reads is not told to wait."""
    search, core = Quota("search", 10, 0, 60.0, True), Quota("core", 5000, 4000, 600.0, True)
    traffic = governor.answered(IDLE, LEARNING, None, "GET /search", (search,), 0.01, NOW)
    traffic = governor.answered(traffic, LEARNING, None, "GET /parts", (core,), 0.01, NOW)
    assert isinstance(take(traffic, route="GET /parts")[1], Place)
    assert isinstance(take(traffic, route="GET /search")[1], Delay)


def test_who_has_waited_goes_before_who_has_just_come() -> None:
    """Five wait for the reset; a sixth that comes as it is over gets behind them."""
    traffic = hear(IDLE, Quota("", 6, 0, 1.0, True))
    numbers, seconds = [], []
    for _ in range(5):
        traffic, answer = take(traffic)
        assert isinstance(answer, Delay)
        numbers.append(answer.number)
        seconds.append(answer.seconds)
    assert numbers == [1, 2, 3, 4, 5]
    assert seconds == sorted(seconds)
    traffic, late = take(traffic, NOW + 1.001)
    assert isinstance(late, Delay)
    assert late.number == 6


def test_a_refusal_without_a_word_slows_down() -> None:
    """Ten calls a second came to a 429 with `Retry-After: 2`: nobody goes for two seconds, and
    then one after the other."""
    traffic = governor.refused(IDLE, 10.0, 2.0, NOW)
    _, at_once = take(traffic)
    assert isinstance(at_once, Delay)
    assert at_once.seconds > 0.9
    waits = []
    for _ in range(3):
        traffic, answer = take(traffic, NOW + 2.0, number=1)
        waits.append(answer.wait if isinstance(answer, Place) else answer.seconds)
    assert waits[0] == 0
    assert waits == sorted(set(waits))


def test_learning_can_be_turned_off() -> None:
    """`learn=False`: answers change nothing."""
    still = Governor(learn=False)
    quotas = (Quota("", 10, 0, 60.0, True),)
    after = governor.answered(IDLE, still, None, "GET /", quotas, 0.01, NOW)
    assert governor.is_idle(after, still)


def test_a_clock_that_was_put_back_holds_nobody_up() -> None:
    """What was known by the old time is forgotten: a call goes as if nothing were known."""
    traffic = hear(IDLE, Quota("", 10, 0, 60.0, True))
    assert isinstance(take(traffic)[1], Delay)
    assert isinstance(take(traffic, NOW - 3600)[1], Place)


def test_many_routes_do_not_pile_up() -> None:
    """An API with ten thousand paths does not make a record of ten thousand routes."""
    traffic = IDLE
    for number in range(500):
        quota = Quota("", 10, 5, 1.0, True)
        route = f"GET /{chr(97 + number % 26)}{chr(97 + number // 26)}"
        traffic = governor.answered(traffic, LEARNING, None, route, (quota,), 0.01, NOW + number)
    assert len(traffic.routes) <= 64
    assert len(traffic.meters) == 1


def test_a_server_that_makes_up_windows_fills_no_memory() -> None:
    """Each answer speaks of another window: those that no route speaks of are forgotten."""
    traffic = IDLE
    for number in range(1000):
        traffic = hear(traffic, Quota(f"w{number}", 10, 5, 1.0, True))
    assert len(traffic.meters) == 1


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["take", "answer", "refuse", "lose"]),
        st.floats(-20, 20),
        st.integers(0, 60),
        st.one_of(st.none(), st.floats(0, 30)),
        st.one_of(st.none(), st.integers(0, 60)),
        st.floats(0, 5),
    ),
    max_size=40,
)


@given(HISTORY, st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_happened_a_call_gets_its_turn(history: list[Any], told: bool) -> None:
    """After any history of answers, losses, deaths and clock jumps a call that asks again when it
    is told to goes within the longest wait that anybody spoke of, and few asks."""
    rules = Governor(limits=(Limit(5, 2.0), Limit(3)) if told else (), lease=10.0)
    traffic, now = IDLE, NOW
    tickets: list[Ticket] = []
    for name, passes, remaining, reset, limit, took in history:
        now = max(now + passes, 1.0)
        quota = Quota("", limit, remaining, reset, reset is not None)
        ticket = tickets.pop() if tickets else None
        match name:
            case "take":
                traffic, answer = take(traffic, now, settings=rules)
                if isinstance(answer, Place):
                    tickets.append(answer.ticket)
            case "answer":
                traffic = governor.answered(
                    traffic, rules, ticket, "GET /", (quota,), took, now, ghosts=remaining
                )
            case "refuse":
                traffic = governor.refused(traffic, took, reset, now)
            case _:
                traffic = governor.landed(traffic, ticket)
    number, asks, began = None, 0, now
    while True:
        traffic, answer = take(traffic, now, number=number, settings=rules)
        asks += 1
        if isinstance(answer, Place):
            break
        assert 0 < answer.seconds < 100, answer
        assert asks < 3_000, (traffic, answer)
        number, now = answer.number, now + answer.seconds
    assert now + answer.wait - began < 120
