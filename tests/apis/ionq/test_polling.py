"""Waiting for jobs at IonQ, going through their lists, and sessions that end by themselves."""

from __future__ import annotations

import inspect
import logging
import pickle
from typing import Any

import msgspec
import pytest

import failwell
from apis.ionq.conftest import Face, Faces, job
from failwell.apis import ionq as names
from failwell.apis.ionq import (
    JOB,
    JobFailedError,
    JobTimeoutError,
    SessionManager,
    aiter_jobs,
    aiter_session_jobs,
    async_wait_for_job,
    cancel_job,
    create_job,
    get_job,
    iter_jobs,
    iter_session_jobs,
    wait_for_job,
)
from failwell.apis.ionq.records import JobFailure

FORTE = "qpu.forte-1"
LONG = [{"gate": "h", "targets": list(range(15))}] * 2000


@pytest.mark.parametrize("wait", [wait_for_job, async_wait_for_job])
def test_the_defaults(wait: Any) -> None:
    """Every second at first, later by half each time and every 30 seconds at most; 5 minutes."""
    parameters = inspect.signature(wait).parameters
    defaults = {name: each.default for name, each in parameters.items()}
    assert defaults["poll_interval"] == 1.0
    assert defaults["timeout"] == 300.0
    assert defaults["raise_on_failure"] is True
    assert (JOB.first, JOB.growth, JOB.cap) == (1.0, 1.5, 30.0)


# --- Exceptions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [{"code": "TooManyGates", "message": "m"}, None, "text", 7])
def test_a_failed_job_by_hand(failure: Any) -> None:
    """Made of an id and IonQ's failure; the same after a pickle."""
    error = JobFailedError("j-1", failure)
    assert (error.job_id, error.state) == ("j-1", "failed")
    assert str(error) == f"Job j-1 failed: {failure}"
    assert error.code == (failure["code"] if isinstance(failure, dict) else None)
    assert error.details == failure
    assert isinstance(error, (names.IonQError, failwell.JobFailedError))
    assert (
        pickle.loads(pickle.dumps(error)) == error == JobFailedError(job_id="j-1", failure=failure)
    )


def test_a_failure_that_is_a_record() -> None:
    """Ours, or another library's object with a code and a message."""

    class Theirs:
        code, message = "TooManyShots", "m"

    told = {"code": "TooManyShots", "message": "m"}
    for failure in (JobFailure(code="TooManyShots", message="m"), Theirs()):
        error = JobFailedError("j-1", failure)
        assert (error.failure.code, error.details) == ("TooManyShots", told)
        assert error.record == {"id": "j-1", "status": "failed", "failure": told}


def test_a_timeout_by_hand() -> None:
    """Made of an id, the seconds and the last status, all of which it keeps."""
    error = JobTimeoutError("j-1", 2.5, "started")
    assert (error.job_id, error.timeout, error.last_status) == ("j-1", 2.5, "started")
    assert str(error) == "Job j-1 did not complete within 2.5s (last status: started)"
    assert isinstance(error, (names.IonQError, failwell.JobTimeoutError))
    again = pickle.loads(pickle.dumps(error))
    assert (again, again.timeout) == (error, 2.5)
    assert error != JobTimeoutError("j-1", 3.5, "started")
    assert str(JobTimeoutError(job_id="j", timeout=1, last_status="ready")).startswith("Job j did")


@pytest.mark.parametrize("given", [(), ("j-1",), ("j-1", 1.0), ("j-1", 1.0, "ready", 4)])
def test_what_is_missing(given: tuple[Any, ...]) -> None:
    """A `TypeError`, as for any class."""
    with pytest.raises(TypeError):
        JobTimeoutError(*given)
    with pytest.raises(TypeError):
        JobFailedError(*given[:1])


# --- Waiting --------------------------------------------------------------------------------------


def test_a_job_that_fails(ionq: Face) -> None:
    """IonQ's own reason, its code, and the whole record."""
    made = ionq.call(create_job, body=job(qubits=30))
    with pytest.raises(JobFailedError) as caught:
        ionq.wait(made.id)
    error = caught.value
    assert (error.job_id, error.state) == (made.id, "failed")
    assert error.failure.code == error.code == "NotEnoughQubits"
    assert error.details["message"] in str(error)
    assert error.record["id"] == made.id
    assert pickle.loads(pickle.dumps(error)) == error


def test_a_failed_job_is_an_answer(ionq: Face) -> None:
    """Without `raise_on_failure`."""
    made = ionq.call(create_job, body=job(qubits=30))
    found = ionq.wait(made.id, raise_on_failure=False)
    assert (found.status, found.failure.code) == ("failed", "NotEnoughQubits")


def test_a_job_that_takes_too_long(ionq: Face) -> None:
    """It goes on; called off, it has ended like others."""
    made = ionq.call(create_job, body=job(LONG, 15))
    with pytest.raises(JobTimeoutError) as caught:
        ionq.wait(made.id, timeout=0.2)
    assert (caught.value.job_id, caught.value.timeout) == (made.id, 0.2)
    assert caught.value.last_status in ("submitted", "ready", "started")
    assert f"wait_for_job(client, '{made.id}')" in caught.value.advice
    assert ionq.call(cancel_job, made.id).status == "canceled"
    assert ionq.wait(made.id).status == "canceled"


