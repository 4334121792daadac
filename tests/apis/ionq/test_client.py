"""`IonQClient` and its endpoints over the sandbox, each in sync and in async code.

What the client believes is never the proof: what was created is counted by the service.
"""

from __future__ import annotations

import asyncio
import datetime
import inspect
import pickle
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from apis.ionq.conftest import ONCE, Face, Faces, job
from failwell.apis import ionq as package
from failwell.apis.ionq import (
    IONQ,
    RETRY,
    IonQClient,
    IonQError,
    cancel_job,
    cancel_jobs,
    create_job,
    create_session,
    delete_job,
    delete_jobs,
    end_session,
    estimate_job_cost,
    get_backend,
    get_backends,
    get_characterization,
    get_characterizations_for_backend,
    get_job,
    get_job_cost,
    get_job_probabilities,
    get_jobs,
    get_session,
    get_session_jobs,
    get_sessions,
    get_usages,
    get_whoami,
)
from failwell.apis.ionq.lookup import TAG
from failwell.errors import InvalidRequestError

FORTE = "qpu.forte-1"
TODAY = datetime.date(2020, 1, 1)


class Payload:
    """A body such as IonQ's own client makes."""

    def __init__(self, **members: Any) -> None:
        self._members = members

    def to_dict(self) -> dict[str, Any]:
        return job(**self._members)


# --- What is there --------------------------------------------------------------------------------


def test_the_arguments() -> None:
    """Each of IonQ's own, by name only."""
    parameters = inspect.signature(IonQClient).parameters
    for name in ("api_key", "base_url", "max_retries", "timeout", "additional_user_agent",
                 "extension"):  # fmt: skip
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default in (None, "https://api.ionq.co/v0.4")


def test_all_that_is_exported_is_there() -> None:
    """Each name is listed once, in order, and leads somewhere."""
    own = [name for name in package.__all__ if hasattr(package, name)]
    assert own == package.__all__
    assert len(set(own)) == len(own)


def test_the_defaults() -> None:
    """IonQ's address, 60 seconds (10 to connect), two retries by IonQ's own rule."""
    with IonQClient(api_key="k") as client:
        assert str(client.client.base_url) == "https://api.ionq.co/v0.4/"
        assert client.client.timeout == httpx2.Timeout(60.0, connect=10.0)
        assert client.client.policy.retry == RETRY
        assert client.client.contract is IONQ
    assert (RETRY.max_retries, RETRY.base, RETRY.cap, RETRY.jitter) == (2, 1.0, 60.0, "equal")
    assert IONQ.transient == {429, 500, 502, 503, *range(520, 530)}


def test_another_timeout() -> None:
    """One number of seconds for each part of an attempt, or httpx2's own object."""
    own = httpx2.Timeout(9.0, connect=1.0)
    for given, timeout in ((5, httpx2.Timeout(5)), (own, own)):
        with IonQClient(api_key="k", timeout=given) as client:
            assert client.client.timeout == timeout


@pytest.mark.parametrize("given", [0, 5])
def test_another_number_of_retries(given: int) -> None:
    """Of the rule, only the number changes; a policy of one's own keeps its waits."""
    with IonQClient(api_key="k", max_retries=given) as client:
        assert client.client.policy.retry == msgspec.structs.replace(RETRY, max_retries=given)
    own = failwell.Policy(retry=failwell.Retry(base=3.0), deadline=9.0)
    with IonQClient(api_key="k", max_retries=given, policy=own) as client:
        assert client.client.policy.retry == failwell.Retry(base=3.0, max_retries=given)
        assert client.client.policy.deadline == 9.0
    with IonQClient(api_key="k", max_retries=given, policy=ONCE) as client:
        assert client.client.policy.retry == msgspec.structs.replace(RETRY, max_retries=given)


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `ValueError` that says what to set, before anything is sent."""
    monkeypatch.delenv("IONQ_API_KEY", raising=False)
    with pytest.raises(ValueError, match="IONQ_API_KEY"):
        IonQClient()
    monkeypatch.setenv("IONQ_API_KEY", "")
    with pytest.raises(InvalidRequestError):
        IonQClient()


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "schlüssel"])
def test_a_key_that_is_none(key: str) -> None:
    """It is refused, and not shown."""
    with pytest.raises(ValueError, match="characters that no API key has") as caught:
        IonQClient(api_key=key)
    assert key not in str(caught.value)


def test_a_key_that_is_no_text() -> None:
    """It is refused in words, too."""
    with pytest.raises(InvalidRequestError, match=r"\(api_key=\) is a int: give a string"):
        IonQClient(api_key=3)  # type: ignore[arg-type]


def test_a_key_from_the_environment(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`IONQ_API_KEY`; an argument goes before it."""
    monkeypatch.setenv("IONQ_API_KEY", cloud.keys["key"])
    with IonQClient(base_url=cloud.base, trust_env=False) as client:
        assert get_whoami.sync(client=client).key_name == "All backends"
    simulator = cloud.keys["simulator_only"]
    with IonQClient(api_key=simulator, base_url=cloud.base, trust_env=False) as client:
        assert get_whoami.sync(client=client).key_name == "Simulator only"


