"""Is the record that is there the one that was sent?"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failwell.policy.natural import MOST, differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("sent", "there", "paths"),
    [
        ({"name": "a"}, {"name": "a", "id": 1}, []),
        ({"name": "a"}, {"name": "b"}, ["name"]),
        ({"name": "a"}, {}, ["name"]),
        ({"notes": None}, {}, []),
        ({"n": 1}, {"n": 1.0}, []),
        ({"n": 1}, {"n": True}, ["n"]),
        ({"n": 0}, {"n": False}, ["n"]),
        ({"q": {"value": 1, "unit": "V"}}, {"q": {"value": 2, "unit": "V"}}, ["q.value"]),
        ({"l": [{"a": 1}]}, {"l": [{"a": 1, "b": 2}]}, []),
        ({"l": [1, 2]}, {"l": [1]}, ["l"]),
        ({"l": [1, 2]}, {"l": [1, 3]}, ["l.1"]),
        ({"a": {}}, {"a": 1}, ["a"]),
        ({"a": 1}, None, [None]),
        ({"a/b": 1}, {"a/b": 2}, ["a/b"]),
    ],
)
def test_the_differences(sent: Any, there: Any, paths: list[str | None]) -> None:
    """What was sent must be in the record; what the record has besides says nothing."""
    assert [issue.path for issue in differences(sent, there)] == paths


def test_only_what_is_compared_counts() -> None:
    """Members that the contract does not name may differ, and need not be sent."""
    sent, there = {"name": "a", "note": "x"}, {"name": "a", "note": "y"}
    assert differences(sent, there, {"name", "size"}) == ()
    assert differences(sent, there, {"note"})[0].path == "note"


def test_a_difference_tells_both_sides() -> None:
    """In words, with the pointer of RFC 6901, and not at any length."""
    (issue,) = differences({"a/b": "x" * 100}, {"a/b": 2})
    assert issue.pointer == "/a~1b"
    assert issue.message.endswith("is 2 there")
    assert len(issue.message) < 100


def test_there_are_not_too_many() -> None:
    """A record that has nothing in common is told by its first few members."""
    assert len(differences({str(n): n for n in range(100)}, {})) == MOST


@given(JSON)
def test_a_record_is_like_itself(value: Any) -> None:
    """Whatever JSON can spell."""
    assert differences(value, value) == ()