def test_a_wait_lives_through_what_passes(ionq: Face, cloud: Any) -> None:
    """A reset, a 504 and a proxy's page while the job is run."""
    made = ionq.call(create_job, body=job())
    cloud.suffer(
        {"fault": "reset", "times": 1},
        {"fault": "status", "status": 504, "times": 1},
        {"fault": "html_502", "times": 1},
    )
    assert ionq.wait(made.id).status == "completed"


def test_a_wait_without_retries(faces: Faces, cloud: Any) -> None:
    """Who turns retries off gets the first failure of a look."""
    face = faces(cloud, max_retries=0)
    made = face.call(create_job, body=job())
    cloud.suffer({"fault": "status", "status": 503, "times": 1})
    with pytest.raises(names.ServerError):
        face.wait(made.id)


def test_a_job_that_is_not_there(ionq: Face) -> None:
    """It is said at once."""
    with pytest.raises(names.NotFoundError):
        ionq.wait("nope")


def test_the_wait_of_all_apis(ionq: Face) -> None:
    """`failwell.wait` takes IonQ's `JOB`; by it, a cancelled job is a failure."""
    if ionq.is_async:
        return
    made = ionq.call(create_job, body=job())
    quick = msgspec.structs.replace(JOB, first=0.02)
    assert failwell.wait(ionq.client.client, made.id, quick).state == "completed"
    long = ionq.call(create_job, body=job(LONG, 15))
    ionq.call(cancel_job, long.id)
    with pytest.raises(JobFailedError, match="was cancelled"):
        failwell.wait(ionq.client.client, long.id, quick)


# --- Lists ----------------------------------------------------------------------------------------


def test_all_jobs(ionq: Face) -> None:
    """Page after page, the newest first, each once; filters hold on all pages."""
    ids = [ionq.call(create_job, body=job()).id for _ in range(5)]
    found = [each.id for each in ionq.listed(iter_jobs, aiter_jobs, limit=2)]
    assert found[:5] == ids[::-1]
    assert len(found) == len(set(found))
    for each in ids:
        ionq.wait(each)
    done = ionq.listed(iter_jobs, aiter_jobs, limit=2, status="completed", target="simulator")
    assert [each.id for each in done][:5] == ids[::-1]
    assert ionq.listed(iter_jobs, aiter_jobs, target=FORTE, status="canceled") == []


def test_a_list_that_is_refused(ionq: Face) -> None:
    """When it is gone through, not before."""
    assert iter_jobs(ionq.client, limit=99)
    with pytest.raises(names.BadRequestError):
        ionq.listed(iter_jobs, aiter_jobs, limit=99)


# --- Sessions -------------------------------------------------------------------------------------


async def async_session(manager: SessionManager, body: dict[str, Any]) -> tuple[str, Any]:
    """A job inside an `async with`, and the status before it."""
    async with manager:
        status = await manager.async_status()
        own = {**body, "session_id": manager.session_id}
        return status, await create_job.asyncio(client=manager._client, body=own)


def session(manager: SessionManager, body: dict[str, Any]) -> tuple[str, Any]:
    """A job inside a `with`, and the status before it."""
    with manager:
        own = {**body, "session_id": manager.session_id}
        return manager.status(), create_job.sync(client=manager._client, body=own)


def test_a_session(ionq: Face, cloud: Any) -> None:
    """It begins with the block and ends with it; its jobs are its own."""
    before = cloud.created["sessions"]
    manager = SessionManager(ionq.client, FORTE, max_jobs=3, max_time=10, max_cost=1000.0)
    assert manager.session_id is None
    run = async_session if ionq.is_async else session
    status, made = ionq.done(run(manager, job(backend=FORTE)))
    assert (status, made.session_id) == ("created", manager.session_id)
    jobs = ionq.listed(iter_session_jobs, aiter_session_jobs, manager.session_id, limit=1)
    assert [each.id for each in jobs] == [made.id]
    assert cloud.created["sessions"] == before + 1
    again = SessionManager.from_id(ionq.client, made.session_id)
    assert ionq.done(again.async_status() if ionq.is_async else again.status()) == "ended"


def test_no_session(ionq: Face) -> None:
    """Nothing to ask for, nothing to end; and none is begun twice."""
    manager = SessionManager(ionq.client, FORTE)
    manager.close()
    with pytest.raises(names.IonQError, match="No session ID"):
        manager.status()
    manager = SessionManager.from_id(ionq.client, "s-1")
    with pytest.raises(names.IonQError, match="already open"):
        ionq.done(manager.async_open() if ionq.is_async else manager.open())


def test_an_end_that_fails(ionq: Face, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and hides nothing."""
    manager = SessionManager.from_id(ionq.client, "s-1")
    with caplog.at_level(logging.WARNING, logger="failwell"):
        ionq.done(manager.async_close() if ionq.is_async else manager.close())
    assert "session s-1 at IonQ may not have ended" in caplog.text


def test_a_job_that_was_read_is_the_same(ionq: Face) -> None:
    """What a wait gives is what reading it gives."""
    made = ionq.call(create_job, body=job())
    assert ionq.wait(made.id) == ionq.call(get_job, made.id)
