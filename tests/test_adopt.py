"""The official SDKs' own client objects, before and after they are adopted, over real HTTP."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import requests

import failwell
from clients.fault_server import Act, Seen, Server
from clients.world import API
from failwell.adoption import Adoption, AdoptionError, AdoptionWarning, over_httpx, over_requests
from failwell.apis.ionq.contract import IONQ
from failwell.clients.httpx import AsyncTransport, Transport
from failwell.clients.requests import Adapter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import flowbio
    import flowbio.v2
    import httpx_retries
    import ionq_core
    import ionworks
    from flowbio.v2.exceptions import FlowApiError
    from ionq_core.api.default import create_job, get_job_cost
    from ionq_core.models.job_creation_response import JobCreationResponse

LOST = Act("reset")
KEY = "key-0123456789abcdef"
HASTY = failwell.Policy(retry=failwell.Retry(base=0.0, fast_base=0.0), breaker=None, governor=None)
JOB = {"type": "ionq.circuit.v1", "backend": "simulator", "input": {"qubits": 1, "circuit": []}}
CREATED = Act(status=201, body=b'{"id": "job_1", "status": "submitted", "session_id": null}')


class Payload:
    """What `create_job` takes: anything that can turn itself into JSON."""

    def to_dict(self) -> dict[str, Any]:
        return JOB


OPEN = ExitStack()
"""What the SDKs' clients leave open, until the test is over."""


@pytest.fixture(autouse=True)
def _alone_and_closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield
    OPEN.close()


def ionq(server: Server, **settings: Any) -> Any:
    with pytest.warns(UserWarning, match="cleartext"):
        client = ionq_core.IonQClient(api_key=KEY, base_url=server.url, **settings)
    OPEN.callback(client.get_httpx_client().close)
    return client


def ionq_write(client: Any) -> Any:
    return create_job.sync(client=client, body=Payload())  # type: ignore[arg-type]


def ionq_write_async(client: Any) -> Any:
    async def main() -> Any:
        async with client:
            return await create_job.asyncio(client=client, body=Payload())  # type: ignore[arg-type]

    return asyncio.run(main())


def works(server: Server) -> Any:
    client = ionworks.Ionworks(api_key=KEY, api_url=server.url, timeout=5)
    OPEN.enter_context(client.session)
    return client


def works_write(client: Any) -> Any:
    return client.post("/cell_specifications", {"name": "cell"})


def flow2(server: Server) -> Any:
    config = flowbio.v2.ClientConfig(show_progress=False)
    client = flowbio.v2.Client(server.url, config=config)
    client.log_in(flowbio.v2.TokenCredentials(KEY))
    OPEN.enter_context(client._transport._client)
    return client


def flow2_write(client: Any) -> Any:
    return client.post_raw("/samples/create", b'{"name": "sample"}')


def flow1(server: Server) -> Any:
    client = flowbio.Client(server.url + "/graphql")
    OPEN.enter_context(client.session)
    return client


def flow1_write(client: Any) -> Any:
    return client.execute("mutation { runPipeline }", retries=1)


WRITES = [
    pytest.param(ionq, ionq_write, 2, id="ionq"),
    pytest.param(ionq, ionq_write_async, 2, id="ionq-async"),
    pytest.param(works, works_write, 2, id="ionworks"),
    pytest.param(flow2, flow2_write, 1, id="flow-v2"),
    pytest.param(flow1, flow1_write, 2, id="flow-v1"),
]
SDK_ERRORS = (
    ionq_core.IonQError,
    ionworks.IonworksError,
    httpx.HTTPError,
    requests.RequestException,
)
Make = Callable[[Server], Any]
Write = Callable[[Any], Any]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that led to it, also where an SDK hides them from the traceback."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def fault_in(error: BaseException) -> failwell.APIConnectionError:
    return next(e for e in chain(error) if isinstance(e, failwell.APIConnectionError))


# ------------------------------------------------------------------ the lost answer


