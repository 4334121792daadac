"""Jobs from submission to end, their failures, their parts, sessions, lists and prices."""

from __future__ import annotations

import datetime
import os
import re
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from apis.ionq.conftest import BELL, Cloud, job, opened

MEMBERS = {
    "id", "status", "type", "backend", "dry_run", "submitter_id", "project_id", "parent_job_id",
    "session_id", "metadata", "name", "submitted_at", "started_at", "completed_at",
    "predicted_wait_time_ms", "predicted_execution_duration_ms", "execution_duration_ms",
    "failure", "output", "settings", "stats", "results", "child_job_ids",
}  # fmt: skip
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
MANY = {
    "gateset": "qis",
    "qubits": 2,
    "circuits": [{"circuit": BELL, "name": "a"}, {"circuit": []}],
}
LONG = [{"gate": "h", "targets": list(range(15))}] * 4000
"""Gates that take the simulator longer than any test waits."""


@pytest.fixture(scope="module")
def slow_cloud() -> Iterator[Cloud]:
    """A sandbox that rests for 0.3 s before each job, so that one can watch it."""
    with opened(seconds_per_job=0.3) as cloud:
        yield cloud


# --- One job --------------------------------------------------------------------------------------


def test_a_job_is_taken_and_run(cloud: Any) -> None:
    """7: 201 with all three keys; then a job with every key there is, and its probabilities."""
    body = job(name="Bell state", metadata={"a": "b"}, shots=500)
    response = cloud.call("POST", "/jobs", json=body)
    created = response.json()
    assert response.status_code == 201
    assert set(created) == {"id", "status", "session_id"}
    assert (created["status"], created["session_id"]) == ("submitted", None)
    found = cloud.ended(created["id"])
    assert set(found) >= MEMBERS
    assert found["status"] == "completed"
    assert (found["name"], found["metadata"], found["shots"]) == ("Bell state", {"a": "b"}, 500)
    gates = {"1q": 1, "2q": 1}
    assert found["stats"] == {"qubits": 2, "circuits": 1, "gate_counts": gates}
    assert (found["failure"], found["results"], found["output"]) == (None, {}, {})
    assert found["noise"] == {"model": "ideal"}
    for when in ("submitted_at", "started_at", "completed_at"):
        assert re.fullmatch(STAMP, found[when])
    assert cloud.probabilities(created["id"]) == {"0": 0.5, "3": 0.5}


def test_states_on_the_way(slow_cloud: Cloud) -> None:
    """6: submitted, ready, started, completed; no results before the end: 404."""
    identifier = slow_cloud.submit()
    seen: list[str] = []
    while not seen or seen[-1] != "completed":
        found = slow_cloud.call("GET", f"/jobs/{identifier}").json()
        if found["status"] != "completed":
            early = slow_cloud.call("GET", f"/jobs/{identifier}/results/probabilities")
            assert early.status_code in (200, 404)
            assert found["results"] is found["completed_at"] is None
        if found["status"] not in seen:
            seen.append(found["status"])
        time.sleep(0.005)
    assert "ready" in seen
    order = ["submitted", "ready", "started", "completed"]
    assert seen == [word for word in order if word in seen]


def test_native_gates_and_noise(cloud: Any) -> None:
    """Native circuits run; a noise model makes counts that repeat with its seed."""
    ms = [{"gate": "ms", "targets": [0, 1], "phases": [0, 0]}]
    assert cloud.ran(job(ms, input={"gateset": "native"})) == {"0": 0.5, "3": 0.5}
    noisy = job(shots=1000, noise={"model": "aria-1", "seed": 7})
    first, again = cloud.ran(noisy), cloud.ran(noisy)
    assert first == again != {"0": 0.5, "3": 0.5}
    assert sum(first.values()) == pytest.approx(1.0)
    assert first["0"] == pytest.approx(0.5, abs=0.1)


def test_the_width_may_be_left_out(cloud: Any) -> None:
    """A circuit without `qubits` is as wide as it needs to be."""
    body = job([{"gate": "x", "target": 3}])
    del body["input"]["qubits"]
    identifier = cloud.submit(body)
    assert cloud.ended(identifier)["stats"]["qubits"] == 4
    assert cloud.probabilities(identifier) == {"8": 1.0}


