"""IonQ's service against its contract: every code has its genuine cause, over real HTTP with a bare
client. The numbers in the docstrings are sections of the contract."""

from __future__ import annotations

import logging
import sqlite3
import uuid
from http import HTTPStatus
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from apis.ionq.conftest import BELL, job
from failwell.apis.ionq import IONQ

LEFT_OUT = object()


def error_of(response: httpx2.Response, status: int, keys: list[str] | None = None) -> str:
    """The message of an error, whose every other part is checked: envelope, id, media type."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["error"] == IONQ.of_status(status).code
    assert body["statusCode"] == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert set(body) - {"validation"} == {"error", "message", "statusCode"}
    if keys is not None:
        assert body["validation"]["keys"] == keys
    assert ("validation" in body) is (status == 400)
    message: str = body["message"]
    assert message
    return message


# --- Who is asking (2) ----------------------------------------------------------------------------


def test_backends_are_public(cloud: Any) -> None:
    """2: the list of backends and each of them need no key, not even while the store is down."""
    with cloud.stopped("store"):
        listed = cloud.call("GET", "/backends", key=None).json()
        names = {"simulator", "qpu.forte-1", "qpu.forte-enterprise-1", "qpu.aria-1", "qpu.aria-2"}
        assert {backend["backend"] for backend in listed} == names
        for backend in listed:
            one = cloud.call("GET", f"/backends/{backend['backend']}", key=None)
            assert one.json() == backend
            assert backend["status"] in ("available", "unavailable", "retired")
    error_of(cloud.call("GET", "/backends/qpu.nope", key=None), 404)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "apiKey",
        "Bearer {key}",
        "{key}",
        "apiKey 0123",
        "apiKey h\u00e4",
        "apiKey ' OR 1=1 --",
    ],
)
def test_a_key_that_is_none(cloud: Any, authorization: str | None) -> None:
    """4: no header, another scheme word, an unknown key: 401, on reads and writes."""
    fields: dict[str, Any] = {}
    if authorization is not None:
        given = authorization.format(key=cloud.keys["key"])
        fields["Authorization"] = given.encode("latin-1")
    for method, path in (("GET", "/whoami"), ("POST", "/jobs"), ("GET", "/jobs/x")):
        response = cloud.call(method, path, key=None, headers=fields)
        error_of(response, 401)
        assert response.headers["www-authenticate"] == "apiKey"


def test_a_revoked_key(cloud: Any) -> None:
    """4: a revoked key is 401."""
    assert "revoked" in error_of(cloud.call("GET", "/whoami", key="revoked"), 401)


def test_whoami(cloud: Any) -> None:
    """7: id and name of the key, and its project: ids are UUIDs."""
    found = cloud.call("GET", "/whoami").json()
    assert set(found) == {"key_id", "key_name", "project_id"}
    assert str(uuid.UUID(found["key_id"])) == found["key_id"]


def test_a_key_without_the_right(cloud: Any) -> None:
    """4: a simulator-only plan reaches no QPU, by job or by session; nothing is created."""
    before = cloud.created
    body = job(backend="qpu.forte-1")
    assert "qpu.forte-1" in error_of(
        cloud.call("POST", "/jobs", key="simulator_only", json=body), 403
    )
    session = {"backend": "qpu.forte-1"}
    error_of(cloud.call("POST", "/sessions", key="simulator_only", json=session), 403)
    assert cloud.created == before
    assert cloud.call("POST", "/jobs", key="simulator_only", json=job()).status_code == 201


# --- Request ids (5) ------------------------------------------------------------------------------


def test_request_ids(cloud: Any) -> None:
    """5: on every answer; the caller's own where it is well-formed."""
    made = cloud.call("GET", "/jobs/nope").headers["x-request-id"]
    assert str(uuid.UUID(made)) == made
    for path in ("/jobs/nope", "/whoami", "/backends", "/nowhere"):
        response = cloud.call("GET", path, headers={"X-Request-Id": "mine-1"})
        assert response.headers["x-request-id"] == "mine-1"
    strange = cloud.call("GET", "/whoami", headers={"X-Request-Id": "two words"})
    assert strange.headers["x-request-id"] != "two words"


