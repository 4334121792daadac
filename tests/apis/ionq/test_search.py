"""The search for a job through all pages, step by step: no network, no clock."""

from __future__ import annotations

from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from failwell.apis.ionq import IONQ
from failwell.apis.ionq.lookup import TAG
from failwell.apis.ionq.search import searched
from failwell.apis.operation import Ask
from failwell.model import Failure, Kind, Outcome, Sent

SENT = Sent(
    method="POST", url="https://api.ionq.co/v0.4/jobs", at=1_800_000_000.0, body=b"{}", tag="t-1"
)
UNKNOWN = failwell.Settled(outcome=Outcome.UNKNOWN, why="It was not found.")
LATER, EARLIER = "2027-01-15T09:00:00.000Z", "2027-01-15T06:30:00Z"
"""An hour after it was sent, and more than one before."""


def page(*tags: str, next: Any = None, at: Any = LATER) -> httpx2.Response:
    """A page of jobs with these tags, submitted then."""
    jobs = [{"id": each, "metadata": {TAG: each}, "submitted_at": at} for each in tags]
    return httpx2.Response(200, json={"jobs": jobs, "next": next})


def played(*answers: Any, sent: Sent | None = SENT, so_far: Any = UNKNOWN) -> Any:
    """What the search comes to, and what it asked for; all answers must be asked for."""
    search, left, asked = searched(sent, so_far), list(answers), []
    try:
        step = next(search)
        while True:
            assert isinstance(step, Ask)
            asked.append(step.path.removeprefix(SENT.url))
            answer = left.pop(0)
            if isinstance(answer, Exception):
                step = search.throw(answer)
            else:
                step = search.send((answer, 0.0))
    except StopIteration as end:
        assert left == []
        return end.value, asked


def test_it_goes_on_until_it_is_found() -> None:
    """The record is the job's own."""
    found, asked = played(page("a", next="b/1"), page("b", "t-1", next="c"))
    assert (found.outcome, found.record["id"]) == (Outcome.APPLIED, "t-1")
    assert asked == ["?limit=25", "?limit=25&next=b%2F1"]


@pytest.mark.parametrize(
    "last",
    [
        page("a"),
        page(next=7),
        page("a", next="b", at=EARLIER),
        httpx2.Response(200, json=["t-1"]),
        httpx2.Response(200, content=b"<html>"),
    ],
    ids=["last page", "no cursor", "old enough", "no object", "no JSON"],
)
def test_it_ends(last: httpx2.Response) -> None:
    """Where there is nothing more to see, it is as unknown as before."""
    found, asked = played(page("a", next="a"), last)
    assert found is UNKNOWN
    assert len(asked) == 2


@pytest.mark.parametrize("at", [None, "yesterday", 7])
def test_it_does_not_go_round_in_circles(at: Any) -> None:
    """A page that names itself is the last one, whatever times its jobs have."""
    found, _ = played(page("a", next="x", at=at), page("a", next="x", at=at))
    assert found is UNKNOWN


def test_it_does_not_raise() -> None:
    """What stood in the way is told."""
    error = IONQ.error(Failure(kind=Kind.UNAVAILABLE, message="away", status=503))
    found, _ = played(page("a", next="b"), error)
    assert (found.outcome, found.error) == (Outcome.UNKNOWN, error)


@pytest.mark.parametrize(
    "change", [{"tag": None}, {"url": "https://api.ionq.co/v0.4/sessions"}, {"method": "PUT"}]
)
def test_nothing_to_search_for(change: dict[str, Any]) -> None:
    """What carries no tag, or is no job."""
    assert played(sent=msgspec.structs.replace(SENT, **change)) == (UNKNOWN, [])
    assert played(sent=None) == (UNKNOWN, [])


def test_nothing_to_find_out() -> None:
    """What is known already is not searched for."""
    known = failwell.Settled(outcome=Outcome.APPLIED, why="Its record was found.")
    assert played(so_far=known) == (known, [])