def test_openqasm(cloud: Any) -> None:
    """A program in OpenQASM 3 is run as the circuit that it is."""
    program = "OPENQASM 3.0; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"
    body = job(type="ionq.qasm3.v1") | {"input": {"data": program}}
    assert cloud.ran(body) == {"0": 0.5, "3": 0.5}


def test_a_dry_run_runs_nothing(cloud: Any) -> None:
    """It completes, costs nothing, and has no results: 404."""
    identifier = cloud.submit(dry_run=True, backend="qpu.forte-1")
    found = cloud.ended(identifier)
    assert (found["status"], found["dry_run"], found["results"]) == ("completed", True, None)
    response = cloud.call("GET", f"/jobs/{identifier}/results/probabilities")
    assert response.status_code == 404
    cost = cloud.call("GET", f"/jobs/{identifier}/cost").json()
    assert cost["dry_run"] is True
    assert "cost" not in cost


# --- Failures of accepted jobs (4) ----------------------------------------------------------------

WIDE = {"qubits": 37, "gateset": "qis", "circuit": []}
NATIVE_MS = {"gateset": "native", "circuit": [
    {"gate": "ms", "targets": [0, 1], "phases": [0, 0]}
]}  # fmt: skip
CONTROLLED = {"qubits": 9, "circuit": [
    {"gate": "x", "target": 8, "controls": list(range(8))}
]}  # fmt: skip


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"input": {"qubits": 30, "circuit": []}}, "NotEnoughQubits", "30 qubits"),
        ({"backend": "qpu.forte-1", "input": WIDE}, "NotEnoughQubits", "qpu.forte-1 has 36"),
        ({"backend": "qpu.forte-1", "shots": 100_001}, "TooManyShots", "100001 shots"),
        (
            {"backend": "qpu.forte-1", "input": {"circuit": BELL * 5001}},
            "TooManyGates",
            "10002 gates",
        ),
        ({"input": CONTROLLED}, "TooManyControls", "8 controls"),
        ({"backend": "qpu.forte-1", "input": NATIVE_MS}, "UnsupportedGate", "ms"),
        ({"type": "quantum-function"}, "CompilationError", "quantum-function"),
        ({"type": "qctrl.qaoa.v1"}, "CompilationError", "qctrl.qaoa.v1"),
        ({"type": "ionq.qasm3.v1", "input": {"data": "OPENQASM 2.0;"}}, "PreflightError", "QASM 3"),
        (
            {"input": {"qubits": 22, "circuit": [{"gate": "h", "targets": list(range(22))}]}},
            "SimulationError",
            "states",
        ),
    ],
)
def test_a_job_that_fails(cloud: Any, members: dict[str, Any], code: str, words: str) -> None:
    """4: it is accepted with 201, ends as `failed` with IonQ's own failure object, and has no
    results."""
    identifier = cloud.submit(**members)
    found = cloud.ended(identifier)
    assert (found["status"], found["results"]) == ("failed", None)
    assert set(found["failure"]) == {"code", "message"}
    assert found["failure"]["code"] == code
    assert words in found["failure"]["message"]
    response = cloud.call("GET", f"/jobs/{identifier}/results/probabilities")
    assert response.status_code == 404


def test_a_project_without_credit() -> None:
    """4: hardware costs what the project has not got; what costs nothing goes on."""
    heavy = {"backend": "qpu.forte-1", "shots": 1000, "input": {"circuit": BELL * 20}}
    parts = heavy | {"type": "ionq.multi-circuit.v1"}
    parts["input"] = {"gateset": "qis", "qubits": 2, "circuits": [{"circuit": BELL * 20}] * 2}
    with opened() as fresh:
        first = fresh.submit(**heavy)
        fresh.ended(first)
        price = fresh.call("GET", f"/jobs/{first}/cost").json()["cost"]["value"]
        fresh.limit(project_credit=2.5 * price)
        ends = [fresh.ended(fresh.submit(parts)), fresh.ended(fresh.submit(**heavy))]
        refused = fresh.ended(fresh.submit(**heavy))
        assert fresh.ran() == {"0": 0.5, "3": 0.5}
        assert fresh.ended(fresh.submit(dry_run=True, **heavy))["status"] == "completed"
    assert [end["status"] for end in ends] == ["failed", "completed"]
    failures = [ends[0]["failure"], refused["failure"]]
    assert [failure["code"] for failure in failures] == ["QuotaExhaustedError"] * 2
    assert f"costs {price:.2f} USD; {2 * price:.2f} of" in refused["failure"]["message"]


