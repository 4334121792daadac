"""Whether there is another attempt, and when."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.policy.retry import Again, Facts, Stop, decide
from failwell.settings import Retry

RETRY = Retry(jitter=None)


def facts(**changed: Any) -> Facts:
    fields: dict[str, Any] = {
        "transient": True,
        "repeatable": True,
        "rewindable": True,
        "sent": True,
        "retry_after": None,
        "made": 1,
        "left": None,
        "roll": 0.5,
    }
    return Facts(**{**fields, **changed})


@pytest.mark.parametrize(
    ("changed", "decision"),
    [
        ({}, Again(1.0)),
        ({"made": 2}, Again(2.0)),
        ({"sent": False}, Again(0.05)),
        ({"transient": False}, Stop("permanent")),
        ({"repeatable": False}, Stop("unsafe")),
        ({"rewindable": False}, Stop("body")),
        ({"made": 5}, Again(16.0)),
        ({"made": 6}, Stop("exhausted")),
        ({"retry_after": 0.0}, Again(1.0)),
        ({"retry_after": 7.0}, Again(7.0)),
        ({"retry_after": 120.0}, Again(120.0)),
        ({"retry_after": 120.1}, Stop("too_long")),
        ({"retry_after": 1e9}, Stop("too_long")),
        ({"left": 1.1}, Again(1.0)),
        ({"left": 1.0}, Stop("deadline")),
        ({"left": 0.0}, Stop("deadline")),
        ({"left": 9.0, "retry_after": 7.0}, Again(7.0)),
        ({"left": 9.0, "retry_after": 10.0}, Stop("deadline")),
        ({"left": 500.0, "retry_after": 300.0}, Again(300.0)),
        ({"most": 2}, Again(1.0)),
        ({"most": 1}, Stop("exhausted")),
        ({"most": 99, "made": 6}, Stop("exhausted")),
        ({"key_left": 1.1}, Again(1.0)),
        ({"key_left": 1.0}, Stop("expired")),
        ({"key_left": -5.0}, Stop("expired")),
        ({"key_left": 60.0, "retry_after": 60.0}, Stop("expired")),
    ],
)
def test_the_table(changed: dict[str, Any], decision: Again | Stop) -> None:
    """Each fact by itself leads to the decision that the design states for it."""
    assert decide(RETRY, facts(**changed)) == decision


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"transient": False, "repeatable": False, "rewindable": False, "made": 99}, "permanent"),
        ({"repeatable": False, "rewindable": False, "made": 99, "left": 0.0}, "unsafe"),
        ({"rewindable": False, "made": 99}, "body"),
        ({"made": 99, "retry_after": 1e9, "left": 0.0}, "exhausted"),
    ],
)
def test_it_judges_first_and_counts_after(changed: dict[str, Any], why: str) -> None:
    """Where several things forbid another attempt, the word is for the one that weighs most."""
    assert decide(RETRY, facts(**changed)) == Stop(why)


def test_no_retry_means_none() -> None:
    """With retries off, what might be sent again is not, and what must not keeps its reason."""
    assert decide(None, facts()) == Stop("off")
    assert decide(None, facts(repeatable=False)) == Stop("unsafe")
    assert decide(Retry(max_retries=0), facts()) == Stop("exhausted")


FACTS = st.builds(
    Facts,
    transient=st.booleans(),
    repeatable=st.booleans(),
    rewindable=st.booleans(),
    sent=st.booleans(),
    retry_after=st.none() | st.floats(0, 1e9),
    made=st.integers(1, 20),
    left=st.none() | st.floats(0, 1e6),
    roll=st.floats(0, 1, exclude_max=True),
    key_left=st.none() | st.floats(-1e6, 1e6),
)
JITTERS = st.sampled_from(["full", "equal", "ten_percent", None])


@given(FACTS, JITTERS)
def test_another_attempt_is_always_allowed_and_in_time(facts: Facts, jitter: str) -> None:
    """No combination of facts leads to a send that is unsafe, too early, too late or too many."""
    decision = decide(Retry(jitter=jitter), facts)
    if isinstance(decision, Stop):
        return
    assert facts.transient
    assert facts.repeatable
    assert facts.rewindable
    assert facts.made <= 5
    assert decision.wait >= (facts.retry_after or 0.0)
    assert facts.left is None or decision.wait < facts.left
    assert facts.key_left is None or decision.wait < facts.key_left
    assert facts.left is not None or decision.wait <= 120.0


@given(FACTS, JITTERS)
def test_it_stops_only_for_a_reason(facts: Facts, jitter: str) -> None:
    """Where all is well there is another attempt: nothing is given up that need not be."""
    decision = decide(Retry(jitter=jitter), facts)
    if isinstance(decision, Stop):
        fits = [facts.left, facts.key_left]
        assert (
            not (facts.transient and facts.repeatable and facts.rewindable)
            or facts.made > 5
            or (facts.retry_after or 0.0) > 120.0
            or any(
                limit is not None and limit <= max(66.0, facts.retry_after or 0) for limit in fits
            )
        )
