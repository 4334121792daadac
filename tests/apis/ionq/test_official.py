"""The official client, `ionq-core`, unchanged and adopted, against the sandbox: circuits, programs,
polling, pages, sessions, and every one of its error classes."""

from __future__ import annotations

import asyncio
import datetime
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest

import failwell
from apis.ionq.conftest import ONCE, QUICK, Cloud
from apis.ionq.test_simulator import circuit
from failwell.apis.ionq.simulator.gates import matrix
from failwell.clients import origin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ionq_core as ionq
    from ionq_core import gates
    from ionq_core.api.backends import get_backend, get_backends
    from ionq_core.api.characterizations import (
        get_characterization,
        get_characterizations_for_backend,
    )
    from ionq_core.api.default import (
        cancel_job,
        cancel_jobs,
        create_job,
        delete_job,
        delete_jobs,
        end_session,
        estimate_job_cost,
        get_job,
        get_job_cost,
        get_job_probabilities,
        get_session,
        get_sessions,
    )
    from ionq_core.api.usage import get_usages
    from ionq_core.api.whoami import get_whoami
    from ionq_core.models import (
        CircuitJobCreationPayload,
        GateNativeGate,
        GateQisGate,
        JobMetadata,
        JobsBulkOperationRequest,
        JSONMultiCircuitJob,
        MultiCircuitJob,
        NativeCircuitInput,
        QASM3Circuit,
        QisCircuitInput,
        SingleCircuitJob,
    )

FORTE = "qpu.forte-1"
BELL = [GateQisGate(gate="h", target=0), GateQisGate(gate="cnot", targets=[1], controls=[0])]
pytestmark = pytest.mark.filterwarnings("ignore:base_url:UserWarning")

Connect = Callable[..., Any]


@pytest.fixture(params=[False, True], ids=["unchanged", "adopted"])
def adopted(request: pytest.FixtureRequest) -> bool:
    """Whether failwell is underneath."""
    return bool(request.param)


