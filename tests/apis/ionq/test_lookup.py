"""A job whose fate is unknown is found by the tag in its metadata, in the real list of jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import failwell
from apis.ionq.conftest import job
from failwell.apis.ionq import IONQ, IonQError
from failwell.apis.ionq.lookup import TAG, found, request
from failwell.model import Outcome, Response, Sent

SENT = Sent(
    method="POST",
    url="https://api.ionq.co/v0.4/jobs",
    at=0.0,
    body=b'{"backend": "qpu.forte-1", "metadata": {"failwell-tag": "t-1"}}',
)


def test_the_question() -> None:
    """The newest jobs of that backend, on the largest page there is."""
    assert request(SENT) == ("GET", f"{SENT.url}?limit=25&target=qpu.forte-1")


@pytest.mark.parametrize(
    "change",
    [
        {"body": None},
        {"body": b'{"backend": "simulator"}'},
        {"body": b'{"metadata": {"failwell-tag": ""}}'},
        {"body": b'{"metadata": {"failwell-tag": 7}}'},
        {"body": b"[1]"},
        {"method": "PUT"},
        {"url": "https://api.ionq.co/v0.4/sessions"},
    ],
)
def test_nothing_to_ask(change: dict[str, Any]) -> None:
    """A write that carries no tag, or is no job, cannot be looked up."""
    facts = {"method": "POST", "url": SENT.url, "at": 0.0, "body": SENT.body} | change
    assert request(Sent(**facts)) is None


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


def both(cloud: Any, scenario: Callable[[Any], Any]) -> None:
    """Run it with the sync client, and with the async one."""
    settings = {"base_url": cloud.base, "contract": IONQ, "trust_env": False}
    fields = {"Authorization": f"apiKey {cloud.keys['key']}"}
    with failwell.Client(headers=fields, **settings) as client:
        steps = scenario(lambda name, *a, **k: getattr(client, name)(*a, **k))
        _walk(steps, lambda step: step)

    async def awaited() -> None:
        async with failwell.AsyncClient(headers=fields, **settings) as client:
            steps = scenario(lambda name, *a, **k: getattr(client, name)(*a, **k))
            value: Any = None
            while True:
                try:
                    pending = steps.send(value)
                except StopIteration:
                    return
                value = await _caught(pending)

    asyncio.run(awaited())


def _walk(steps: Any, perform: Callable[[Any], Any]) -> None:
    value: Any = None
    while True:
        try:
            pending = steps.send(value)
        except StopIteration:
            return
        try:
            value = pending()
        except IonQError as error:
            value = error


async def _caught(pending: Callable[[], Any]) -> Any:
    try:
        return await pending()
    except IonQError as error:
        return error


def test_a_lost_answer_is_found_and_nothing_is_sent_twice(cloud: Any) -> None:
    """The job was created and its answer lost: the client looks it up, and one job is there."""
    tags = iter(("lost-sync", "lost-async"))

    def scenario(ask: Any) -> Any:
        before = cloud.created["jobs"]
        fault = {"match": {"method": "POST", "path": "/jobs"}, "fault": "lose_answer", "times": 1}
        cloud.suffer(fault)
        body = job(metadata={TAG: next(tags)})
        outcome = yield lambda: ask("post", "/jobs", json=body)
        if isinstance(outcome, IonQError):
            assert outcome.outcome in (Outcome.APPLIED, Outcome.UNKNOWN)
            settled = yield lambda: ask("settle", outcome)
            assert settled.outcome is Outcome.APPLIED
        assert cloud.created["jobs"] == before + 1

    both(cloud, scenario)


def test_a_job_that_is_not_there_stays_unknown(cloud: Any) -> None:
    """The request never arrived: not found proves nothing, and nothing is sent again."""
    tags = iter(("gone-sync", "gone-async"))

    def scenario(ask: Any) -> Any:
        before = cloud.created["jobs"]
        cloud.suffer({"match": {"method": "POST"}, "fault": "reset", "times": 1})
        body = job(metadata={TAG: next(tags)})
        error = yield lambda: ask("post", "/jobs", json=body)
        assert isinstance(error, IonQError)
        assert error.outcome is Outcome.UNKNOWN
        assert cloud.created["jobs"] == before

    both(cloud, scenario)
