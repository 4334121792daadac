"""What the official client, `ionq-core`, must live through against the sandbox, unchanged.

Run as a script of its own: base URL, the three keys and the URL of the controls are its arguments.
It ends with "well" where everything was as the client's own documentation says.
"""

# ruff: noqa: PT017 (there is no pytest where it runs)
from __future__ import annotations

import asyncio
import datetime
import json
import sys
import urllib.request
import warnings
from collections.abc import Callable
from typing import Any

import httpx
import ionq_core as ionq
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

BASE, KEY, SIMULATOR_ONLY, REVOKED, CONTROLS = sys.argv[1:6]
FORTE = "qpu.forte-1"
BELL = [GateQisGate(gate="h", target=0), GateQisGate(gate="cnot", targets=[1], controls=[0])]

warnings.filterwarnings("ignore", "base_url", UserWarning)


def client(**settings: Any) -> ionq.AuthenticatedClient:
    return ionq.IonQClient(**({"api_key": KEY, "base_url": BASE} | settings))


def payload(qubits: int = 2, backend: str = "simulator", **more: Any) -> CircuitJobCreationPayload:
    circuit = QisCircuitInput(qubits=qubits, gateset="qis", circuit=BELL)
    return CircuitJobCreationPayload(
        backend=backend, type_="ionq.circuit.v1", input_=circuit, **more
    )


def control(method: str, path: str, body: Any) -> None:
    fields = {"Content-Type": "application/json"}
    data = json.dumps(body).encode()
    request = urllib.request.Request(CONTROLS + path, data, fields, method=method)
    urllib.request.urlopen(request).close()


def component(name: str, state: str) -> None:
    control("POST", f"/components/{name}", {"state": state})


def failing(call: Callable[[], Any], cls: type[ionq.IonQError], status: int | None = None) -> Any:
    """The exception of a call, which is exactly of this class."""
    try:
        got = call()
    except ionq.IonQError as error:
        assert type(error) is cls, repr(error)
        assert status is None or getattr(error, "status_code", None) == status, repr(error)
        assert status is None or getattr(error, "request_id", None), repr(error)
        return error
    raise AssertionError(f"{cls.__name__} expected, not {got!r}")


def circuits(own: Any) -> None:
    made = create_job.sync(client=own, body=payload(metadata=JobMetadata.from_dict({"a": "b"})))
    assert (made.status, made.session_id) == ("submitted", None)
    done = ionq.wait_for_job(own, made.id, poll_interval=0.05)
    assert isinstance(done, SingleCircuitJob)
    assert (done.status, done.metadata.to_dict()) == ("completed", {"a": "b"})
    found = get_job_probabilities.sync(made.id, client=own)
    assert found.to_dict() == {"0": 0.5, "3": 0.5}
    native = [GateNativeGate(gate="ms", targets=[0, 1], phases=[0, 0])]
    body = payload()
    body.input_ = NativeCircuitInput(circuit=native, gateset="native", qubits=2)
    made = create_job.sync(client=own, body=body)
    ionq.wait_for_job(own, made.id, poll_interval=0.05)
    assert get_job_probabilities.sync(made.id, client=own).to_dict() == {"0": 0.5, "3": 0.5}


def programs(own: Any) -> None:
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


def polling(own: Any) -> None:
    wide = create_job.sync(client=own, body=payload(30))
    try:
        ionq.wait_for_job(own, wide.id, poll_interval=0.05)
    except ionq.JobFailedError as error:
        assert error.failure.code == "NotEnoughQubits"
    else:
        raise AssertionError("a job that is too wide must fail")
    long = payload(15)
    long.input_.circuit = [GateQisGate(gate="h", targets=list(range(15)))] * 2000
    made = create_job.sync(client=own, body=long)
    failing(
        lambda: ionq.wait_for_job(own, made.id, poll_interval=0.05, timeout=0.2),
        ionq.JobTimeoutError,
    )
    assert cancel_job.sync(made.id, client=own).status == "canceled"
    assert ionq.wait_for_job(own, made.id).status == "canceled"


def lists(own: Any) -> None:
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


def sessions(own: Any) -> str:
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
    organization: str = get_sessions.sync(client=own).organization_id
    return organization


def machines(own: Any, organization: str) -> None:
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


def refusals(own: Any) -> None:
    wrong = failing(lambda: submit(own, shots=0), ionq.BadRequestError, 400)
    assert wrong.body["validation"] == {"keys": ["shots"], "source": "body"}
    revoked, narrow = client(api_key=REVOKED), client(api_key=SIMULATOR_ONLY)
    failing(lambda: submit(revoked), ionq.AuthenticationError, 401)
    failing(lambda: submit(narrow, backend=FORTE), ionq.PermissionDeniedError, 403)
    failing(lambda: get_job.sync("nope", client=own), ionq.NotFoundError, 404)
    control("PUT", "/limits", {"max_gates": 1})
    failing(lambda: submit(own), ionq.APIError, 413)
    control("PUT", "/limits", {"max_gates": 1000, "requests_per_minute": 1})
    limited = failing(lambda: get_whoami.sync(client=own), ionq.RateLimitError, 429)
    assert 0 < limited.retry_after <= 60
    control("PUT", "/limits", {"requests_per_minute": 100_000})


def submit(own: Any, **members: Any) -> Any:
    return create_job.sync(client=own, body=payload(**members))


def outages(once: Any, patient: Any) -> None:
    component("simulator", "stopped")
    failing(lambda: submit(once), ionq.ServerError, 503)
    component("simulator", "running")
    component("store", "stopped")
    failing(lambda: get_whoami.sync(client=once), ionq.ServerError, 500)
    component("store", "running")
    control("PUT", "/faults", [{"fault": "status", "status": 503, "times": 1}])
    assert get_whoami.sync(client=patient).key_name
    nowhere = client(base_url="http://127.0.0.1:9", max_retries=0)
    refused = failing(lambda: get_whoami.sync(client=nowhere), ionq.APIConnectionError)
    assert isinstance(refused.__cause__, httpx.ConnectError)
    control("PUT", "/faults", [{"fault": "delay", "seconds": 1.0, "times": 1}])
    hasty = client(max_retries=0, timeout=httpx.Timeout(0.2))
    slow = failing(lambda: get_whoami.sync(client=hasty), ionq.APITimeoutError)
    assert isinstance(slow.__cause__, httpx.TimeoutException)


async def in_async() -> None:
    async with client(max_retries=0) as own:
        made = await create_job.asyncio(client=own, body=payload(name="async"))
        done = await ionq.async_wait_for_job(own, made.id, poll_interval=0.05)
        assert (done.status, done.name) == ("completed", "async")
        found = [job.id async for job in ionq.aiter_jobs(own, limit=3)]
        assert found[0] == made.id
        async with ionq.SessionManager(own, FORTE) as manager:
            assert await manager.async_status() == "created"
        try:
            await get_job.asyncio("nope", client=own)
        except ionq.NotFoundError as error:
            assert error.request_id
        else:
            raise AssertionError("an unknown job must be 404")


def main() -> None:
    once, patient = client(max_retries=0), client()
    circuits(once)
    programs(once)
    polling(once)
    lists(once)
    machines(once, sessions(once))
    refusals(once)
    outages(once, patient)
    asyncio.run(in_async())
    print("well")


main()