# --- 400 (4) --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b'{"type": "ionq.circ',
        b"[]",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b'{"input": ' + b"[" * 100_000,
        b'{"input": {"circuit": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    ],
)
def test_a_body_that_is_not_a_json_object(cloud: Any, body: bytes) -> None:
    """4: not JSON, not an object, not Unicode: 400 on every route that takes a body."""
    before = cloud.created
    for method, path in (
        ("POST", "/jobs"),
        ("POST", "/sessions"),
        ("PUT", "/jobs/status/cancel"),
        ("DELETE", "/jobs"),
    ):
        error_of(cloud.call(method, path, content=body), 400)
    assert cloud.created == before


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"type": LEFT_OUT}, "type"),
        ({"type": "ionq.circuit.v9"}, "type"),
        ({"backend": LEFT_OUT}, "backend"),
        ({"backend": "qpu.nope"}, "backend"),
        ({"backend": "qpu.aria-1"}, "backend"),
        ({"backend": None}, "backend"),
        ({"input": LEFT_OUT}, "input"),
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"shots": 0}, "shots"),
        ({"shots": 1_000_001}, "shots"),
        ({"shots": "many"}, "shots"),
        ({"shots": 10**30}, "shots"),
        ({"shots": 499, "settings": {"error_mitigation": {"debiasing": True}}}, "shots"),
        ({"settings": {"error_mitigation": {"debiasing": 1}}},
         "settings.error_mitigation.debiasing"),
        ({"metadata": {str(n): "v" for n in range(11)}}, "metadata"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 40_001}}, "metadata"),
        ({"metadata": {"k": 1}}, "metadata"),
        ({"noise": {"model": "warm"}}, "noise.model"),
        ({"noise": {"model": "ideal", "seed": 1.5}}, "noise.seed"),
        ({"dry_run": "yes"}, "dry_run"),
        ({"name": 7}, "name"),
        ({"session_id": 7}, "session_id"),
        ({"input": {"qubits": 2, "gateset": "qis"}}, "input.circuit"),
        ({"input": {"qubits": 2, "gateset": "ternary", "circuit": []}}, "input.gateset"),
        ({"input": {"qubits": 0, "gateset": "qis", "circuit": []}}, "input.qubits"),
        ({"input": {"qubits": 10**30, "gateset": "qis", "circuit": []}}, "input.qubits"),
        ({"input": {"qubits": 2, "circuit": BELL, "circuits": []}}, "input.circuits"),
        ({"input": {"qubits": 2, "circuit": [{"target": 0}]}}, "input.circuit[0].gate"),
        ({"input": {"qubits": 2, "circuit": [{"gate": "warp", "target": 0}]}},
         "input.circuit[0].gate"),
        ({"input": {"qubits": 2, "circuit": [*BELL, {"gate": "h", "target": 2}]}},
         "input.circuit[2].target"),
        ({"input": {"qubits": 2, "circuit": [{"gate": "h", "target": 10**400}]}},
         "input.circuit[0].target"),
        ({"input": {"qubits": 2, "circuit": [{"gate": "h", "target": -1}]}},
         "input.circuit[0].target"),
        ({"input": {"qubits": 2, "circuit": [{"gate": "cnot", "target": 0, "control": 2}]}},
         "input.circuit[0].control"),
        ({"input": {"qubits": 2, "circuit": [{"gate": "h", "target": 0, "warp": 1}]}},
         "input.circuit[0].warp"),
        ({"input": {"qubits": 2, "gateset": "native", "circuit": BELL}},
         "input.circuit[0].gate"),
        ({"type": "ionq.multi-circuit.v1", "input": {"gateset": "qis", "circuits": []}},
         "input.circuits"),
        ({"type": "ionq.multi-circuit.v1",
          "input": {"gateset": "qis", "circuits": [{"circuit": BELL}], "circuit": BELL}},
         "input.circuit"),
        ({"type": "ionq.multi-circuit.v1",
          "input": {"gateset": "qis", "qubits": 1, "circuits": [{"circuit": BELL}]}},
         "input.circuits[0].circuit[1].target"),
        ({"type": "ionq.qasm3.v1", "input": {"circuit": BELL}}, "input.data"),
        ({"type": "qctrl.qaoa.v1", "input": 3}, "input"),
    ],
)  # fmt: skip
def test_a_job_with_a_wrong_member(cloud: Any, change: dict[str, Any], key: str) -> None:
    """4: whatever is wrong is named in `validation.keys` and in the message; nothing is created."""
    body = {name: value for name, value in (job() | change).items() if value is not LEFT_OUT}
    before = cloud.created
    response = cloud.call("POST", "/jobs", json=body)
    assert key in error_of(response, 400, [key])
    assert response.json()["validation"]["source"] == "body"
    assert response.headers["failwell-outcome"] == "not_started"
    assert cloud.created == before


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=26", "limit"),
        ("/jobs?limit=many", "limit"),
        ("/jobs?status=running", "status"),
        ("/jobs?next=nope", "next"),
        ("/sessions?active=perhaps", "active"),
        ("/backends/qpu.forte-1/characterizations?limit=11", "limit"),
        ("/backends/qpu.forte-1/characterizations?page=0", "page"),
        ("/backends/qpu.forte-1/characterizations?start=yesterday", "start"),
        ("/jobs/estimate", "backend"),
        ("/jobs/estimate?backend=nope", "backend"),
        ("/jobs/estimate?backend=simulator&1q_gates=-1", "1q_gates"),
        ("/organizations/x/usage", "start_date"),
    ],
)
def test_a_query_that_is_wrong(cloud: Any, path: str, key: str) -> None:
    """4: a bad parameter of the query is named, and its source told."""
    response = cloud.call("GET", path)
    error_of(response, 400, [key])
    assert response.json()["validation"]["source"] == "query"


