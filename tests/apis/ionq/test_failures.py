"""What fails at IonQ, as its client tells it: classes, retries, and no job sent twice.

What was created is counted by the service.
"""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from apis.ionq.conftest import ONCE, QUICK, Face, Faces, job
from failwell.apis import ionq as names
from failwell.apis.ionq import (
    IonQClient,
    IonQError,
    cancel_job,
    create_job,
    create_session,
    end_session,
    get_job,
    get_whoami,
)
from failwell.apis.ionq.kinds import CircuitOpenError, DeadlineExceededError
from failwell.model import Outcome

FORTE = "qpu.forte-1"
JOBS = {"method": "POST", "path": "/jobs"}


def failing(face: Face, *args: Any, **kwargs: Any) -> Any:
    """The exception of a call, which survives a pickle as it is."""
    with pytest.raises(IonQError) as caught:
        face.call(*args, **kwargs)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again, str(again)) == (caught.value, str(caught.value))
    return caught.value


# --- Classes --------------------------------------------------------------------------------------


def test_400(ionq: Face) -> None:
    """The body says which keys were bad."""
    error = failing(ionq, create_job, body=job(shots=0))
    assert type(error) is names.BadRequestError
    assert error.status_code == 400
    assert error.body["validation"] == {"keys": ["shots"], "source": "body"}
    assert str(error) == error.message == error.body["message"]
    assert error.request_id
    assert error.outcome is Outcome.NOT_STARTED


def test_401(faces: Faces, cloud: Any) -> None:
    """A revoked key, and one that nobody knows."""
    for key in ("revoked", "nobody-knows-me"):
        error = failing(faces(cloud, key), create_job, body=job())
        assert type(error) is names.AuthenticationError


def test_403(faces: Faces, cloud: Any) -> None:
    """A key whose plan has the simulator only."""
    error = failing(faces(cloud, "simulator_only"), create_job, body=job(backend=FORTE))
    assert type(error) is names.PermissionDeniedError


def test_404(ionq: Face) -> None:
    """No such job; nothing is tried again."""
    error = failing(ionq, get_job, "nope")
    assert type(error) is names.NotFoundError
    assert len(error.attempts) == 1


def test_413(ionq: Face, cloud: Any) -> None:
    """A 4xx without a class of IonQ's own is an `APIError`, and failwell's class of its kind."""
    with cloud.limited(max_gates=1):
        error = failing(ionq, create_job, body=job())
    assert isinstance(error, names.APIError)
    assert isinstance(error, failwell.PayloadTooLargeError)


def test_429(faces: Faces, cloud: Any) -> None:
    """`retry_after` is IonQ's own word, in seconds."""
    with cloud.limited(requests_per_minute=1):
        error = failing(faces(cloud, policy=ONCE), get_whoami)
    assert type(error) is names.RateLimitError
    assert 0 < error.retry_after <= 60


def test_5xx(faces: Faces, cloud: Any) -> None:
    """A component that is really away."""
    face = faces(cloud, policy=ONCE)
    with cloud.stopped("store"):
        error = failing(face, get_whoami)
        assert (type(error), error.status_code) == (names.ServerError, 500)
    with cloud.stopped("simulator"):
        error = failing(face, create_job, body=job())
        assert isinstance(error, names.ServerError)
        assert isinstance(error, failwell.ServiceUnavailableError)


def test_no_connection(faces: Faces) -> None:
    """`<Class>: <text>`, and the transport's own exception as its cause."""
    error = failing(faces.at("http://127.0.0.1:9", policy=ONCE), create_job, body=job())
    assert type(error) is names.APIConnectionError
    assert isinstance(error.__cause__, httpx2.ConnectError)
    assert str(error) == f"ConnectError: {error.__cause__}"
    assert (error.status_code, error.outcome) == (None, Outcome.NOT_STARTED)