def test_a_job_that_takes_too_long(cloud: Any) -> None:
    """4: over its time budget a simulation ends as `SimulationTimeout`."""
    with cloud.limited(simulation_seconds=0.05):
        identifier = cloud.submit(job(LONG, 15))
        assert cloud.ended(identifier)["failure"]["code"] == "SimulationTimeout"


# --- Cancelling and deleting ----------------------------------------------------------------------


def test_a_job_under_way_is_cancelled(cloud: Any) -> None:
    """7: cancelling takes the simulator away from it, at once; the next job runs; a second time
    it is 409."""
    identifier = cloud.submit(job(LONG, 15))
    cloud.started(identifier)
    cancelled = cloud.call("PUT", f"/jobs/{identifier}/status/cancel")
    assert (cancelled.status_code, cancelled.json()) == (
        200,
        {"id": identifier, "status": "canceled"},
    )
    assert cloud.ran() == {"0": 0.5, "3": 0.5}
    assert cloud.ended(identifier)["status"] == "canceled"
    again = cloud.call("PUT", f"/jobs/{identifier}/status/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "Conflict")
    assert again.headers["failwell-outcome"] == "not_started"


def test_a_waiting_job_is_cancelled(slow_cloud: Cloud) -> None:
    """7: a job whose turn has not come never starts."""
    slow_cloud.submit()
    identifier = slow_cloud.submit()
    assert slow_cloud.call("PUT", f"/jobs/{identifier}/status/cancel").status_code == 200
    assert slow_cloud.ended(slow_cloud.submit())["status"] == "completed"
    assert slow_cloud.call("GET", f"/jobs/{identifier}").json()["started_at"] is None


def test_a_deleted_job_is_gone(cloud: Any) -> None:
    """7: 200 once, 404 from then on, on every route; what was created stays counted."""
    identifier = cloud.submit()
    cloud.ended(identifier)
    before = cloud.created
    deleted = cloud.call("DELETE", f"/jobs/{identifier}")
    assert (deleted.status_code, deleted.json()) == (200, {"id": identifier, "status": "deleted"})
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/results/probabilities")):
        assert cloud.call(method, f"/jobs/{identifier}{path}").status_code == 404
    assert identifier not in {each["id"] for each in listed(cloud)}
    assert cloud.created == before


def test_several_at_once(cloud: Any) -> None:
    """7: several are cancelled or deleted together: what is finished is not cancelled, and one
    unknown id is 400 and changes nothing."""
    done = cloud.submit()
    cloud.ended(done)
    running = cloud.submit(job(LONG, 15))
    wrong = {"ids": [running, "nope"]}
    for method, path in (("PUT", "/jobs/status/cancel"), ("DELETE", "/jobs")):
        response = cloud.call(method, path, json=wrong)
        assert response.json()["validation"]["keys"] == ["ids"]
        assert cloud.call(method, path, json={"ids": []}).status_code == 400
        assert cloud.call(method, path, json={"ids": "x"}).status_code == 400
    both = {"ids": [done, running]}
    cancelled = cloud.call("PUT", "/jobs/status/cancel", json=both)
    assert cancelled.json() == {"ids": [running], "status": "canceled"}
    assert cloud.call("DELETE", "/jobs", json=both).json() == both | {"status": "deleted"}
    assert cloud.call("GET", f"/jobs/{done}").status_code == 404


# --- Outages while jobs run -----------------------------------------------------------------------


def test_a_stopped_simulator_ends_no_job(slow_cloud: Cloud) -> None:
    """A job that was under way waits for the simulator and is run when it is back."""
    first, second = slow_cloud.submit(), slow_cloud.submit()
    with slow_cloud.stopped("simulator"):
        time.sleep(0.5)
        assert slow_cloud.call("GET", f"/jobs/{second}").json()["status"] != "completed"
    assert [slow_cloud.ended(each)["status"] for each in (first, second)] == ["completed"] * 2


def test_a_stopped_store_ends_no_job(slow_cloud: Cloud) -> None:
    """A job whose end could not be written down is run again when the store is back."""
    identifier = slow_cloud.submit()
    with slow_cloud.stopped("store"):
        time.sleep(0.5)
    assert slow_cloud.ended(identifier)["status"] == "completed"


def test_a_killed_simulator_is_replaced(cloud: Any) -> None:
    """Killed from outside in the middle of a job, it is started again for the next try."""
    cloud.ran()
    with cloud.limited(simulation_seconds=1.0):
        identifier = cloud.submit(job(LONG, 15))
        cloud.started(identifier)
        os.kill(cloud.service._simulator.pid, signal.SIGKILL)
        assert cloud.ended(identifier)["failure"]["code"] == "SimulationTimeout"
    assert cloud.ran() == {"0": 0.5, "3": 0.5}


def test_many_at_once(cloud: Any) -> None:
    """Fifty jobs at the same moment: each is created once, and each is run."""
    before = cloud.created["jobs"]
    with ThreadPoolExecutor(20) as pool:
        ids = [each.result() for each in [pool.submit(cloud.submit) for _ in range(50)]]
    assert len(set(ids)) == 50
    assert {cloud.ended(each)["status"] for each in ids} == {"completed"}
    assert cloud.created["jobs"] == before + 50


# --- Several circuits -----------------------------------------------------------------------------


def test_a_job_of_several_circuits(cloud: Any) -> None:
    """It is split into a job for each circuit, which have results; it counts as one, and the list
    shows the parts only to who asks for them."""
    before = cloud.created["jobs"]
    parent = cloud.submit(job(type="ionq.multi-circuit.v1") | {"input": MANY})
    found = cloud.ended(parent)
    assert (found["status"], found["type"]) == ("completed", "ionq.multi-circuit.v1")
    assert found["stats"]["circuits"] == 2
    children = found["child_job_ids"]
    assert [cloud.probabilities(each) for each in children] == [{"0": 0.5, "3": 0.5}, {"0": 1.0}]
    child = cloud.call("GET", f"/jobs/{children[0]}").json()
    assert (child["parent_job_id"], child["name"]) == (parent, "a")
    assert cloud.call("GET", f"/jobs/{parent}/results/probabilities").status_code == 404
    assert cloud.created["jobs"] == before + 1
    assert not set(children) & {each["id"] for each in listed(cloud)}
    parts = listed(cloud, parent_job_id=parent)
    assert {each["id"] for each in parts} == set(children)


def test_a_part_that_fails(cloud: Any) -> None:
    """One circuit that is too wide fails the whole, with its reason; the others have results."""
    circuits = MANY | {"circuits": [{"circuit": BELL}, {"circuit": [], "qubits": 30}]}
    parent = cloud.submit(job(type="ionq.multi-circuit.v1") | {"input": circuits})
    found = cloud.ended(parent)
    assert (found["status"], found["failure"]["code"]) == ("failed", "NotEnoughQubits")
    assert cloud.probabilities(found["child_job_ids"][0]) == {"0": 0.5, "3": 0.5}


def test_a_job_of_several_circuits_is_cancelled_whole(slow_cloud: Cloud) -> None:
    """Its parts are called off with it."""
    parent = slow_cloud.submit(job(type="ionq.multi-circuit.v1") | {"input": MANY})
    slow_cloud.call("PUT", f"/jobs/{parent}/status/cancel")
    found = slow_cloud.ended(parent)
    assert found["status"] == "canceled"
    for child in found["child_job_ids"]:
        assert slow_cloud.ended(child)["status"] == "canceled"


# --- Lists (6, 7) ---------------------------------------------------------------------------------


def listed(cloud: Any, **query: Any) -> list[dict[str, Any]]:
    """All pages of the list."""
    found: list[dict[str, Any]] = []
    while True:
        page = cloud.call("GET", "/jobs", params=query).json()
        assert set(page) == {"jobs", "next"}
        found += page["jobs"]
        if page["next"] is None:
            return found
        query["next"] = page["next"]


def test_pages(cloud: Any) -> None:
    """Newest first, `limit` at a time, until `next` is null; newer jobs shift nothing."""
    ids = [cloud.submit() for _ in range(5)]
    first = cloud.call("GET", "/jobs", params={"limit": 2}).json()
    assert [each["id"] for each in first["jobs"]] == ids[:-3:-1]
    cloud.submit()
    second = cloud.call("GET", "/jobs", params={"limit": 3, "next": first["next"]}).json()
    assert [each["id"] for each in second["jobs"]] == ids[2::-1]
    assert all(set(each) >= MEMBERS for each in second["jobs"])
    everything = [each["id"] for each in listed(cloud, limit=7)]
    assert len(everything) == len(set(everything))


def test_filters(cloud: Any) -> None:
    """By id, status, backend (several, parted by commas) and submitter."""
    good, bad = cloud.submit(), cloud.submit(backend="qpu.forte-1", input=WIDE)
    own = cloud.ended(good)["submitter_id"]
    cloud.ended(bad)
    asked = cloud.call("GET", "/jobs", params={"ids": [good, bad, "nope"]}).json()["jobs"]
    assert {each["id"] for each in asked} == {good, bad}
    assert bad in {each["id"] for each in listed(cloud, status="failed")}
    assert {each["status"] for each in listed(cloud, status="failed")} == {"failed"}
    forte = listed(cloud, target="qpu.forte-1,qpu.forte-enterprise-1")
    assert {each["backend"] for each in forte} == {"qpu.forte-1"}
    assert good in {each["id"] for each in listed(cloud, submitter_id=own)}
    assert listed(cloud, submitter_id="nobody") == []


# --- Sessions (7) ---------------------------------------------------------------------------------


def session(cloud: Any, **settings: Any) -> dict[str, Any]:
    """A new session on a QPU."""
    body = {"backend": "qpu.forte-1", "settings": settings}
    response = cloud.call("POST", "/sessions", json=body)
    assert response.status_code == 201
    created: dict[str, Any] = response.json()
    return created


def test_a_session_from_beginning_to_end(cloud: Any) -> None:
    """created, started with its first job, ended; a second end, and a job after it, are 409."""
    made = session(cloud)
    assert (made["status"], made["active"], made["started_at"]) == ("created", True, None)
    path = f"/sessions/{made['id']}"
    identifier = cloud.submit(backend="qpu.forte-1", session_id=made["id"])
    assert cloud.ended(identifier)["session_id"] == made["id"]
    assert cloud.call("GET", path).json()["status"] == "started"
    page = cloud.call("GET", f"{path}/jobs").json()
    assert [each["id"] for each in page["jobs"]] == [identifier]
    assert cloud.call("GET", f"{path}/jobs", params={"status": "failed"}).json()["jobs"] == []
    ended = cloud.call("POST", f"{path}/end")
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    assert ended.json()["ender_id"] == ended.json()["creator_id"]
    assert cloud.call("POST", f"{path}/end").status_code == 409
    body = job(backend="qpu.forte-1", session_id=made["id"])
    assert cloud.call("POST", "/jobs", json=body).status_code == 409


def test_sessions_are_listed(cloud: Any) -> None:
    """All of the project's, or those that are active."""
    made = session(cloud)
    cloud.call("POST", f"/sessions/{session(cloud)['id']}/end")
    everything = cloud.call("GET", "/sessions").json()
    active = cloud.call("GET", "/sessions", params={"active": "true"}).json()["sessions"]
    assert str(uuid.UUID(everything["organization_id"])) == everything["organization_id"]
    assert made["id"] in {each["id"] for each in active}
    assert all(each["active"] for each in active)
    ended = cloud.call("GET", "/sessions", params={"active": "false"}).json()["sessions"]
    assert len(active) + len(ended) == len(everything["sessions"])


@pytest.mark.parametrize(
    "settings", [{"job_count_limit": 1}, {"cost_limit": {"unit": "usd", "value": 1.5}}]
)
def test_a_session_ends_at_its_limits(cloud: Any, settings: dict[str, Any]) -> None:
    """So many jobs, or so many dollars, and it takes no more."""
    made = session(cloud, **settings)
    body = job(backend="qpu.forte-1", session_id=made["id"])
    cloud.submit(body)
    assert cloud.call("POST", "/jobs", json=body).status_code == 409
    found = cloud.call("GET", f"/sessions/{made['id']}").json()
    assert (found["status"], found["active"], found["ender_id"]) == ("ended", False, None)
    assert found["settings"] == settings


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({}, "backend"),
        ({"backend": "qpu.nope"}, "backend"),
        ({"backend": "qpu.aria-1"}, "backend"),
        ({"backend": "simulator", "settings": {"job_count_limit": 0}}, "settings.job_count_limit"),
        ({"backend": "simulator", "settings": {"cost_limit": {}}}, "settings.cost_limit.value"),
    ],
)
def test_a_session_that_cannot_be(cloud: Any, body: dict[str, Any], key: str) -> None:
    """What is wrong is named; no session is made."""
    before = cloud.created
    response = cloud.call("POST", "/sessions", json=body)
    assert (response.status_code, response.json()["validation"]["keys"]) == (400, [key])
    assert cloud.created == before