# --- 404, 405, 409, 413 (4) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/job"),
        ("GET", "/jobs/"),
        ("GET", "/jobs/nope"),
        ("GET", "/jobs/%00"),
        ("GET", "/jobs/%ff"),
        ("GET", "/jobs/nope/cost"),
        ("GET", "/jobs/nope/results/probabilities"),
        ("PUT", "/jobs/nope/status/cancel"),
        ("DELETE", "/jobs/nope"),
        ("GET", "/sessions/nope"),
        ("POST", "/sessions/nope/end"),
        ("GET", "/sessions/nope/jobs"),
        ("GET", "/backends/nope/characterizations"),
        ("GET", "/backends/qpu.forte-1/characterizations/nope"),
    ],
)
def test_what_is_not_there(cloud: Any, method: str, path: str) -> None:
    """4: an unknown route, job, session, backend or characterization is 404."""
    error_of(cloud.call(method, path), 404)


def test_a_job_in_an_unknown_session(cloud: Any) -> None:
    """4: an unknown `session_id` is 404, and no job is created."""
    before = cloud.created
    error_of(cloud.call("POST", "/jobs", json=job(session_id=str(uuid.uuid4()))), 404)
    assert cloud.created == before


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/jobs", {"GET", "HEAD", "POST", "DELETE"}),
        ("POST", "/jobs/x", {"GET", "HEAD", "DELETE"}),
        ("GET", "/jobs/x/status/cancel", {"PUT"}),
        ("DELETE", "/sessions", {"GET", "HEAD", "POST"}),
        ("BREW", "/whoami", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method(cloud: Any, method: str, path: str, allowed: set[str]) -> None:
    """A known path with a wrong method is 405, with all the right ones."""
    response = cloud.call(method, path)
    error_of(response, 405)
    assert {word.strip() for word in response.headers["allow"].split(",")} == allowed


def test_a_job_with_too_many_gates(cloud: Any) -> None:
    """4: more gates than the limit, in one circuit or in all together: 413."""
    before = cloud.created
    circuits = {"gateset": "qis", "qubits": 2, "circuits": [{"circuit": BELL}] * 2}
    several = job(type="ionq.multi-circuit.v1") | {"input": circuits}
    with cloud.limited(max_gates=1):
        assert "2 gates" in error_of(cloud.call("POST", "/jobs", json=job()), 413)
    with cloud.limited(max_gates=3):
        assert "4 gates" in error_of(cloud.call("POST", "/jobs", json=several), 413)
    with cloud.limited(max_gates=4):
        spread = job([{"gate": "h", "targets": [0, 1, 2, 3, 4]}], 5)
        assert "5 gates" in error_of(cloud.call("POST", "/jobs", json=spread), 413)
    assert cloud.created == before


def test_a_job_with_too_many_circuits(cloud: Any) -> None:
    """4: 5 001 circuits: 413."""
    circuits = {"gateset": "qis", "qubits": 1, "circuits": [{"circuit": []}] * 5001}
    body = job(type="ionq.multi-circuit.v1") | {"input": circuits}
    assert "5001 circuits" in error_of(cloud.call("POST", "/jobs", json=body), 413)


def test_a_body_that_is_too_large(cloud: Any) -> None:
    """4: a body over the payload limit, 10 MB unless it is changed: 413."""
    whole = b" " * (10 * 1024 * 1024 + 1)
    response = cloud.call("POST", "/jobs", content=whole)
    assert "10485760" in error_of(response, 413)
    assert response.headers["failwell-outcome"] == "not_started"
    with cloud.limited(max_body_bytes=10):
        error_of(cloud.call("POST", "/jobs", json=job()), 413)
        error_of(cloud.call("POST", "/sessions", json={"backend": "simulator"}), 413)


# --- 429 (6) --------------------------------------------------------------------------------------


def test_one_too_many(cloud: Any) -> None:
    """4, 6: the key's quota used up is 429 with whole seconds in `Retry-After`; another key has a
    quota of its own; the default is 60 a minute."""
    assert cloud.about["limits"]["requests_per_minute"] == 60
    cloud.call("GET", "/whoami")
    before = cloud.created
    with cloud.limited(requests_per_minute=1):
        response = cloud.call("POST", "/jobs", json=job())
        error_of(response, 429)
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert response.headers["failwell-outcome"] == "not_started"
        assert cloud.call("GET", "/backends").status_code == 200
    assert cloud.created == before
    assert cloud.call("GET", "/whoami").status_code == 200


# --- 500, 503 (4) ---------------------------------------------------------------------------------


def test_a_stopped_store_is_an_unexpected_error(
    cloud: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """4: 500 without a word of the database; the log has it all; what is unknown is said so."""
    identifier = cloud.submit()
    before = cloud.ended(identifier) and cloud.created
    with cloud.stopped("store"):
        read = cloud.call("GET", f"/jobs/{identifier}")
        write = cloud.call("POST", "/jobs", json=job())
        assert cloud.created == before
    for response in (read, write):
        message = error_of(response, 500).lower()
        assert not any(word in message for word in ("sqlite", "database", "store", "closed"))
    assert write.headers["failwell-outcome"] == "unknown"
    logged = [r for r in caplog.records if r.name == "failwell.server" and r.exc_info]
    assert any(isinstance(r.exc_info[1], sqlite3.Error) for r in logged if r.exc_info)
    assert cloud.call("GET", f"/jobs/{identifier}").json()["status"] == "completed"


def test_without_the_simulator_no_job_is_taken(cloud: Any) -> None:
    """4: 503 where the simulator is really stopped; nothing was created, and that is said; what
    else there is goes on."""
    identifier = cloud.submit()
    cloud.ended(identifier)
    before = cloud.created
    with cloud.stopped("simulator"):
        response = cloud.call("POST", "/jobs", json=job())
        error_of(response, 503)
        assert response.headers["failwell-outcome"] == "not_started"
        assert int(response.headers["retry-after"]) >= 1
        error_of(cloud.call("POST", "/jobs", json=job(shots=0)), 400)
        assert cloud.probabilities(identifier) == {"0": 0.5, "3": 0.5}
    assert cloud.created == before
    assert cloud.ran() == {"0": 0.5, "3": 0.5}


# --- What it says of itself -----------------------------------------------------------------------


def test_the_catalogue_has_no_code_without_a_cause() -> None:
    """Each status of the catalogue is caused by a test above, but for a gateway's 502."""
    statuses = {entry.status for entry in IONQ.codes}
    assert statuses == {400, 401, 403, 404, 405, 409, 413, 429, 500, 502, 503}


def test_the_short_names() -> None:
    """3: IonQ's own where it publishes one, else the standard reason phrase; that of 413 is RFC
    2616's, for Python gives another from 3.13 on."""
    own = {401: "Unauthorized Error", 404: "Not Found Error", 413: "Request Entity Too Large"}
    for entry in IONQ.codes:
        assert entry.status is not None
        assert entry.code == own.get(entry.status, HTTPStatus(entry.status).phrase)


def test_the_openapi_document(cloud: Any) -> None:
    """It is valid, and every error in it has an example in IonQ's envelope."""
    document = cloud.call("GET", "/openapi.json", key=None).json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": cloud.base}]
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert len(operations) == 21
    for operation in operations:
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                example = response["content"]["application/json"]["example"]
                assert example["statusCode"] == int(status)
                assert example["error"] == IONQ.of_status(int(status)).code


def test_the_controls(cloud: Any) -> None:
    """Credentials, components and counts have the names that the sandbox promises."""
    assert set(cloud.keys) == {"key", "simulator_only", "revoked"}
    about = cloud.control("GET", "/sandbox.json").json()["apis"]["ionq"]
    assert about["components"] == {"store": "running", "simulator": "running"}
    assert {"requests_per_minute", "max_gates"} <= set(about["limits"])
    assert set(cloud.created) == {"jobs", "sessions"}
    assert cloud.base.endswith("/ionq/v0.4")


def test_no_key_is_logged(cloud: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong, no credential reaches the log."""
    caplog.set_level(logging.DEBUG)
    with cloud.stopped("store"):
        cloud.call("GET", "/whoami")
    cloud.call("GET", "/whoami", key="revoked")
    assert not any(token in caplog.text for token in cloud.keys.values())
