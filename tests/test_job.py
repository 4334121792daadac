"""The declaration of a job, and how it is told again."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from failwell.errors import InvalidRequestError
from failwell.job import ANY_JOB, MISSING, Job, member, resumption, spelled


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("completed", "succeeded"), ("COMPLETED", "succeeded"), ("OK", "succeeded"),
        ("ERROR", "failed"), ("failed", "failed"), ("canceled", "cancelled"),
        ("Cancelled", "cancelled"), ("submitted", "running"), ("", "running"), ("?", "running"),
    ],
)  # fmt: skip
def test_the_words_that_most_apis_use(state: str, phase: str) -> None:
    """A job of an API that nobody has declared is read by common words; others are running."""
    assert ANY_JOB.phase(state) == phase


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"succeeded": frozenset()}, "never end"),
        ({"succeeded": frozenset({"x"}), "failed": frozenset({"X"})}, "two things"),
        ({"first": 0}, "first=0"),
        ({"cap": -1.0}, "cap=-1.0"),
        ({"growth": 0.5}, "growth=0.5"),
        ({"growth": float("nan")}, "growth=nan"),
    ],
)
def test_a_contradiction_is_refused(wrong: dict[str, Any], says: str) -> None:
    """A declaration that cannot be meant is a `ValueError` which says why."""
    with pytest.raises(ValueError, match=says):
        Job(**wrong)


def test_an_id_becomes_a_url() -> None:
    """An id is one segment of the path, whatever is in it."""
    job = Job(url="v0/jobs/{id}/status")
    assert job.path("a/b?c é") == "v0/jobs/a%2Fb%3Fc%20%C3%A9/status"


@pytest.mark.parametrize("wrong", ["", ".", ".."])
def test_what_is_no_id(wrong: str) -> None:
    """What would name another resource is refused."""
    with pytest.raises(InvalidRequestError, match="not the id"):
        Job(url="jobs/{id}").path(wrong)


def test_an_id_needs_a_declaration() -> None:
    """Without `url=`, an id leads nowhere, and the refusal says what to do."""
    with pytest.raises(InvalidRequestError, match="no url=") as caught:
        ANY_JOB.path("j-1")
    assert "jobs/{id}" in caught.value.advice


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("a", {"b": None}), ("a.b", None), ("a.c", MISSING), ("a.b.c", MISSING), ("", "whole"),
        ("x", MISSING), (lambda r: r["a"]["b"], None), (lambda r: r["nope"], MISSING),
        (lambda r: r.nope, MISSING), (lambda r: 1 / 0, MISSING), (lambda r: int("x"), MISSING),
        (lambda r: r["a"]["b"]["c"], MISSING),
    ],
)  # fmt: skip
def test_a_member_is_found_or_missing(where: Any, found: Any) -> None:
    """Null is found; what is not there is MISSING, by a path as by a function."""
    record = {"a": {"b": None}}
    assert member(record, where) == (record if found == "whole" else found)
    assert member([1], "a") is MISSING
    assert member(None, "a") is MISSING


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), ("Up", "Up"), (True, "true"), (3, "3"), ({"a": 1}, '{"a":1}')]
)
def test_a_state_is_spelled_as_in_json(value: Any, text: str) -> None:
    """A state that is no string is still told apart."""
    assert spelled(value) == text


def test_the_line_that_resumes() -> None:
    """It says all that the declaration says, and no more; a shell reads it as it is meant."""
    url = "https://a.b/jobs/1?v=2&w=3"
    assert shlex.split(resumption(ANY_JOB, "1", url)) == ["failwell", "wait", url]
    job = Job(record="data", succeeded=frozenset({"all done"}), failed=frozenset({"no"}))
    assert shlex.split(resumption(job, "1", url)) == [
        "failwell", "wait", url, "--record=data", "--succeeded=all done", "--failed=no",
    ]  # fmt: skip
    own = Job(resume="toolpath.parts.wait('{id}')")
    assert resumption(own, "p-1", url) == "toolpath.parts.wait('p-1')"
    assert resumption(Job(state=lambda r: "done"), "1", url).startswith("failwell.wait(client, ")