def test_no_answer_in_time(faces: Faces, cloud: Any) -> None:
    """A timeout is a connection error, too."""
    cloud.suffer({"fault": "delay", "seconds": 3.0, "times": 1})
    face = faces(cloud, policy=ONCE, timeout=httpx2.Timeout(0.2))
    error = failing(face, get_whoami)
    assert type(error) is names.APITimeoutError
    assert isinstance(error, names.APIConnectionError)
    assert isinstance(error.__cause__, httpx2.TimeoutException)
    assert str(error) == (str(error.__cause__) or "ReadTimeout")


def test_no_answer_by_the_deadline(faces: Faces, cloud: Any) -> None:
    """The call's own deadline is a timeout of IonQ's, and failwell's."""
    cloud.suffer({"fault": "delay", "seconds": 3.0, "times": 1})
    policy = msgspec.structs.replace(QUICK, deadline=0.2)
    error = failing(faces(cloud, policy=policy), get_whoami)
    assert type(error) is DeadlineExceededError
    assert isinstance(error, (names.APITimeoutError, failwell.DeadlineExceededError))


def test_an_open_circuit(faces: Faces) -> None:
    """Where IonQ is down, calls end at once, in IonQ's family."""
    breaker = failwell.Breaker(failures=1, open_for=60, longest=60)
    face = faces.at("http://127.0.0.1:9", policy=failwell.Policy(retry=None, breaker=breaker))
    assert type(failing(face, get_whoami)) is names.APIConnectionError
    error = failing(face, create_job, body=job())
    assert type(error) is CircuitOpenError
    assert error.outcome is Outcome.NOT_STARTED
    assert 0 < error.retry_after <= 60


@pytest.mark.parametrize("fault", ["html_502", "truncate"])
def test_an_answer_that_is_not_ionqs(faces: Faces, cloud: Any, fault: str) -> None:
    """A proxy's page, and half of a JSON document."""
    cloud.suffer({"fault": fault, "times": 1})
    error = failing(faces(cloud, policy=ONCE), get_whoami)
    assert isinstance(
        error, names.ServerError if fault == "html_502" else failwell.BadResponseError
    )