def test_a_job_for_another_backend_than_its_sessions(cloud: Any) -> None:
    """A session is of one backend."""
    body = job(session_id=session(cloud)["id"])
    response = cloud.call("POST", "/jobs", json=body)
    assert (response.status_code, response.json()["validation"]["keys"]) == (400, ["session_id"])


# --- Machines, prices, usage (7) ------------------------------------------------------------------


def test_characterizations(cloud: Any) -> None:
    """Newest first, in pages, between two days, and each by its id."""
    path = "/backends/qpu.forte-1/characterizations"
    everything = cloud.call("GET", path).json()
    dates = [each["date"] for each in everything["characterizations"]]
    assert dates == sorted(dates, reverse=True)
    assert everything["pages"] == 0
    page = cloud.call("GET", path, params={"limit": 1, "page": 2}).json()
    assert [each["date"] for each in page["characterizations"]] == dates[1:2]
    assert page["pages"] == len(dates) - 2
    between = cloud.call("GET", path, params={"start": dates[1][:10], "end": dates[0][:10]}).json()
    assert [each["date"] for each in between["characterizations"]] == dates[1:2]
    newest = everything["characterizations"][0]
    assert cloud.call("GET", f"{path}/{newest['id']}").json() == newest
    backend = cloud.call("GET", "/backends/qpu.forte-1").json()
    assert backend["characterization_id"] == newest["id"]
    assert 0.9 < newest["fidelity"]["spam"]["median"] < 1
    assert {"readout", "reset"} <= set(newest["timing"])


