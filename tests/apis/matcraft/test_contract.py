"""MatCraft's promise as data, its exceptions, and how a lost write is found again."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import msgspec
import pytest

import failwell
from failwell.apis.matcraft import exceptions
from failwell.apis.matcraft.contract import MATCRAFT, RETRY
from failwell.apis.matcraft.exceptions import (
    MatCraftAPIError,
    NotFoundError,
    RateLimitError,
    ValidationError,
)
from failwell.apis.matcraft.lookup import found, record, request
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.errors import BY_KIND, FailwellError
from failwell.model import Outcome, Response, Sent
from failwell.policy import backoff
from failwell.settings import Policy
from failwell.testing import answer

PUBLISHED = {
    "INVALID_REQUEST": 400,
    "VALIDATION_FAILED": 422,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONFLICT": 409,
    "RATE_LIMITED": 429,
    "CAMPAIGN_NOT_STARTABLE": 400,
    "CAMPAIGN_NOT_STOPPABLE": 400,
    "DATASET_SCHEMA_MISMATCH": 422,
    "INTERNAL_ERROR": 500,
    "WORKER_UNAVAILABLE": 503,
    "EVALUATION_FAILED": 500,
    "SURROGATE_TRAINING_FAILED": 500,
}
CLASSES = {
    422: ValidationError,
    404: NotFoundError,
    429: RateLimitError,
    400: exceptions.InvalidRequestError,
    401: exceptions.UnauthorizedError,
    403: exceptions.ForbiddenError,
    409: exceptions.ConflictError,
    500: exceptions.ServerError,
    503: exceptions.WorkerUnavailableError,
}


def test_the_catalogue_is_the_published_one() -> None:
    """Fourteen codes with their statuses; a 405 is the one entry beside them."""
    listed = {(entry.code, entry.status) for entry in MATCRAFT.codes}
    assert listed == {*PUBLISHED.items(), ("INVALID_REQUEST", 405)}
    assert all(entry.means and entry.advice for entry in MATCRAFT.codes)


@pytest.mark.parametrize(("code", "status"), PUBLISHED.items())
def test_each_code_has_its_exception(code: str, status: int) -> None:
    """MatCraft's class, failwell's class of that kind, and a pickle that keeps both."""
    error = MATCRAFT.fail(code, status, retry_after=3.0, details=[{"path": "a", "message": "b"}])
    assert type(error) is CLASSES[status]
    assert isinstance(error, MatCraftAPIError)
    assert isinstance(error, BY_KIND[error.failure.kind])
    assert (error.code, error.status_code, error.retry_after) == (code, status, 3.0)
    again = pickle.loads(pickle.dumps(error))
    assert (again, again.details) == (error, [{"path": "a", "message": "b"}])


@pytest.mark.parametrize("details", [None, {"limit": 60}, ["text", 3], []])
def test_details_are_always_a_list_of_objects(details: Any) -> None:
    """Empty where there are none, and never None."""
    error = MATCRAFT.fail("RATE_LIMITED", details=details)
    assert isinstance(error, RateLimitError)
    assert error.details == []


def test_the_base_catches_all_and_failwells_each() -> None:
    """One base for whatever MatCraft does, lost connections included."""
    assert set(MATCRAFT.exceptions) == set(BY_KIND)
    for kind, cls in MATCRAFT.exceptions.items():
        assert issubclass(cls, (MatCraftAPIError, BY_KIND[kind]))
        assert issubclass(cls, MatCraftAPIError)
    assert issubclass(NotFoundError, failwell.NotFoundError)
    assert not issubclass(ValidationError, NotFoundError)


def test_the_published_waits() -> None:
    """5 retries after 1, 2, 4, 8 and 16 seconds; never over 60."""
    assert RETRY.max_retries == 5
    waits = [backoff.delay(RETRY, retry, 0.5, sent=True) for retry in range(8)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_what_is_retried_once_is_in_the_catalogue() -> None:
    """Both failures of a job, and nothing else."""
    once = {entry.code for entry in MATCRAFT.codes if entry.max_retries is not None}
    assert once == {"EVALUATION_FAILED", "SURROGATE_TRAINING_FAILED"}
    assert all(MATCRAFT.entry(code).max_retries == 1 for code in once)


# --- Looking up ----------------------------------------------------------------------------------

URL = "https://api.example.org/v1"


def sent(method: str, path: str, body: Any = None, media: str = "application/json") -> Sent:
    text = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    return Sent(method=method, url=URL + path, at=0.0, content_type=media, body=text)


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nmy rows\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\na\r\n--b--\r\n'
)


@pytest.mark.parametrize(
    ("write", "asked"),
    [
        (sent("POST", "/campaigns", {"name": "a b&c"}), "/campaigns?name=a%20b%26c"),
        (
            sent("POST", "/datasets", FORM, "multipart/form-data; boundary=b"),
            "/datasets?name=my%20rows",
        ),
        (sent("POST", "/campaigns/camp_1/start"), "/campaigns/camp_1"),
        (sent("POST", "/campaigns/camp_1/stop"), "/campaigns/camp_1"),
        (sent("POST", "/campaigns", {"mdl": {}}), None),
        (sent("POST", "/campaigns", b"\xff"), None),
        (sent("POST", "/evaluate", {"domain": "water"}), None),
        (sent("DELETE", "/campaigns/camp_1"), None),
    ],
)
def test_where_a_write_is_looked_up(write: Sent, asked: str | None) -> None:
    """By its name in the list, or by its campaign; nowhere where there is neither."""
    assert request(write) == (None if asked is None else ("GET", URL + asked))


@pytest.mark.parametrize(
    ("write", "data", "is_there"),
    [
        (sent("POST", "/campaigns", {"name": "a", "domain": "water"}), [], False),
        (sent("POST", "/campaigns", {"name": "a"}), [{"name": "a", "domain": "x"}], True),
        (
            sent("POST", "/campaigns", {"name": "a", "domain": "water"}),
            [{"name": "a", "domain": "solar"}],
            False,
        ),
        (sent("POST", "/datasets", FORM), [{"name": "my rows"}], True),
        (sent("POST", "/campaigns/c/start"), {"status": "created"}, False),
        (sent("POST", "/campaigns/c/start"), {"status": "running"}, True),
        (sent("POST", "/campaigns/c/stop"), {"status": "running"}, False),
        (sent("POST", "/campaigns/c/stop"), {"status": "stopped"}, True),
        (sent("POST", "/campaigns/c/stop"), [], False),
    ],
)
def test_when_a_write_is_found(write: Sent, data: Any, is_there: bool) -> None:
    """Its record, with the fields that were sent; or its campaign, gone on from its state."""
    assert found(write, answer(200, {"data": data})) is is_there
    assert not found(write, Response(status=200, body=b"<html>"))


@pytest.mark.parametrize(
    ("created_at", "is_there"),
    [
        ("2026-03-01T12:00:00.000Z", True),
        ("2026-03-01T11:59:59.500Z", True),
        ("2026-03-01T11:59:58.900Z", False),
        ("2025-03-01T12:00:00Z", False),
        ("2025-03-01T12:00:00", True),
        ("yesterday", True),
        (None, True),
        (7, True),
    ],
)
def test_an_older_record_is_not_the_one_that_was_sent(created_at: Any, is_there: bool) -> None:
    """By MatCraft's own clock, which the answer tells: here it was sent 30 s before noon and half
    a minute, whatever the clock of this machine says."""
    write = sent("POST", "/campaigns", {"name": "a"})
    listed = {
        "data": [{"name": "b"}, 3, {"name": "a", "created_at": created_at}],
        "meta": {"timestamp": "2026-03-01T12:00:30.000Z", "request_id": "req_1"},
    }
    shown = msgspec.structs.replace(answer(200, listed), at=30.0)
    assert found(write, shown) is is_there
    if is_there:
        assert record(write, shown) == listed | {"data": listed["data"][2]}


def test_the_answer_about_an_action_is_its_campaign() -> None:
    """Nothing is taken out of it."""
    told = {"data": {"status": "running"}, "meta": {}}
    assert record(sent("POST", "/campaigns/c/start"), answer(200, told)) == told


ONCE = Policy(retry=failwell.Retry(max_retries=2, base=0.01))


def test_a_lost_answer_is_found_and_nothing_is_made_twice(bench: Any) -> None:
    """A campaign whose answer is lost is looked up by its name; a start by its state."""
    lost = [{"match": {"method": "POST"}, "fault": "lose_answer", "times": 1}]
    path, before = "/sandbox/matcraft/faults", bench.created["campaigns"]
    fields = {"Authorization": f"Bearer {bench.keys['admin']}"}
    with Client(contract=MATCRAFT, policy=ONCE, headers=fields, trust_env=False) as client:
        bench.control("PUT", path, json=lost)
        client.post(bench.base + "/campaigns", json=bench.new(name="found-again"))
        assert bench.created["campaigns"] == before + 1
        (made,) = bench.data("GET", "/campaigns?name=found-again")
        bench.control("PUT", path, json=lost)
        client.post(bench.base + f"/campaigns/{made['id']}/start")
    assert bench.ended(made["id"])["status"] == "completed"


def test_errors_are_raised_as_matcrafts_own(bench: Any) -> None:
    """What the service renders, the contract reads: sync and async alike."""
    fields = {"Authorization": f"Bearer {bench.keys['admin']}"}
    body = bench.new(domain="cheese", mdl=bench.SPHERE | {"objectives": []})

    async def story() -> FailwellError:
        async with AsyncClient(contract=MATCRAFT, headers=fields, trust_env=False) as client:
            with pytest.raises(ValidationError) as caught:
                await client.post(bench.base + "/campaigns", json=body)
            return caught.value

    with (
        Client(contract=MATCRAFT, headers=fields, trust_env=False) as client,
        pytest.raises(ValidationError) as caught,
    ):
        client.post(bench.base + "/campaigns", json=body)
    for error in (caught.value, asyncio.run(story())):
        assert isinstance(error, ValidationError)
        assert [detail["path"] for detail in error.details] == ["domain", "objectives"]
        assert [issue.code for issue in error.issues] == ["domain.choice", "objectives.count"]
        assert error.outcome is Outcome.NOT_STARTED
        assert (error.request_id or "").startswith("req_")


def test_a_start_without_workers_may_be_sent_again(bench: Any) -> None:
    """The 503 proves that nothing was started."""
    campaign = bench.made()
    fields = {"Authorization": f"Bearer {bench.keys['admin']}"}
    with (
        bench.stopped("worker"),
        Client(contract=MATCRAFT, policy=ONCE, headers=fields, trust_env=False) as client,
        pytest.raises(exceptions.WorkerUnavailableError) as caught,
    ):
        client.post(bench.base + f"/campaigns/{campaign}/start")
    assert caught.value.outcome is Outcome.NOT_STARTED
    assert len(caught.value.attempts) == 3
