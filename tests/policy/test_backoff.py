"""How long to wait before retry n."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.policy.backoff import delay, in_all
from failwell.settings import Retry

ROLL = st.floats(0, 1, exclude_max=True)
N = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("n", "seconds"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (7, 60)]
)
def test_it_doubles_from_one_second_to_sixty(n: int, seconds: float) -> None:
    """Without jitter the waits are 1, 2, 4 … seconds, and 60 from the seventh on."""
    assert delay(Retry(jitter=None), n, 0.5) == seconds


@pytest.mark.parametrize(
    ("jitter", "roll", "seconds"),
    [
        ("full", 0.0, 0.0),
        ("full", 0.5, 2.0),
        ("full", 0.999, 3.996),
        ("equal", 0.0, 2.0),
        ("equal", 0.5, 3.0),
        ("ten_percent", 0.0, 3.6),
        ("ten_percent", 0.5, 4.0),
        ("ten_percent", 1.0, 4.4),
        (None, 0.9, 4.0),
    ],
)
def test_each_jitter_spreads_as_it_says(jitter: str, roll: float, seconds: float) -> None:
    """A throw of the dice puts the third wait where the named jitter says, to the digit."""
    assert delay(Retry(jitter=jitter), 2, roll) == pytest.approx(seconds, abs=1e-12)


def test_nothing_sent_means_a_short_base() -> None:
    """Where nothing was sent the waits begin at 50 ms, and double too."""
    retry = Retry(jitter=None)
    assert [delay(retry, n, 0, sent=False) for n in range(3)] == [0.05, 0.1, 0.2]


def test_all_of_it_can_be_set() -> None:
    """Base, cap and short base are the settings' own."""
    retry = Retry(jitter=None, base=0.3, cap=1.0, fast_base=0.7)
    assert [delay(retry, n, 0) for n in range(3)] == [0.3, 0.6, 1.0]
    assert [delay(retry, n, 0, sent=False) for n in range(2)] == [0.7, 1.0]


@given(N, ROLL, st.sampled_from(["full", "equal", "ten_percent", None]), st.booleans())
def test_no_wait_is_negative_or_without_end(n: int, roll: float, jitter: str, sent: bool) -> None:
    """Whatever the retry's number and the dice: from 0 to the cap, or a tenth above it."""
    assert 0 <= delay(Retry(jitter=jitter), n, roll, sent=sent) <= 66.0


@given(N, ROLL, st.floats(0, 1e308), st.floats(0, 1e308))
def test_no_setting_makes_it_overflow(n: int, roll: float, base: float, cap: float) -> None:
    """The largest numbers that can be set still give a wait within the cap."""
    assert 0 <= delay(Retry(base=base, cap=cap), n, roll) <= cap


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [
        (Retry(), 31.0),
        (Retry(max_retries=0), 0.0),
        (Retry(max_retries=8), 1 + 2 + 4 + 8 + 16 + 32 + 60 + 60),
        (Retry(max_retries=10**9), pytest.approx(60e9)),
    ],
)
def test_all_of_them_together_wait_so_long(retry: Retry, seconds: float) -> None:
    """Each its longest, without jitter."""
    assert in_all(retry) == seconds
