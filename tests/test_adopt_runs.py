"""`failwell.adopt(sdk, run=…, store=…)`: a script over an official SDK that is begun again, against
the sandbox; and what its errors are explained as."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import failwell
from apis.flow.conftest import READS, Platform
from apis.ionq.conftest import Cloud, job
from apis.ionworks.conftest import Lab
from apis.serving import Served, serving
from failwell.apis.ionq.contract import IONQ
from failwell.clients import origin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import flowbio
    import flowbio.v2
    import ionq_core
    import ionworks
    from flowbio.v2.exceptions import FlowApiError
    from ionq_core.api.default import create_job, get_job
    from ionq_core.models import CircuitJobCreationPayload

ONCE = failwell.Policy(retry=None, budget=None, breaker=None, governor=None)
pytestmark = pytest.mark.filterwarnings("ignore:base_url:UserWarning")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with serving(Cloud, {"requests_per_minute": 1_000_000}) as served:
        yield served


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with serving(Platform, {"requests_per_hour": 1_000_000}) as served:
        yield served


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with serving(Lab, {}) as served:
        yield served


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    origin.forget()


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/run.db"


@contextmanager
def losing(served: Served, path: str) -> Iterator[None]:
    """The service carries out the next write there, and its answer is lost; nor can anybody look
    for what came of it."""
    match = {"method": "POST", "path": path}
    away = {"fault": "status", "status": 503, "match": {"method": "GET", "path": path}}
    served.suffer({"fault": "lose_answer", "times": 1, "match": match}, away)
    try:
        yield
    finally:
        served.suffer()


@contextmanager
def ionq(cloud: Cloud, **settings: Any) -> Iterator[Any]:
    """A process that adopts IonQ's client."""
    client = ionq_core.IonQClient(api_key=cloud.keys["key"], base_url=cloud.base, max_retries=0)
    with client.get_httpx_client():
        yield failwell.adopt(client, policy=ONCE, **settings)


@contextmanager
def works(lab: Lab, **settings: Any) -> Iterator[Any]:
    """A process that adopts Ionworks' client."""
    client = ionworks.Ionworks(
        api_key=lab.keys["key"], api_url=lab.base, project_id=lab.project, max_retries=0
    )
    with client.session:
        yield failwell.adopt(client, policy=ONCE, **settings)