@pytest.mark.parametrize("url", ["http://api.ionq.co/v0.4", "http://10.0.0.7/v0.4"])
def test_a_key_in_cleartext(url: str) -> None:
    """The caller is warned, on their own line; the address is used all the same."""
    with (
        pytest.warns(UserWarning, match="not HTTPS") as warned,
        IonQClient(api_key="k", base_url=url) as client,
    ):
        assert str(client.client.base_url) == url + "/"
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    "url", ["https://api.ionq.co/v0.4", "http://127.0.0.1:9/x", "http://localhost", "http://[::1]"]
)
def test_no_key_in_cleartext(url: str) -> None:
    """Nothing is said where the key goes encrypted, or does not leave the machine."""
    IonQClient(api_key="k", base_url=url).close()


def test_no_secret_is_shown(faces: Faces) -> None:
    """Neither by the client nor by an error, whatever shows them."""
    client = faces.at("http://127.0.0.1:9", api_key="very-secret-key", policy=ONCE)
    with pytest.raises(IonQError) as caught:
        client.call(create_job, body=job())
    shown = [repr(client.client), str(caught.value), repr(caught.value), str(caught.value.sent)]
    shown += [str(caught.value.__notes__), repr(caught.value.__cause__)]
    assert "very-secret-key" not in "".join(shown)
    assert b"very-secret-key" not in pickle.dumps(caught.value)


# --- Endpoints ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [job(name="n"), Payload(name="n")])
def test_a_job(ionq: Face, cloud: Any, body: Any) -> None:
    """Submitted once, from a mapping or an object with `to_dict()`, waited for, read."""
    before = cloud.created["jobs"]
    made = ionq.call(create_job, body=body)
    assert (made.status, made.session_id) == ("submitted", None)
    done = ionq.wait(made.id)
    assert (done.status, done.name, done.backend) == ("completed", "n", "simulator")
    assert done == ionq.call(get_job, made.id) == ionq.call(get_job, uuid=made.id)
    assert ionq.call(get_job_probabilities, made.id) == {"0": 0.5, "3": 0.5}
    assert ionq.call(get_job_probabilities, made.id, sharpen=False) == {"0": 0.5, "3": 0.5}
    assert cloud.created["jobs"] == before + 1


def test_the_whole_answer(ionq: Face) -> None:
    """Status, headers by any case, content, and what was parsed out of it."""
    answer = ionq.detailed(create_job, body=job())
    assert answer.status_code == 201
    assert answer.headers["X-Request-Id"]
    assert msgspec.json.decode(answer.content)["id"] == answer.parsed.id


def test_the_callers_metadata(ionq: Face) -> None:
    """It arrives as it is, with a tag beside it; the caller's own body is not touched."""
    body = job(metadata={"a": "b"})
    made = ionq.call(create_job, body=body)
    assert body["metadata"] == {"a": "b"}
    metadata = ionq.call(get_job, made.id).metadata
    assert len(metadata.pop(TAG)) == 36
    assert metadata == {"a": "b"}


def test_several_jobs(ionq: Face) -> None:
    """They are called off and deleted, one by one and together."""
    ids = [ionq.call(create_job, body=job()).id for _ in range(4)]
    for each in ids:
        ionq.wait(each)
    assert ionq.call(cancel_jobs, body={"ids": ids}).ids == ()
    assert ionq.call(delete_jobs, body={"ids": ids[:2]}).ids == tuple(ids[:2])
    assert ionq.call(delete_job, ids[2]).status == "deleted"
    with pytest.raises(package.NotFoundError):
        ionq.call(get_job, ids[2])
    with pytest.raises(failwell.ConflictError) as caught:
        ionq.call(cancel_job, ids[3])
    assert isinstance(caught.value, package.APIError)
    assert caught.value.outcome == "not_started"


def test_lists(ionq: Face) -> None:
    """Pages, by cursor, and each filter."""
    ids = [ionq.call(create_job, body=job()).id for _ in range(3)]
    first = ionq.call(get_jobs, limit=2)
    assert [each.id for each in first.jobs] == [ids[2], ids[1]]
    assert ionq.call(get_jobs, limit=1, next=first.next).jobs[0].id == ids[0]
    assert {each.id for each in ionq.call(get_jobs, ids=ids[:2]).jobs} == set(ids[:2])
    assert ionq.call(get_jobs, target=FORTE, status="canceled").jobs == ()