def test_an_answer_in_another_shape() -> None:
    """A success that is not the record it should be is told, with its outcome."""

    def answered(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(201, json={"job": 7}, headers={"x-request-id": "r-1"})

    with (
        IonQClient(api_key="k", transport=httpx2.MockTransport(answered)) as client,
        pytest.raises(failwell.BadResponseError, match="JobCreated") as caught,
    ):
        create_job.sync(client=client, body=job())
    assert isinstance(caught.value, IonQError)
    assert (caught.value.outcome, caught.value.request_id) == (Outcome.APPLIED, "r-1")


# --- Retries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 520, 524, 529])
def test_what_may_pass_is_tried_again(ionq: Face, cloud: Any, status: int) -> None:
    """Twice; the third answer is a good one."""
    cloud.suffer({"fault": "status", "status": status, "times": 2})
    answer = ionq.detailed(get_whoami)
    assert (answer.status_code, answer.parsed.key_name) == (200, "All backends")


@pytest.mark.parametrize("status", [500, 503, 529])
def test_it_surfaces_after_two_retries(ionq: Face, cloud: Any, status: int) -> None:
    """With all three attempts in its history."""
    cloud.suffer({"fault": "status", "status": status})
    error = failing(ionq, get_whoami)
    assert isinstance(error, names.ServerError)
    assert [each.status for each in error.attempts] == [status] * 3


@pytest.mark.parametrize("status", [504, 505, 519, 530])
def test_other_5xx_are_final(ionq: Face, cloud: Any, status: int) -> None:
    """As they are for IonQ's own client."""
    cloud.suffer({"fault": "status", "status": status})
    assert len(failing(ionq, get_whoami).attempts) == 1


def test_no_retries(faces: Faces, cloud: Any) -> None:
    """`max_retries=0` turns them off."""
    cloud.suffer({"fault": "status", "status": 503, "times": 1})
    assert len(failing(faces(cloud, max_retries=0), get_whoami).attempts) == 1


def test_a_wait_that_is_too_long(faces: Faces, cloud: Any) -> None:
    """IonQ's rule waits a minute at most: what asks for more is raised at once."""
    cloud.suffer({"fault": "status", "status": 429, "retry_after": "61", "times": 1})
    error = failing(faces(cloud, policy=failwell.Policy()), get_whoami)
    assert (len(error.attempts), error.retry_after) == (1, 61)


def test_a_refused_job_is_sent_again(ionq: Face, cloud: Any) -> None:
    """A 429 in IonQ's own words came before anything was done: one job is made."""
    before = cloud.created["jobs"]
    cloud.suffer({"match": JOBS, "fault": "status", "status": 429, "times": 2})
    assert ionq.call(create_job, body=job()).id
    assert cloud.created["jobs"] == before + 1


# --- A job is never sent twice --------------------------------------------------------------------

SPOILT: list[dict[str, Any]] = [
    {"fault": "lose_answer"},
    {"fault": "cut_body"},
    {"fault": "truncate"},
    {"fault": "html_502", "committed": True},
    {"fault": "status", "status": 500, "committed": True},
    {"fault": "status", "status": 503, "committed": True},
    {"fault": "status", "status": 504, "committed": True},
]


@pytest.mark.parametrize("fault", SPOILT, ids=lambda fault: f"{fault['fault']}")
def test_a_job_whose_answer_is_lost_is_found(ionq: Face, cloud: Any, fault: dict[str, Any]) -> None:
    """By its tag, among others; the caller gets its id as if nothing had happened."""
    other = ionq.call(create_job, body=job())
    before = cloud.created["jobs"]
    cloud.suffer({"match": JOBS, "times": 1, **fault})
    made = ionq.call(create_job, body=job(name="lost"))
    assert cloud.created["jobs"] == before + 1
    assert made.id != other.id
    assert ionq.call(get_job, made.id).name == "lost"


@pytest.mark.parametrize(
    "fault", [{"fault": "reset"}, {"fault": "html_502"}, {"fault": "status", "status": 503}]
)
def test_a_job_that_is_not_found_is_not_sent_again(
    ionq: Face, cloud: Any, fault: dict[str, Any]
) -> None:
    """It may still be on its way: unknown, in words, and to be settled later."""
    before = cloud.created["jobs"]
    cloud.suffer({"match": JOBS, **fault})
    error = failing(ionq, create_job, body=job())
    assert (error.outcome, len(error.attempts)) == (Outcome.UNKNOWN, 1)
    assert ionq.settle(error).outcome is Outcome.UNKNOWN
    assert cloud.created["jobs"] == before


def test_a_job_is_found_later(ionq: Face, cloud: Any) -> None:
    """Where the list could not be read either, by `settle`, with the exception out of a pickle."""
    before = cloud.created["jobs"]
    cloud.suffer(
        {"match": JOBS, "fault": "lose_answer", "times": 1},
        {"match": {"method": "GET"}, "fault": "status", "status": 503, "times": 3},
    )
    error = failing(ionq, create_job, body=job(name="later"))
    assert error.outcome is Outcome.UNKNOWN
    settled = ionq.settle(pickle.loads(pickle.dumps(error)))
    assert settled.outcome is Outcome.APPLIED
    assert settled.record["name"] == "later"
    assert cloud.created["jobs"] == before + 1


def test_a_job_is_found_behind_others(ionq: Face, cloud: Any) -> None:
    """However many jobs were submitted since, page after page."""
    cloud.suffer(
        {"match": JOBS, "fault": "lose_answer", "times": 1},
        {"match": {"method": "GET"}, "fault": "reset", "times": 3},
    )
    error = failing(ionq, create_job, body=job(name="behind"))
    for _ in range(55):
        cloud.submit()
    assert ionq.settle(error).record["name"] == "behind"
    cloud.suffer({"match": {"method": "GET"}, "fault": "status", "status": 504})
    settled = ionq.settle(error)
    assert settled.outcome is Outcome.UNKNOWN
    assert settled.error.status_code == 504


def test_a_crowd_in_trouble(cloud: Any) -> None:
    """Forty jobs at a time, a third of the answers lost: each is made once, and each is found."""
    before = cloud.created["jobs"]
    cloud.suffer({"match": JOBS, "fault": "lose_answer", "probability": 0.3})
    calm = failwell.Policy(retry=QUICK.retry, breaker=None)
    with (
        ThreadPoolExecutor(8) as pool,
        IonQClient(
            api_key=cloud.keys["key"], base_url=cloud.base, policy=calm, trust_env=False
        ) as client,
    ):

        def submitted(number: int) -> str:
            try:
                return create_job.sync(client=client, body=job(name=f"{number}")).id
            except IonQError as error:
                found: str = client.settle(error).record["id"]
                return found

        ids = list(pool.map(submitted, range(40)))
        cloud.suffer()
        told = [get_job.sync(each, client=client).name for each in ids]
    assert told == [f"{number}" for number in range(40)]
    assert cloud.created["jobs"] == before + 40


def test_a_copied_tag_proves_nothing(ionq: Face, cloud: Any) -> None:
    """The metadata of another job brings its tag along; it is not by that one that we look."""
    first = ionq.call(get_job, ionq.call(create_job, body=job(name="first")).id)
    cloud.suffer({"match": JOBS, "fault": "reset", "times": 1})
    error = failing(ionq, create_job, body=job(metadata=first.metadata))
    assert error.outcome is Outcome.UNKNOWN
    cloud.suffer({"match": JOBS, "fault": "lose_answer", "times": 1})
    made = ionq.call(create_job, body=job(name="second", metadata=first.metadata))
    assert ionq.call(get_job, made.id).name == "second"


def test_no_room_for_a_tag(ionq: Face, cloud: Any) -> None:
    """Ten keys of metadata are the caller's: the job is made, and a lost one stays unknown."""
    full = {f"key-{number}": "v" for number in range(10)}
    made = ionq.call(create_job, body=job(metadata=full))
    assert ionq.call(get_job, made.id).metadata == full
    before = cloud.created["jobs"]
    cloud.suffer({"match": JOBS, "fault": "lose_answer", "times": 1})
    error = failing(ionq, create_job, body=job(metadata=full))
    assert error.outcome is Outcome.UNKNOWN
    assert "no room for a tag" in error.advice
    assert "cannot be looked for: IonQ takes no idempotency keys" in ionq.settle(error).why
    assert cloud.created["jobs"] == before + 1


def test_a_lost_session_stays_unknown(ionq: Face, cloud: Any) -> None:
    """It has no room for a tag, and is not begun twice."""
    before = cloud.created["sessions"]
    cloud.suffer({"match": {"method": "POST"}, "fault": "lose_answer", "times": 1})
    error = failing(ionq, create_session, body={"backend": FORTE})
    assert error.outcome is Outcome.UNKNOWN
    assert cloud.created["sessions"] == before + 1


def test_a_lost_end_of_a_session(ionq: Face, cloud: Any) -> None:
    """The session has ended, which shows it."""
    made = ionq.call(create_session, body={"backend": FORTE})
    cloud.suffer({"match": {"method": "POST"}, "fault": "lose_answer", "times": 1})
    ended = ionq.call(end_session, made.id)
    assert (ended.id, ended.status, ended.active) == (made.id, "ended", False)


def test_a_lost_cancellation(ionq: Face, cloud: Any) -> None:
    """Sent again it is refused, for the job is called off: by us, as its status shows."""
    gates = [{"gate": "h", "targets": list(range(15))}] * 2000
    made = ionq.call(create_job, body=job(gates, 15))
    cloud.suffer({"match": {"method": "PUT"}, "fault": "lose_answer", "times": 1})
    ended = ionq.call(cancel_job, made.id)
    assert (ended.id, ended.status) == (made.id, "canceled")