def test_prices(cloud: Any) -> None:
    """The simulator is free; hardware has its price, and an estimate is what a job then costs."""
    free = cloud.submit()
    cloud.ended(free)
    assert cloud.call("GET", f"/jobs/{free}/cost").json() == {"dry_run": False}
    heavy = cloud.submit(backend="qpu.forte-1", shots=1000, input={"circuit": BELL * 20})
    cloud.ended(heavy)
    cost = cloud.call("GET", f"/jobs/{heavy}/cost").json()
    assert cost["cost"] == cost["estimated_cost"]
    query = {"backend": "qpu.forte-1", "shots": 1000, "1q_gates": 20, "2q_gates": 20}
    estimate = cloud.call("GET", "/jobs/estimate", params=query).json()
    assert estimate["estimated_total_cost"] == cost["cost"]["value"] > 12.42
    assert estimate["estimate_context"]["2q_gates"] == 20


def test_usage(cloud: Any) -> None:
    """What hardware was used for, in total and by group; another organization's is 403."""
    cloud.ended(cloud.submit(backend="qpu.forte-1"))
    own = cloud.call("GET", "/sessions").json()["organization_id"]
    today = datetime.datetime.now(datetime.UTC).date()
    query = {"start_date": str(today), "end_date": str(today + datetime.timedelta(days=2))}
    for modality in ("daily", "weekly", "monthly"):
        asked = query | {"group_by": "job", "modality": modality}
        found = cloud.call("GET", f"/organizations/{own}/usage", params=asked).json()
        assert (found["group_type"], found["modality"]) == ("job", modality)
        assert found["job_count"] == sum(each["job_count"] for each in found["usage_data"]) >= 1
        amounts = sum(each["amount"] for each in found["usage_data"])
        assert found["amount_total"] == pytest.approx(amounts)
        assert 1 <= len(found["usage_data"][0]["group_usages"]) <= 5
    asked = query | {"group_by": "user", "modality": "daily"}
    other = cloud.call("GET", f"/organizations/{uuid.uuid4()}/usage", params=asked)
    assert (other.status_code, other.json()["error"]) == (403, "Forbidden")
    backwards = asked | {"end_date": str(today)}
    wrong = cloud.call("GET", f"/organizations/{own}/usage", params=backwards)
    assert wrong.json()["validation"]["keys"] == ["end_date"]