@pytest.fixture
def connect(adopted: bool, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Make the official client, with one of the keys."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    cloud.suffer()
    origin.forget()
    with ExitStack() as stack:

        def make(key: str = "key", **settings: Any) -> Any:
            settings = {"api_key": cloud.keys[key], "base_url": cloud.base} | settings
            made = ionq.IonQClient(**settings)
            stack.callback(lambda: made.get_httpx_client().close())
            if adopted:
                failwell.adopt(made, policy=ONCE if "max_retries" in settings else QUICK)
            return made

        yield make


@pytest.fixture
def own(connect: Connect) -> Any:
    """The official client, with a good key and no retries."""
    return connect(max_retries=0)


def payload(qubits: int = 2, backend: str = "simulator", **more: Any) -> CircuitJobCreationPayload:
    circuit = QisCircuitInput(qubits=qubits, gateset="qis", circuit=BELL)
    return CircuitJobCreationPayload(
        backend=backend, type_="ionq.circuit.v1", input_=circuit, **more
    )


def failing(call: Callable[[], Any], cls: type[ionq.IonQError], status: int | None = None) -> Any:
    """The exception of a call, which is exactly of this class."""
    with pytest.raises(ionq.IonQError) as caught:
        call()
    error: Any = caught.value
    assert type(error) is cls
    if status is not None:
        assert error.status_code == status
        assert error.request_id
    return error


def test_circuits(own: Any) -> None:
    """Of both gate sets, with metadata, to true probabilities."""
    made = create_job.sync(client=own, body=payload(metadata=JobMetadata.from_dict({"a": "b"})))
    assert (made.status, made.session_id) == ("submitted", None)
    done = ionq.wait_for_job(own, made.id, poll_interval=0.05)
    assert isinstance(done, SingleCircuitJob)
    assert (done.status, done.metadata["a"]) == ("completed", "b")
    found = get_job_probabilities.sync(made.id, client=own)
    assert found.to_dict() == {"0": 0.5, "3": 0.5}
    native = [GateNativeGate(gate="ms", targets=[0, 1], phases=[0, 0])]
    body = payload()
    body.input_ = NativeCircuitInput(circuit=native, gateset="native", qubits=2)
    made = create_job.sync(client=own, body=body)
    ionq.wait_for_job(own, made.id, poll_interval=0.05)
    assert get_job_probabilities.sync(made.id, client=own).to_dict() == {"0": 0.5, "3": 0.5}


def test_programs(own: Any) -> None:
    """A job of many circuits with a job for each, and OpenQASM."""
    example = {
        "type": "ionq.multi-circuit.v1",
        "backend": "simulator",
        "shots": 500,
        "input": {
            "gateset": "native",
            "qubits": 2,
            "circuits": [
                {"gateset": "qis", "circuit": [gate.to_dict() for gate in BELL]},
                {"circuit": [{"gate": "gpi", "target": 1, "phase": 0.75}]},
            ],
        },
    }
    made = create_job.sync(client=own, body=JSONMultiCircuitJob.from_dict(example))
    done = ionq.wait_for_job(own, made.id, poll_interval=0.05)
    assert isinstance(done, MultiCircuitJob)
    parts = [get_job_probabilities.sync(each, client=own) for each in done.child_job_ids]
    assert [each.to_dict() for each in parts] == [{"0": 0.5, "3": 0.5}, {"2": 1.0}]
    text = "OPENQASM 3.0; qubit[2] q; bit[2] c; x q[0]; cx q[0], q[1]; c = measure q;"
    body = CircuitJobCreationPayload(
        backend="simulator", type_="ionq.qasm3.v1", input_=QASM3Circuit(data=text)
    )
    made = create_job.sync(client=own, body=body)
    ionq.wait_for_job(own, made.id, poll_interval=0.05)
    assert get_job_probabilities.sync(made.id, client=own).to_dict() == {"3": 1.0}


def test_polling(own: Any) -> None:
    """A job that fails, one that takes too long, one that is canceled."""
    wide = create_job.sync(client=own, body=payload(30))
    with pytest.raises(ionq.JobFailedError) as failed:
        ionq.wait_for_job(own, wide.id, poll_interval=0.05)
    assert failed.value.failure.code == "NotEnoughQubits"
    long = payload(15)
    long.input_.circuit = [GateQisGate(gate="h", targets=list(range(15)))] * 2000
    made = create_job.sync(client=own, body=long)
    failing(
        lambda: ionq.wait_for_job(own, made.id, poll_interval=0.05, timeout=0.2),
        ionq.JobTimeoutError,
    )
    assert cancel_job.sync(made.id, client=own).status == "canceled"
    assert ionq.wait_for_job(own, made.id).status == "canceled"


def test_lists(own: Any) -> None:
    """Pages of jobs, newest first; many canceled and deleted at once."""
    ids = [create_job.sync(client=own, body=payload()).id for _ in range(5)]
    found = [job.id for job in ionq.iter_jobs(own, limit=2)]
    assert found[:5] == ids[::-1]
    assert len(found) == len(set(found))
    both = JobsBulkOperationRequest(ids=ids[:2])
    for each in ids:
        ionq.wait_for_job(own, each, poll_interval=0.05)
    assert cancel_jobs.sync(client=own, body=both).ids == []
    assert delete_jobs.sync(client=own, body=both).ids == ids[:2]
    assert delete_job.sync(ids[2], client=own).status == "deleted"
    failing(lambda: get_job.sync(ids[2], client=own), ionq.NotFoundError, 404)


def test_sessions(own: Any) -> None:
    """A session starts with its first job and ends with its manager."""
    with ionq.SessionManager(own, FORTE, max_jobs=3, max_time=10, max_cost=1000) as manager:
        assert manager.status() == "created"
        body = payload(backend=FORTE, session_id=manager.session_id)
        made = create_job.sync(client=own, body=body)
        assert made.session_id == manager.session_id
        assert manager.status() == "started"
        ionq.wait_for_job(own, made.id, poll_interval=0.05)
        jobs = [job.id for job in ionq.iter_session_jobs(own, manager.session_id)]
        assert jobs == [made.id]
        assert get_job_cost.sync(made.id, client=own).cost.unit == "usd"
    ended = get_session.sync(manager.session_id, client=own)
    assert (ended.status, ended.active) == ("ended", False)
    failing(lambda: end_session.sync(ended.id, client=own), ionq.APIError, 409)


def test_machines(own: Any) -> None:
    """Backends, their characterizations, prices, the account, and what it has used."""
    organization = get_sessions.sync(client=own).organization_id
    submit(own)
    assert {each.backend for each in get_backends.sync(client=own)} >= {"simulator", FORTE}
    assert get_backend.sync(FORTE, client=own).qubits == 36
    page = get_characterizations_for_backend.sync(FORTE, client=own)
    newest = page.characterizations[0]
    assert get_characterization.sync(FORTE, newest.id, client=own).date == newest.date
    assert get_whoami.sync(client=own).project_id
    assert estimate_job_cost.sync(client=own, backend=FORTE).estimated_total_cost > 0
    today = datetime.datetime.now(datetime.UTC).date()
    asked: dict[str, Any] = {"start_date": today, "group_by": "user", "modality": "weekly"}
    asked["end_date"] = today + datetime.timedelta(days=2)
    used = get_usages.sync(organization, client=own, **asked)
    assert used.job_count >= 1
    failing(lambda: get_usages.sync("other", client=own, **asked), ionq.PermissionDeniedError, 403)


def test_refusals(own: Any, connect: Connect, cloud: Cloud) -> None:
    """Each 4xx is the exception of its class; an unmapped one is `APIError`."""
    wrong = failing(lambda: submit(own, shots=0), ionq.BadRequestError, 400)
    assert wrong.body["validation"] == {"keys": ["shots"], "source": "body"}
    revoked, narrow = connect("revoked"), connect("simulator_only")
    failing(lambda: submit(revoked), ionq.AuthenticationError, 401)
    failing(lambda: submit(narrow, backend=FORTE), ionq.PermissionDeniedError, 403)
    failing(lambda: get_job.sync("nope", client=own), ionq.NotFoundError, 404)
    with cloud.limited(max_gates=1):
        failing(lambda: submit(own), ionq.APIError, 413)
    with cloud.limited(requests_per_minute=1):
        limited = failing(lambda: get_whoami.sync(client=own), ionq.RateLimitError, 429)
    assert 0 < limited.retry_after <= 60


def submit(own: Any, **members: Any) -> Any:
    return create_job.sync(client=own, body=payload(**members))


def test_outages(own: Any, connect: Connect, cloud: Cloud) -> None:
    """5xx, a refused connection and a timeout, with the transport's error as their cause; its own
    retries outlast a fault."""
    with cloud.stopped("simulator"):
        failing(lambda: submit(own), ionq.ServerError, 503)
    with cloud.stopped("store"):
        failing(lambda: get_whoami.sync(client=own), ionq.ServerError, 500)
    cloud.suffer({"fault": "status", "status": 503, "times": 1})
    assert get_whoami.sync(client=connect()).key_name
    nowhere = connect(base_url="http://127.0.0.1:9", max_retries=0)
    refused = failing(lambda: get_whoami.sync(client=nowhere), ionq.APIConnectionError)
    assert isinstance(refused.__cause__, httpx.ConnectError)
    cloud.suffer({"fault": "delay", "seconds": 1.0, "times": 1})
    hasty = connect(max_retries=0, timeout=httpx.Timeout(0.2))
    slow = failing(lambda: get_whoami.sync(client=hasty), ionq.APITimeoutError)
    assert isinstance(slow.__cause__, httpx.TimeoutException)


def test_a_lost_answer(connect: Connect, cloud: Cloud, adopted: bool) -> None:
    """By itself it sends the job again, which is paid twice; adopted, it is given the first one."""
    before = cloud.created["jobs"]
    job = {"method": "POST", "path": "/jobs"}
    cloud.suffer({"match": job, "fault": "lose_answer", "times": 1})
    made = create_job.sync(client=connect(), body=payload(name="lost"))
    assert get_job.sync(made.id, client=connect()).name == "lost"
    assert cloud.created["jobs"] - before == (1 if adopted else 2)


def test_in_async(connect: Connect) -> None:
    """The same in the async world: jobs, polling, pages, sessions, errors."""
    asyncio.run(in_async(connect(max_retries=0)))


async def in_async(own: Any) -> None:
    async with own:
        made = await create_job.asyncio(client=own, body=payload(name="async"))
        done = await ionq.async_wait_for_job(own, made.id, poll_interval=0.05)
        assert (done.status, done.name) == ("completed", "async")
        found = [job.id async for job in ionq.aiter_jobs(own, limit=3)]
        assert found[0] == made.id
        async with ionq.SessionManager(own, FORTE) as manager:
            assert await manager.async_status() == "created"
        with pytest.raises(ionq.NotFoundError) as missing:
            await get_job.asyncio("nope", client=own)
        assert missing.value.request_id


def test_native_gates_are_ionqs() -> None:
    """Our gpi, gpi2, ms and zz are the matrices that it computes."""
    native = [
        {"gate": "gpi", "target": 0, "phase": 0.37},
        {"gate": "gpi2", "target": 0, "phase": 0.37},
        {"gate": "ms", "targets": [0, 1], "phases": [0.1, 0.6], "angle": 0.17},
        {"gate": "zz", "targets": [0, 1], "angle": 0.3},
    ]
    theirs = [
        gates.gpi_matrix(0.37),
        gates.gpi2_matrix(0.37),
        gates.ms_matrix(0.1, 0.6, 0.17),
        gates.zz_matrix(0.3),
    ]
    ours = [matrix(gate, "native") for gate in circuit(native, 2, "native").operations]
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one, np.array(other))