@pytest.mark.parametrize(("make", "write", "times"), WRITES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_before_it_sends_a_write_again(
    make: Make, write: Write, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each SDK does by itself when the answer is lost: all but one pay twice."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("httpx_retries.retry.time.sleep", lambda _: None)
    with Server([LOST, CREATED]) as server:
        client = make(server)
        with suppress(*SDK_ERRORS):
            write(client)
        assert server.done == times


@pytest.mark.parametrize(("make", "write", "times"), WRITES)
def test_adopted_it_sends_a_write_once(make: Make, write: Write, times: int) -> None:
    """The error, or one of those that led to it, is failwell's: nobody knows what came of it."""
    contract = msgspec.structs.replace(API, idempotency=failwell.Idempotency(header=None))
    with Server([LOST]) as server:
        client = make(server)
        assert failwell.adopt(client, contract=contract, policy=HASTY) is client
        with pytest.raises(SDK_ERRORS) as caught:
            write(client)
        assert (server.done, len(server.requests)) == (1, 1)
    assert fault_in(caught.value).outcome == "unknown"


@pytest.mark.parametrize(("make", "write", "times"), WRITES[3:4])
def test_adopted_it_uses_the_keys_that_its_api_honours(
    make: Make, write: Write, times: int
) -> None:
    """Flow's REST takes keys: the second attempt carries the first one's, and counts once."""
    with Server([LOST], honours_keys=True) as server:
        client = failwell.adopt(make(server), policy=HASTY)
        write(client)
        assert (server.done, len(server.requests)) == (1, 2)
        assert server.keys[0] == server.keys[1] is not None


def _listing(seen: Seen) -> Act:
    """IonQ's list of jobs, with the one whose tag is asked after."""
    job = {"id": "job_1", "status": "ready", "session_id": None, "metadata": json.loads(MADE[-1])}
    return Act(status=200, body=json.dumps({"jobs": [job], "next": None}).encode())


def _lost_job(seen: Seen) -> Act:
    MADE.append(json.dumps(json.loads(seen.body)["metadata"]))
    return LOST


MADE: list[str] = []
"""The metadata of the jobs that were made, and whose answers were lost."""


@pytest.mark.parametrize("write", [ionq_write, ionq_write_async], ids=["sync", "async"])
def test_adopted_ionq_finds_a_lost_job_by_its_tag(write: Write) -> None:
    """The SDK gets its own model of the job, which was sent once."""
    with Server([_lost_job, _listing]) as server:
        client = failwell.adopt(ionq(server), policy=HASTY)
        job = write(client)
        assert server.done == 1
    assert isinstance(job, JobCreationResponse)
    assert (job.id, job.status) == ("job_1", "ready")


def test_adopted_ionworks_sends_what_its_names_keep_single() -> None:
    """A specification that is not there is sent again: the server would refuse a second one."""
    empty = Act(status=200, body=b'{"items": []}')
    with Server([Act("reset", commit=False), empty]) as server:
        works_write(failwell.adopt(works(server), policy=HASTY))
        assert [seen.method for seen in server.requests] == ["POST", "GET", "POST"]
        assert server.done == 1


# ----------------------------------------------------------- the SDK's own exceptions


def test_ionqs_exceptions_work_on() -> None:
    """A status is its `APIError`, a fault its `APIConnectionError`, caused by failwell's."""
    body = {"error": "Not Found Error", "message": "No such job", "statusCode": 404}
    missing = Act(status=404, body=json.dumps(body).encode())
    with Server([missing, LOST]) as server:
        client = failwell.adopt(ionq(server), policy=msgspec.structs.replace(HASTY, retry=None))
        with pytest.raises(ionq_core.NotFoundError, match="No such job") as refused:
            get_job_cost.sync("job_1", client=client)
        with pytest.raises(ionq_core.APIConnectionError, match=r"^ReadError: ") as lost:
            ionq_write(client)
    assert refused.value.status_code == 404
    assert isinstance(lost.value.__cause__, IONQ.exceptions[failwell.Kind.CONNECTION])
    assert isinstance(lost.value.__cause__, httpx.ReadError)


def test_ionqs_outage_is_waited_out() -> None:
    """A read that meets a 503 is asked for again by us, and not by httpx-retries."""
    away = Act(status=503, body=b"{}", headers=(("Retry-After", "0"),))
    with Server([away] * 4) as server:
        client = failwell.adopt(ionq(server), policy=HASTY)
        response = client.get_httpx_client().get("/whoami")
        assert len(server.requests) == 5
    assert response.status_code == 200


def test_ionworks_exceptions_work_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Statuses with their data, the printed correlation id, and faults without a status."""
    body = b'{"error_code": "CONFLICT", "message": "Taken", "detail": {"existing_id": "7"}}'
    taken = Act(status=409, body=body, headers=(("x-correlation-id", "c-1"),))
    unseen = Act(status=500, body=b"{}")
    with Server([taken, LOST, unseen]) as server:
        client = failwell.adopt(works(server), policy=msgspec.structs.replace(HASTY, retry=None))
        with pytest.raises(ionworks.IonworksError) as refused:
            works_write(client)
        with pytest.raises(ionworks.IonworksError) as lost:
            works_write(client)
    assert refused.value.status_code == 409
    assert refused.value.data is not None
    assert refused.value.data["detail"] == {"existing_id": "7"}
    assert capsys.readouterr().out == "x-correlation-id: c-1\n"
    assert lost.value.status_code is None
    assert fault_in(lost.value).outcome == "unknown"


def test_ionworks_reads_and_files_work_on() -> None:
    """JSON is decoded as before, and a download that is no JSON is handed over."""
    parquet = Act(status=200, body=b"PAR1", content_type="application/octet-stream")
    with Server([LOST, parquet]) as server:
        client = failwell.adopt(works(server), policy=HASTY)
        assert client.request_raw("GET", "/file") == b"PAR1"
        assert client.get("/users/me") == {"read": True}
        assert len(server.requests) == 3


def test_flow_v2s_exceptions_work_on() -> None:
    """A problem document is its `FlowApiError`; a fault is httpx's own and failwell's."""
    body = {"title": "Invalid", "detail": "No such type", "code": "validation_error"}
    invalid = Act(
        status=422, body=json.dumps(body).encode(), content_type="application/problem+json"
    )
    with Server([invalid, LOST, LOST]) as server:
        client = failwell.adopt(flow2(server), policy=msgspec.structs.replace(HASTY, retry=None))
        with pytest.raises(FlowApiError, match="No such type") as refused:
            flow2_write(client)
        with pytest.raises(httpx.ReadError) as lost:
            flow2_write(client)
    assert refused.value.code == "validation_error"
    assert isinstance(lost.value, failwell.APIConnectionError)
    assert isinstance(lost.value, ConnectionError)


def test_flow_v1s_exceptions_work_on() -> None:
    """GraphQL's errors come with 200, and are its `GraphQlError` as before."""
    body = {"data": None, "errors": [{"message": "No", "extensions": {"code": "NOT_FOUND"}}]}
    with Server([Act(status=200, body=json.dumps(body).encode())]) as server:
        client = failwell.adopt(flow1(server), policy=HASTY)
        with pytest.raises(flowbio.client.GraphQlError, match="NOT_FOUND"):
            flow1_write(client)
        assert len(server.requests) == 1


# ----------------------------------------------------------- the SDK's own retry layers


def test_it_tells_what_it_did() -> None:
    """`tell` is given a summary that names each layer."""
    told: list[Adoption] = []
    with Server() as server:
        failwell.adopt(ionq(server), tell=told.append)
        failwell.adopt(works(server), tell=told.append)
        failwell.adopt(flow2(server), tell=told.append)
        failwell.adopt(flow1(server), tell=told.append)
    assert [adoption.sdk for adoption in told] == [
        "ionq-core", "ionworks-api", "flowbio v2", "flowbio v1",
    ]  # fmt: skip
    assert [adoption.contract for adoption in told] == ["ionq", "ionworks", "flow", "flow"]
    over_ionq, over_works, over_flow2, over_flow1 = map(str, told)
    assert "mounted: Transport over httpx's HTTPTransport" in over_ionq
    assert "mounted: AsyncTransport over httpx's AsyncHTTPTransport" in over_ionq
    assert "httpx-retries' 2 retries of DELETE, GET, HEAD, OPTIONS, POST, PUT, TRACE" in over_ionq
    assert "switched off: urllib3's 5 retries (_ConnectAbortRetry)" in over_works
    assert "tenacity's 3 retries of a connection" in over_flow2
    assert "tenacity's 3 retries of a chunk" in over_flow2
    assert "kirjava's retries" in over_flow1
    assert "left as it is: upload_sample" in over_flow1


def test_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Without `tell`, the summary is a line of the logger "failwell", without a secret."""
    with Server() as server, caplog.at_level(logging.INFO, "failwell"):
        failwell.adopt(works(server))
    assert "adopted ionworks-api under the contract 'ionworks'" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(("make", "write", "times"), WRITES)
def test_to_adopt_twice_is_to_adopt_anew(make: Make, write: Write, times: int) -> None:
    """The later settings hold, and nothing is retried twice over."""
    away = Act(status=503, body=b"{}")
    two = msgspec.structs.replace(HASTY, retry=failwell.Retry(max_retries=1, base=0.0))
    told: list[Adoption] = []
    with Server([away] * 9, listening=False) as server:
        client = failwell.adopt(make(server), policy=HASTY)
        failwell.adopt(client, policy=two, tell=told.append)
        with pytest.raises(SDK_ERRORS) as caught:
            write(client)
    assert len(fault_in(caught.value).attempts) == 2
    assert told[0].switched_off == ()


def test_a_flow_upload_is_not_sent_again_by_flowbio(tmp_path: Path) -> None:
    """A chunk is resent by failwell alone, under one key."""
    file = tmp_path / "reads.fastq"
    file.write_bytes(b"@read\nACGT\n")
    away = Act(status=503, body=b"{}", commit=False)
    with Server([away] * 9) as server:
        once = msgspec.structs.replace(HASTY, retry=failwell.Retry(max_retries=1, base=0.0))
        client = failwell.adopt(flow2(server), policy=once)
        with pytest.raises(FlowApiError):
            client.data.upload_data(file)
        assert len(server.requests) == 2
        assert server.keys[0] == server.keys[1]


def test_a_copy_with_more_headers_is_adopted_too() -> None:
    """`with_headers` of a generated client keeps the transport that was adopted."""
    with Server([LOST]) as server:
        client = failwell.adopt(ionq(server)).with_headers({"X-Trace": "1"})
        OPEN.callback(client.get_httpx_client().close)
        with pytest.raises(ionq_core.APIConnectionError):
            ionq_write(client)
        assert server.done == 1
        assert {seen.headers["x-trace"] for seen in server.requests} == {"1"}
        assert server.requests[0].headers["x-trace"] == "1"


def test_ionqs_extensions_stay_above() -> None:
    """Hooks of a downstream SDK see one request and one answer per call."""
    seen: list[str] = []

    class Hook:
        def on_request(self, request: httpx.Request) -> None:
            seen.append(request.method)

        def on_response(self, request: httpx.Request, response: httpx.Response) -> None:
            seen.append(str(response.status_code))

    away = Act(status=503, body=b"{}")
    with Server([away]) as server:
        extension = ionq_core.ClientExtension(event_hooks=(Hook(),))
        client = failwell.adopt(ionq(server, extension=extension), policy=HASTY)
        client.get_httpx_client().get("/whoami")
        assert len(server.requests) == 2
    assert seen == ["GET", "200"]


# ----------------------------------------------------------------- bare HTTP clients


def test_a_bare_httpx_client_is_adopted() -> None:
    """With its mounts, and the connection retries of its transport switched off."""
    told: list[Adoption] = []
    mounts = {"http://": httpx.HTTPTransport(retries=3), "https://": None}
    with Server([LOST]) as server, httpx.Client(base_url=server.url, mounts=mounts) as client:
        failwell.adopt(client, policy=HASTY, tell=told.append)
        assert client.get("/jobs/1").json() == {"read": True}
        assert len(server.requests) == 2
    assert told[0].switched_off == ("httpx's 3 retries of a connection",)
    assert told[0].contract == failwell.GENERIC.name


def test_a_bare_async_httpx_client_is_adopted() -> None:
    """The same in the async world."""

    async def main(server: Server) -> Any:
        async with httpx.AsyncClient(base_url=server.url) as client:
            failwell.adopt(client, policy=HASTY)
            assert isinstance(client._transport, AsyncTransport)
            return (await client.get("/jobs/1")).json()

    with Server([LOST]) as server:
        assert asyncio.run(main(server)) == {"read": True}


def test_a_bare_session_is_adopted() -> None:
    """With every adapter that is mounted on it."""
    with Server([LOST]) as server, requests.Session() as session:
        failwell.adopt(session, policy=HASTY)
        assert session.get(server.url + "/jobs/1").json() == {"read": True}
        assert all(isinstance(adapter, Adapter) for adapter in session.adapters.values())
        assert list(session.adapters) == ["https://", "http://"]


def test_a_subclass_of_a_known_client_is_known() -> None:
    """Downstream SDKs derive from them."""

    class Mine(httpx.Client):
        """Somebody's own client."""

    with Mine() as client:
        failwell.adopt(client)
        assert isinstance(client._transport, Transport)


def test_a_retry_layer_that_is_not_known_is_warned_of() -> None:
    """It stays above, each of its retries being a call of its own, and that is said."""

    class RetryingTransport(httpx.BaseTransport):
        def __init__(self) -> None:
            self.below = httpx.HTTPTransport()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return self.below.handle_request(request)

    transport = RetryingTransport()
    with httpx.Client(transport=transport) as client:
        with pytest.warns(AdoptionWarning, match="RetryingTransport"):
            failwell.adopt(client)
        assert client._transport is transport
        assert isinstance(transport.below, Transport)


def test_a_retry_layer_of_httpx_retries_is_known_anywhere() -> None:
    """Also outside IonQ's client."""
    told: list[Adoption] = []
    with httpx.Client(transport=httpx_retries.RetryTransport()) as client:
        failwell.adopt(client, tell=told.append)
    assert "httpx-retries' 10 retries" in str(told[0])


@pytest.mark.parametrize("thing", [object(), None, "https://api.example.org", failwell.Client])
def test_anything_else_is_refused(thing: object) -> None:
    """The error says what is known, and how to go on by hand."""
    with pytest.raises(AdoptionError) as caught:
        failwell.adopt(thing)
    for words in ("ionworks.client.Ionworks", "Transport(contract=...)", "session.mount"):
        assert words in str(caught.value)


def test_every_public_part_is_explained() -> None:
    """Each public function and class of the room has its docstring."""
    for module in (over_httpx, over_requests):
        assert inspect.getdoc(module)
        assert inspect.getdoc(module.mount)