@contextmanager
def flow2(platform: Platform, **settings: Any) -> Iterator[Any]:
    """A process that adopts Flow's client, and logs in."""
    config = flowbio.v2.ClientConfig(show_progress=False, chunk_size=len(READS) // 2 + 1)
    client = failwell.adopt(
        flowbio.v2.Client(platform.base, config=config), policy=ONCE, **settings
    )
    credentials = flowbio.v2.UsernamePasswordCredentials(**platform.users["alice"])
    with client._transport._client:
        client.log_in(credentials)
        yield client


@contextmanager
def flow1(platform: Platform, **settings: Any) -> Iterator[Any]:
    """A process that adopts Flow's old client, and logs in."""
    client = failwell.adopt(flowbio.Client(platform.base + "/graphql"), policy=ONCE, **settings)
    with client.session:
        client.login(**platform.users["alice"])
        yield client


def payload(name: str) -> Any:
    return CircuitJobCreationPayload.from_dict(job(name=name))


def submit(client: Any, name: str) -> Any:
    return create_job.sync(client=client, body=payload(name))


# ----------------------------------------------------------------------- ionq-core


def test_a_job_of_ionqs_is_bought_once(cloud: Cloud, store: str) -> None:
    """Killed after its first job was carried out and before anybody saw the answer, and begun
    again twice: two jobs, the same ones each time, in IonQ's own models."""
    before, run = cloud.created["jobs"], {"run": "night", "store": store}
    with (
        ionq(cloud, **run) as client,
        losing(cloud, "/jobs"),
        pytest.raises(ionq_core.APIConnectionError),
    ):
        submit(client, "one")
    ids = []
    for _ in range(2):
        with ionq(cloud, **run) as client:
            ids.append([submit(client, name).id for name in ("one", "two")])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
    assert cloud.created["jobs"] == before + 2


def test_sync_and_async_jobs_are_counted_together(cloud: Cloud, store: str) -> None:
    """One client, two transports, one run: equal jobs are two jobs, also when it is begun again."""

    async def later(client: Any) -> Any:
        async with client:
            return await create_job.asyncio(client=client, body=payload("same"))

    ids = []
    for _ in range(2):
        with ionq(cloud, run="both", store=store) as client:
            ids.append([submit(client, "same").id, asyncio.run(later(client)).id])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


# ------------------------------------------------------------------------ ionworks


def test_records_of_ionworks_are_made_once(lab: Lab, store: str) -> None:
    """Its `create` raises a 409 for a name that is there; in a run it gives the same record, and a
    lost one is found."""
    before, run = lab.created["cell_specs"], {"run": "night", "store": store}
    names = [lab.name(), lab.name()]
    with (
        works(lab, **run) as client,
        losing(lab, "/cell_specifications"),
        pytest.raises(ionworks.IonworksError),
    ):
        client.cell_spec.create({"name": names[0]})
    ids = []
    for _ in range(2):
        with works(lab, **run) as client:
            ids.append([client.cell_spec.create({"name": name}).id for name in names])
    assert ids[0] == ids[1]
    assert lab.created["cell_specs"] == before + 2


def test_a_large_body_is_the_same_one_though_it_is_packed_anew(lab: Lab, store: str) -> None:
    """Ionworks' client packs it by gzip, which writes the time of day into it."""
    name, ids = lab.name(), []
    for _ in range(2):
        with works(lab, run="night", store=store) as client:
            ids.append(client.cell_spec.create({"name": name, "notes": "n" * 600_000}).id)
    assert ids[0] == ids[1]


def test_a_record_that_is_there_is_given_by_plain_create(lab: Lab) -> None:
    """`failwell.options(get_existing=True)` around an SDK's call that knows no such thing."""
    name = lab.name()
    with works(lab) as client:
        made = client.cell_spec.create({"name": name})
        with pytest.raises(ionworks.IonworksError):
            client.cell_spec.create({"name": name})
        with failwell.options(get_existing=True):
            assert client.cell_spec.create({"name": name}).id == made.id


# ------------------------------------------------------------------------- flowbio


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    """A file of reads, in two chunks."""
    path = tmp_path / "reads.fastq"
    path.write_bytes(READS)
    return path


def test_an_upload_to_flow_goes_on(platform: Platform, store: str, reads: Path) -> None:
    """A chunk was lost, and the process ended: begun again it logs in anew, sends that chunk under
    its key, and there is one file, however often."""
    before, run = platform.created["data"], {"run": "night", "store": store}
    with (
        flow2(platform, **run) as client,
        losing(platform, "/upload"),
        pytest.raises(failwell.APIConnectionError),
    ):
        client.data.upload_data(reads)
    ids = []
    for _ in range(2):
        with flow2(platform, **run) as client:
            ids.append(client.data.upload_data(reads).id)
    assert ids[0] == ids[1]
    assert platform.created["data"] == before + 1


def test_what_flow_refused_for_its_token_counts_once(
    platform: Platform, store: str, reads: Path
) -> None:
    """Its client renews a token that is over and sends the call again, as a call of its own."""
    before, ids = platform.created["data"], []
    with flow2(platform, run="night", store=store) as client:
        with platform.limited(access_token_seconds=0):
            client.log_in(flowbio.v2.UsernamePasswordCredentials(**platform.users["alice"]))
        ids.append(client.data.upload_data(reads).id)
    with flow2(platform, run="night", store=store) as client:
        ids.append(client.data.upload_data(reads).id)
    assert ids[0] == ids[1]
    assert platform.created["data"] == before + 1


def test_a_mutation_of_flow_is_sent_once(platform: Platform, store: str, reads: Path) -> None:
    """GraphQL takes no keys: begun again, its log-in is a new one, and the answers to all other
    mutations are those that were kept."""
    before, ids = platform.created["data"], []
    for _ in range(2):
        with flow1(platform, run="night", store=store) as client:
            ids.append(client.upload_data(str(reads), chunk_size=len(READS) // 2 + 1)["id"])
    assert ids[0] == ids[1]
    assert platform.created["data"] == before + 1


def test_a_lost_mutation_of_flow_stops_the_script(
    platform: Platform, store: str, reads: Path
) -> None:
    """Nobody can ask after it: it is not sent again, and the error says so."""
    before, run = platform.created["data"], {"run": "night", "store": store}
    with (
        flow1(platform, **run) as client,
        losing(platform, "/graphql"),
        pytest.raises(failwell.APIConnectionError),
    ):
        client.upload_data(str(reads))
    with (
        flow1(platform, **run) as client,
        pytest.raises(failwell.APIConnectionError, match="in the run 'night'") as caught,
    ):
        client.upload_data(str(reads))
    assert caught.value.outcome == "unknown"
    assert platform.created["data"] == before + 1


# ----------------------------------------------------------------- what it refuses


def test_a_run_needs_a_store(cloud: Cloud) -> None:
    """And a name; the client is as it was."""
    client = ionq_core.IonQClient(api_key=cloud.keys["key"], base_url=cloud.base)
    before = client.get_httpx_client()._transport
    for bad in ({"run": "night"}, {"run": "", "store": "sqlite:///:memory:"}):
        with pytest.raises(failwell.InvalidRequestError, match="run"):
            failwell.adopt(client, **bad)
    assert client.get_httpx_client()._transport is before
    assert "failwell" not in repr(vars(before))
    client.get_httpx_client().close()


# --------------------------------------------------------------------- explanations


def explained(call: Callable[[], Any], error: type[Exception]) -> failwell.Explanation:
    """What the exception that a call raises is explained as."""
    with pytest.raises(error) as caught:
        call()
    assert not isinstance(caught.value, failwell.FailwellError)
    return failwell.explain(caught.value)


def test_ionqs_errors_are_explained(cloud: Cloud) -> None:
    """Sync and async: what came of it, the request id, what to do."""
    bad = CircuitJobCreationPayload.from_dict(job(backend="no-such-backend"))

    async def later(client: Any) -> Any:
        async with client:
            return await create_job.asyncio(client=client, body=bad)

    with ionq(cloud) as client:
        tellings = [
            explained(lambda: create_job.sync(client=client, body=bad), ionq_core.APIError),
            explained(lambda: asyncio.run(later(client)), ionq_core.APIError),
        ]
    for told in tellings:
        assert (told.api, told.outcome, told.retry) == ("ionq", "not_started", "no")
        assert told.happened.startswith("IonQ answered")
        assert told.request_id
        assert told.request_id in told.ask


def test_a_failure_that_proves_nothing_is_not_taken_for_a_refusal(cloud: Cloud) -> None:
    """A 500 to a job: IonQ's own error says "ServerError", failwell's account that it may run."""
    fault = {"fault": "status", "status": 500, "committed": True, "match": {"method": "POST"}}
    cloud.suffer(fault)
    with (
        ionq(cloud, contract=msgspec.structs.replace(IONQ, look_up=None)) as client,
        pytest.raises(ionq_core.ServerError) as caught,
    ):
        submit(client, "five hundred")
    cloud.suffer()
    account: Any = caught.value.failwell  # type: ignore[attr-defined]
    assert account.outcome == "unknown"
    assert failwell.explain(caught.value).retry == "settle"


def test_an_account_is_of_its_own_call(cloud: Cloud) -> None:
    """What fails before anything is sent is told no account of the call before it."""
    with ionq(cloud) as client:
        explained(lambda: get_job.sync("no-such-job", client=client), ionq_core.NotFoundError)
        http = client.get_httpx_client()
        with pytest.raises(AttributeError) as caught:
            http._transport.handle_request(None)
    assert not hasattr(caught.value, "failwell")


def test_ionworks_errors_are_explained(lab: Lab) -> None:
    """A 409 and a fault."""
    name = lab.name()
    with works(lab) as client:
        client.cell_spec.create({"name": name})
        clash = explained(lambda: client.cell_spec.create({"name": name}), ionworks.IonworksError)
        missing = explained(lambda: client.cell_spec.get("x"), ionworks.IonworksError)
        with losing(lab, "/protocols*"):
            lost = explained(lambda: client.post("/protocols/parse", {}), ionworks.IonworksError)
    assert (clash.api, clash.code, clash.outcome) == ("ionworks", "CONFLICT", "not_started")
    assert clash.request_id
    assert missing.status == 404
    assert (lost.retry, lost.outcome) == ("settle", "unknown")


def test_flows_errors_are_explained(platform: Platform) -> None:
    """Of both its clients, a refusal that comes with 200 included."""
    with flow2(platform) as client:
        missing = explained(lambda: client._transport.get("/samples/999999"), FlowApiError)
    with flow1(platform) as client:
        unknown = explained(lambda: client.sample("999999"), flowbio.client.GraphQlError)
    for told in (missing, unknown):
        assert (told.api, told.code) == ("flow", "NOT_FOUND")
        assert told.request_id
