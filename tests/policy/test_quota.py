"""Quotas: exact windows, several in one decision, and a Retry-After that holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.policy.quota import Counts, Spend, Window


def spend(windows: tuple[Window, ...], times: list[float]) -> list[bool]:
    record: Counts | None = None
    admitted: list[bool] = []
    for now in times:
        step = Spend(windows)(record, now)
        record = step.record
        admitted.append(step.answer.admitted)
    return admitted


def test_a_window_admits_its_limit_and_no_more() -> None:
    """As many as the limit says go on in one window; the next one is refused."""
    assert spend((Window(3, 10),), [0, 1, 2, 3, 9.9]) == [True, True, True, False, False]


def test_a_window_begins_anew_when_it_is_over() -> None:
    """After its seconds, counted from the first request, a window is whole again."""
    assert spend((Window(2, 10),), [5, 6, 7, 15, 16, 17]) == [True, True, False] * 2


def test_a_refusal_by_one_window_counts_in_none() -> None:
    """The hour is not charged for what the minute refused."""
    windows = (Window(1, 60, "minute"), Window(3, 3600, "hour"))
    times = [0.0, *[10.0] * 20, 60.0, 120.0, 180.0]
    assert [now for now, ok in zip(times, spend(windows, times), strict=True) if ok] == [0, 60, 120]


def test_it_says_what_is_left_of_each_window() -> None:
    """Remaining and reset are told for each window, and the tightest one is picked out."""
    answer = Spend((Window(10, 60, "minute"), Window(20, 3600, "hour")))(None, 100.0).answer
    assert [(left.remaining, left.reset) for left in answer.left] == [(9, 60.0), (19, 3600.0)]
    assert answer.tightest.window.name == "minute"


def test_retry_after_is_the_longest_wait() -> None:
    """Where several windows refuse, the wait is until the last of them begins anew."""
    windows = (Window(1, 10, "short"), Window(1, 100, "long"))
    record = Spend(windows)(None, 0.0).record
    assert Spend(windows)(record, 4.0).answer.retry_after == 96.0


@given(
    limits=st.lists(st.tuples(st.integers(1, 4), st.floats(0.5, 50)), min_size=1, max_size=3),
    gaps=st.lists(st.floats(0, 20), max_size=30),
)
def test_whoever_waits_as_told_is_admitted(
    limits: list[tuple[int, float]], gaps: list[float]
) -> None:
    """Retry-After never lies: coming back exactly then is coming back in time."""
    windows = tuple(Window(limit, seconds) for limit, seconds in limits)
    record: Counts | None = None
    now = 1.8e9
    for gap in gaps:
        now += gap
        step = Spend(windows)(record, now)
        record = step.record
        if not step.answer.admitted:
            back = now + step.answer.retry_after
            assert Spend(windows)(record, back).answer.admitted


@pytest.mark.parametrize("bad", [(0, 1.0), (1, 0.0), (1, float("inf")), (1, float("nan"))])
def test_a_window_that_makes_no_sense_is_refused(bad: tuple[int, float]) -> None:
    """A limit of nothing, or a window without length or end, is a clear error."""
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        Window(*bad)


def test_a_clock_that_jumps_back_opens_a_new_window() -> None:
    """A caller is not locked out until an old clock is caught up with."""
    record = Spend((Window(1, 60),))(None, 5000.0).record
    assert Spend((Window(1, 60),))(record, 1000.0).answer.admitted


def test_a_look_takes_nothing() -> None:
    """A cost of 0 says what is left, begins no window, and is never refused."""
    look = Spend((Window(1, 60),), 0)
    assert look(None, 0.0).record is None
    assert look(None, 0.0).answer.tightest.remaining == 1
    record = Spend((Window(1, 60),))(None, 0.0).record
    step = look(record, 20.0)
    assert step.record is record
    assert (step.answer.admitted, step.answer.tightest.remaining) == (True, 0)
    assert step.answer.tightest.reset == 40.0


def test_a_limit_below_what_was_used_refuses_and_can_be_looked_at() -> None:
    """A limit that was lowered leaves nothing, which a look may still say."""
    record = Counts(began=(0.0,), used=(5,))
    assert not Spend((Window(2, 60),))(record, 1.0).answer.admitted
    assert Spend((Window(2, 60),), 0)(record, 1.0).answer.tightest.remaining == 0