def test_a_session(ionq: Face) -> None:
    """Begun, read, listed, with its jobs, and ended once."""
    limits = {"job_count_limit": 2, "cost_limit": {"unit": "usd", "value": 1000}}
    made = ionq.call(create_session, body={"backend": FORTE, "settings": limits})
    assert (made.status, made.active, made.backend) == ("created", True, FORTE)
    run = ionq.call(create_job, body=job(backend=FORTE, session_id=made.id))
    assert run.session_id == made.id
    assert ionq.call(get_session, made.id).status == "started"
    ionq.wait(run.id)
    assert [each.id for each in ionq.call(get_session_jobs, made.id).jobs] == [run.id]
    cost = ionq.call(get_job_cost, run.id)
    assert cost.cost == cost.estimated_cost
    assert cost.cost.unit == "usd"
    assert ionq.call(end_session, made.id).status == "ended"
    found = ionq.call(get_sessions, active=False).sessions
    assert made.id in {each.id for each in found}
    with pytest.raises(failwell.ConflictError):
        ionq.call(end_session, made.id)


def test_machines_and_prices(ionq: Face) -> None:
    """Backends, their measurements, the key, an estimate."""
    assert {each.backend for each in ionq.call(get_backends)} >= {"simulator", FORTE}
    assert ionq.call(get_backend, FORTE).qubits == 36
    page = ionq.call(get_characterizations_for_backend, FORTE, limit=2)
    newest = page.characterizations[0]
    assert ionq.call(get_characterization, FORTE, newest.id) == newest
    assert ionq.call(get_whoami).key_name == "All backends"
    estimate = ionq.call(estimate_job_cost, backend=FORTE, field_2q_gates=5)
    assert estimate.estimated_total_cost > 0
    assert estimate.estimate_context["2q_gates"] == 5


def test_usage(ionq: Face) -> None:
    """One's own organization's, and nobody else's."""
    own = ionq.call(get_sessions).organization_id
    asked: dict[str, Any] = {"start_date": TODAY, "end_date": TODAY + datetime.timedelta(days=7)}
    asked |= {"group_by": "user", "modality": "weekly"}
    assert ionq.call(get_usages, own, **asked).job_count == 0
    with pytest.raises(package.PermissionDeniedError):
        ionq.call(get_usages, "other", **asked)


# --- What is refused here -------------------------------------------------------------------------


@pytest.mark.parametrize("uuid", ["", ".", "..", None, 3])
def test_what_is_no_id(ionq: Face, uuid: Any) -> None:
    """It would lead to another endpoint, and is not sent."""
    with pytest.raises(InvalidRequestError, match="not an id"):
        ionq.call(get_job, uuid)


@pytest.mark.parametrize("uuid", ["../sessions", "a/b", "a?b=c", "ü", "%2e%2e"])
def test_an_odd_id(ionq: Face, uuid: str) -> None:
    """It is quoted, and there is no such job."""
    with pytest.raises(package.NotFoundError):
        ionq.call(get_job, uuid)


@pytest.mark.parametrize(
    "body", [{"shots": float("nan")}, {"name": object()}, {"name": "\ud800"}, {("a",): 1}]
)
def test_a_body_that_json_cannot_spell(ionq: Face, cloud: Any, body: dict[Any, Any]) -> None:
    """It is refused before anything is sent."""
    before = cloud.created["jobs"]
    with pytest.raises((InvalidRequestError, package.BadRequestError)):
        ionq.call(create_job, body={**job(), **body})
    assert cloud.created["jobs"] == before


@pytest.mark.parametrize("body", [None, 3, "x", [], b""])
def test_what_is_no_body(ionq: Face, cloud: Any, body: Any) -> None:
    """It is refused, in words that say what to give."""
    before = cloud.created["jobs"]
    with pytest.raises(
        InvalidRequestError, match=r"^The body is a \w+: give a mapping, or an object with"
    ):
        ionq.call(create_job, body=body)
    assert cloud.created["jobs"] == before


def test_an_argument_that_is_none() -> None:
    """It is Python's own `TypeError`, as for any function."""
    with IonQClient(api_key="k") as client, pytest.raises(TypeError, match="colour"):
        get_jobs.sync(client=client, colour="blue")  # type: ignore[call-arg]


def test_it_says_what_it_is() -> None:
    """An endpoint has a name, and a docstring."""
    assert repr(create_job) == "<Endpoint create_job>"
    assert "Submit a job" in (create_job.__doc__ or "")


def test_sync_and_async_jobs_of_a_run_count_together(cloud: Any, tmp_path: Path) -> None:
    """Equal jobs, one of each world, are two jobs; begun again, the script gets the same two."""
    settings = {"api_key": cloud.keys["key"], "base_url": cloud.base, "policy": ONCE}
    settings |= {"run": "night", "store": f"sqlite:///{tmp_path}/run.db"}

    async def script() -> list[str]:
        async with IonQClient(**settings) as client:
            made = create_job.sync(client=client, body=job(name="same"))
            again = await create_job.asyncio(client=client, body=job(name="same"))
        return [made.id, again.id]

    first, second = asyncio.run(script()), asyncio.run(script())
    assert first == second
    assert len(set(first)) == 2


def test_a_run_needs_a_name() -> None:
    """As with any client."""
    with pytest.raises(InvalidRequestError, match="run="):
        IonQClient(api_key="k", run="", store="sqlite:///:memory:")
