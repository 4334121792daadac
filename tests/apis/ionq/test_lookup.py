"""A job whose fate is unknown is found by the tag in its metadata, in the real list of jobs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import failwell
from apis.ionq.conftest import job
from failwell.apis.ionq import IONQ
from failwell.apis.ionq.lookup import TAG, found, record, request, tag
from failwell.model import Response, Sent

SENT = Sent(
    method="POST",
    url="https://api.ionq.co/v0.4/jobs",
    at=0.0,
    body=b'{"backend": "qpu.forte-1", "metadata": {"failwell-tag": "t-1"}}',
    tag="t-1",
)


def sent(**change: Any) -> Sent:
    """What was sent, but for this."""
    return msgspec.structs.replace(SENT, **change)


# --- The tag --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "tagged"),
    [
        (b'{"a":1.10}', b'{"a":1.10,"metadata":{"failwell-tag":"t"}}'),
        (b'{"metadata":null}', b'{"metadata":{"failwell-tag":"t"}}'),
        (b'{"metadata":{"k":"v"}}', b'{"metadata":{"k":"v","failwell-tag":"t"}}'),
        (b'{"metadata":{"failwell-tag":"old"}}', b'{"metadata":{"failwell-tag":"t"}}'),
        (b'{"n":123456789012345678901234567890}', None),
    ],
)
def test_a_job_is_tagged(body: bytes, tagged: bytes | None) -> None:
    """In its metadata, whatever that holds; nothing else is changed, not even a number's digits."""
    made = tag(sent(body=body), "t")
    expected = tagged or body[:-1] + b',"metadata":{"failwell-tag":"t"}}'
    assert made == expected


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"[1]"},
        {"body": b"null"},
        {"body": b'{"cut": '},
        {"body": b"\xff"},
        {"body": b'{"metadata": ["list"]}'},
        {"body": b'{"metadata": "text"}'},
        {"body": b'{"metadata": {%s}}' % b", ".join(b'"%d": ""' % n for n in range(10))},
        {"method": "PUT"},
        {"url": "https://api.ionq.co/v0.4/sessions"},
        {"url": "https://api.ionq.co/v0.4/jobs/j-1/status/cancel"},
    ],
)
def test_what_cannot_be_tagged(change: dict[str, Any]) -> None:
    """It is sent as it is: no job, no object, or no room."""
    assert tag(sent(**change), "t") is None


# --- The question and the answer ------------------------------------------------------------------


def test_the_question() -> None:
    """The newest jobs of that backend, on the largest page there is."""
    assert request(SENT) == ("GET", f"{SENT.url}?limit=25&target=qpu.forte-1")
    assert request(sent(body=None)) == ("GET", f"{SENT.url}?limit=25")


@pytest.mark.parametrize(
    "change",
    [{"tag": None}, {"method": "PUT"}, {"url": "https://api.ionq.co/v0.4/sessions"}],
)
def test_nothing_to_ask(change: dict[str, Any]) -> None:
    """A write that carries no tag of its call, or is no job, cannot be looked up."""
    assert request(sent(**change)) is None
    assert not found(sent(**change), Response(status=200, body=b'{"jobs": []}'))


@pytest.mark.parametrize(
    ("body", "is_there"),
    [
        (b'{"jobs": [{"metadata": null}, {"metadata": {"failwell-tag": "t-1"}}]}', True),
        (b'{"jobs": [{"metadata": {"failwell-tag": "t-2"}}], "next": null}', False),
        (b'{"jobs": []}', False),
        (b'{"jobs": "t-1"}', False),
        (b'["t-1"]', False),
        (b"", False),
    ],
)
def test_the_answer(body: bytes, is_there: bool) -> None:
    """Only a job with that very tag is the one that was sent."""
    assert found(SENT, Response(status=200, body=body)) is is_there
    shown = {"metadata": {TAG: "t-1"}} if is_there else None
    assert record(SENT, Response(status=200, body=body)) == shown


@pytest.mark.parametrize(
    ("method", "path", "question", "state"),
    [
        ("PUT", "/jobs/j-1/status/cancel", "/jobs/j-1", "canceled"),
        ("POST", "/sessions/s-1/end", "/sessions/s-1", "ended"),
    ],
)
def test_what_was_to_end(method: str, path: str, question: str, state: str) -> None:
    """It is read, and its state shows whether it has."""
    base = "https://api.ionq.co/v0.4"
    ending = Sent(method=method, url=base + path, at=0.0)
    assert request(ending) == ("GET", base + question)
    for status in (state, "started"):
        answer = Response(status=200, body=b'{"status": "%s"}' % status.encode())
        assert found(ending, answer) is (status == state)


# --- Any client with the contract -----------------------------------------------------------------


def test_a_lost_answer_is_found_and_nothing_is_sent_twice(cloud: Any) -> None:
    """The job was created and its answer lost: the client looks it up, and one job is there."""
    before = cloud.created["jobs"]
    cloud.suffer({"match": {"method": "POST"}, "fault": "lose_answer", "times": 1})
    fields = {"Authorization": f"apiKey {cloud.keys['key']}"}
    with failwell.Client(
        base_url=cloud.base, headers=fields, contract=IONQ, trust_env=False
    ) as client:
        found_job = client.post("/jobs", json=job(name="lost")).json()
    assert found_job["name"] == "lost"
    assert set(found_job["metadata"]) == {TAG}
    assert cloud.created["jobs"] == before + 1
