"""Campaigns under way: really run by processes, and failing for the causes that the contract names.
The numbers in the docstrings are sections of the contract."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import Any

import pytest

HEADER = "x,f\n"


def dataset(bench: Any, name: str, text: str) -> str:
    """The id of a new dataset."""
    upload = {"files": {"file": ("rows.csv", text.encode())}, "data": {"name": name}}
    identifier: str = bench.data("POST", "/datasets", **upload)["id"]
    return identifier


def formula(text: str, **optimizer: Any) -> dict[str, Any]:
    """A document with one parameter x in [0, 1] and this to be minimised."""
    return {
        "parameters": [{"name": "x", "type": "continuous", "bounds": [0, 1]}],
        "objectives": [{"name": "f", "direction": "minimize", "expression": text}],
        "optimizer": {"budget": 12, "batch_size": 6} | optimizer,
    }


# --- From created to completed (6, 7) ------------------------------------------------------------


def test_a_campaign_from_its_making_to_its_results(bench: Any) -> None:
    """7: 201 created, 202 running with a job, completed after its budget, then a Pareto set."""
    response = bench.call("POST", "/campaigns", json=bench.new())
    made = response.json()["data"]
    assert response.status_code == 201
    assert made["id"].startswith("camp_")
    counted = ("budget", "evaluations_completed", "parameters_count", "objectives_count")
    assert [made["status"], *(made[name] for name in counted)] == ["created", 12, 0, 1, 1]
    assert bench.data("GET", f"/campaigns/{made['id']}/results")["pareto_front"] == []
    response = bench.call("POST", f"/campaigns/{made['id']}/start")
    started = response.json()["data"]
    assert (response.status_code, started["status"]) == (202, "running")
    ended = bench.ended(made["id"])
    assert (ended["status"], ended["evaluations_completed"]) == ("completed", 12)
    results = bench.data("GET", f"/campaigns/{made['id']}/results")
    (best,) = results["pareto_front"]
    assert best["objectives"]["f"] == pytest.approx((best["parameters"]["x"] - 1) ** 2)
    assert best["objectives"]["f"] < 0.3
    assert results["surrogate"].startswith("gaussian_process")
    job = bench.data("GET", f"/jobs/{started['job_id']}")
    assert (job["status"], job["campaign_id"]) == ("completed", made["id"])
    assert job["worker_id"].startswith("worker-")
    assert job["progress"]["iteration"] == job["progress"]["total_iterations"] == 2


def test_the_surrogate_that_a_document_names(bench: Any) -> None:
    """A network with the document's own settings, which the results tell."""
    optimizer = {**bench.SPHERE["optimizer"], "surrogate": "mlp", "activation": "tanh"}
    campaign = bench.started(mdl=bench.SPHERE | {"optimizer": optimizer})
    assert bench.ended(campaign)["status"] == "completed"
    told = bench.data("GET", f"/campaigns/{campaign}/results")["surrogate"]
    assert told.startswith("mlp 32x32 (activation=tanh, epochs=200")


def test_a_job_has_a_log(bench: Any) -> None:
    """7: its lines by level, by time, and from the end."""
    campaign = bench.started()
    job = bench.ended(campaign)["job_id"]
    lines = bench.data("GET", f"/jobs/{job}/logs")
    assert lines[0]["message"].endswith("waits for a worker")
    assert lines[-1]["message"] == "completed"
    since = lines[-1]["at"]
    late = bench.data("GET", f"/jobs/{job}/logs", params={"since": since})
    assert late == [line for line in lines if line["at"] >= since]
    assert bench.data("GET", f"/jobs/{job}/logs?tail=1") == lines[-1:]
    assert bench.data("GET", f"/jobs/{job}/logs?level=error") == []
    bench.refused(bench.call("GET", f"/jobs/{job}/logs?level=x"), 400, "INVALID_REQUEST")
    listed = bench.data("GET", f"/jobs?campaign_id={campaign}&status=completed")
    assert [one["id"] for one in listed] == [job]


def test_a_document_may_come_as_a_file(bench: Any) -> None:
    """7: multipart `mdl_file`, a YAML; its mistakes carry the line."""
    text = (
        "name: from-a-file\ndomain: water\nparameters:\n"
        "  - {name: temperature, type: continuous, bounds: [1200, 300]}\n"
        "objectives:\n  - {name: yield, direction: maximize}\n"
    )
    response = bench.call("POST", "/campaigns", files={"mdl_file": ("m.yaml", text)})
    told = bench.refused(response, 422, "VALIDATION_FAILED")
    assert told["message"] == "Parameter 'temperature' has inverted bounds [1200, 300]"
    assert told["details"] == [
        {
            "path": "parameters[0].bounds",
            "message": "Lower bound must be less than upper bound",
            "value": [1200, 300],
            "code": "parameter.bounds.order",
            "line": 4,
        }
    ]
    right = text.replace("[1200, 300]", "[300, 1200]")
    for changes in ({}, {"name": "renamed"}):
        files = {"mdl_file": ("m.yaml", right)}
        made = bench.data("POST", "/campaigns", files=files, data=changes)
        assert made["name"] == changes.get("name", "from-a-file")
    as_text = bench.data("POST", "/campaigns", json={"name": "as-text", "mdl": right})
    assert as_text["domain"] == "water"


def test_a_campaign_that_is_deleted_while_its_worker_starts(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4: NOT_FOUND for the start, and no job."""
    campaign, before = bench.made(), bench.created["jobs"]
    foreman = bench.service._foreman
    ready = foreman.pool.ready

    async def meanwhile() -> None:
        await ready()
        foreman._campaigns.delete(campaign)

    monkeypatch.setattr(foreman.pool, "ready", meanwhile)
    bench.refused(bench.call("POST", f"/campaigns/{campaign}/start"), 404, "NOT_FOUND")
    assert bench.created["jobs"] == before


# --- States (4, 6) -------------------------------------------------------------------------------


def test_campaign_not_startable(bench: Any) -> None:
    """4: one that has been started, or stopped, is not started again."""
    campaign = bench.started(mdl=bench.LONG)
    for _ in range(2):
        response = bench.call("POST", f"/campaigns/{campaign}/start")
        bench.refused(response, 400, "CAMPAIGN_NOT_STARTABLE")
        bench.call("POST", f"/campaigns/{campaign}/stop")


def test_campaign_not_stoppable(bench: Any) -> None:
    """4: one that has not been started, and one that has ended."""
    campaign = bench.made()
    for _ in range(2):
        response = bench.call("POST", f"/campaigns/{campaign}/stop")
        bench.refused(response, 400, "CAMPAIGN_NOT_STOPPABLE")
        if bench.call("POST", f"/campaigns/{campaign}/start").status_code == 202:
            bench.ended(campaign)


def test_a_stop_stops(bench: Any) -> None:
    """7: the job is cancelled, what was found stays, and the worker goes on with another."""
    campaign = bench.started(mdl=bench.LONG)
    path = f"/campaigns/{campaign}"
    bench.when(path, lambda told: told["evaluations_completed"] > 0)
    response = bench.call("POST", f"{path}/stop")
    stopped = response.json()["data"]
    assert (response.status_code, stopped["status"]) == (202, "stopped")
    assert bench.data("GET", f"/jobs/{stopped['job_id']}")["status"] == "cancelled"
    assert bench.data("GET", f"{path}/results")["pareto_front"]
    assert bench.ended(bench.started())["status"] == "completed"
    assert bench.data("GET", path)["status"] == "stopped"


def test_a_deleted_campaign_is_gone(bench: Any) -> None:
    """7: 204, then 404; its name is free, its run is left off, and it still counts as made."""
    new, before = bench.new(mdl=bench.LONG), bench.created["campaigns"]
    campaign = bench.data("POST", "/campaigns", json=new)["id"]
    job = bench.data("POST", f"/campaigns/{campaign}/start")["job_id"]
    assert bench.call("DELETE", f"/campaigns/{campaign}").status_code == 204
    bench.refused(bench.call("DELETE", f"/campaigns/{campaign}"), 404, "NOT_FOUND")
    assert bench.data("GET", f"/jobs/{job}")["status"] == "cancelled"
    assert bench.call("POST", "/campaigns", json=new).status_code == 201
    assert bench.created["campaigns"] == before + 2


# --- Workers (4) ---------------------------------------------------------------------------------


def test_worker_unavailable(bench: Any) -> None:
    """4: without workers a start is refused and nothing has changed; with them it goes well."""
    campaign, before = bench.made(), bench.created
    with bench.stopped("worker"):
        response = bench.call("POST", f"/campaigns/{campaign}/start")
        bench.refused(response, 503, "WORKER_UNAVAILABLE")
        assert response.headers["failwell-outcome"] == "not_started"
        assert bench.data("GET", f"/campaigns/{campaign}")["status"] == "created"
    assert bench.created == before
    bench.data("POST", f"/campaigns/{campaign}/start")
    assert bench.ended(campaign)["status"] == "completed"


def test_what_ran_goes_on_when_the_workers_are_back(bench: Any) -> None:
    """A campaign whose worker is stopped waits, and is run when there are workers again."""
    campaign = bench.started(mdl=bench.SPHERE | {"optimizer": {"budget": 200, "batch_size": 5}})
    path = f"/campaigns/{campaign}"
    bench.when(path, lambda told: told["evaluations_completed"] > 0)
    with bench.stopped("worker"):
        assert bench.data("GET", path)["status"] == "running"
        job = bench.data("GET", path)["job_id"]
        assert bench.data("GET", f"/jobs/{job}")["status"] == "queued"
    assert bench.ended(campaign)["status"] in ("completed", "converged")


def test_a_killed_worker_loses_nothing(bench: Any) -> None:
    """A worker that is killed by the system is replaced, and the campaign begins anew."""
    campaign = bench.started(mdl=bench.LONG)
    path = f"/campaigns/{campaign}"
    job = bench.when(path, lambda told: told["evaluations_completed"] > 0)["job_id"]
    first = bench.data("GET", f"/jobs/{job}")["worker_id"]
    os.kill(int(first.removeprefix("worker-")), signal.SIGKILL)
    second = bench.when(f"/jobs/{job}", lambda told: told["worker_id"] not in (None, first))
    assert second["status"] == "running"
    bench.call("POST", f"{path}/stop")


def test_a_campaign_that_kills_its_workers_fails(bench: Any) -> None:
    """After three workers it is given up as an internal error."""
    campaign = bench.started(mdl=bench.LONG)
    job, seen = bench.data("GET", f"/campaigns/{campaign}")["job_id"], {None}
    for _ in range(3):
        told = bench.when(f"/jobs/{job}", lambda told: told["worker_id"] not in seen)
        seen.add(told["worker_id"])
        os.kill(int(told["worker_id"].removeprefix("worker-")), signal.SIGKILL)
    assert bench.ended(campaign)["error"]["code"] == "INTERNAL_ERROR"


def test_what_ends_while_the_store_is_away_is_run_again(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A result that could not be written down is computed once more, and is the same."""
    mdl = bench.SPHERE | {"optimizer": {"budget": 30, "batch_size": 5, "seed": 3}}
    path = f"/campaigns/{bench.started(mdl=mdl)}"
    bench.ended(path.removeprefix("/campaigns/"))
    reference = bench.data("GET", f"{path}/results")["pareto_front"]
    with caplog.at_level(logging.CRITICAL, "failwell.sandbox"):
        again = bench.started(mdl=mdl)
        job = bench.data("GET", f"/campaigns/{again}")["job_id"]
        with bench.stopped("store"):
            ends = time.monotonic() + 60
            while bench.service.parts["worker"].holds(job):
                assert time.monotonic() < ends
                time.sleep(0.02)
    bench.ended(again)
    assert bench.data("GET", f"/jobs/{job}")["progress"]["evaluations_completed"] == 30
    assert bench.data("GET", f"/campaigns/{again}/results")["pareto_front"] == reference


# --- What fails in a job (4) ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("1 / (x - x)", "EVALUATION_FAILED", "ZeroDivisionError"),
        ("x - x", "SURROGATE_TRAINING_FAILED", "constant"),
        ("x * 1e308 * 1e308 - x * 1e308 * 1e308", "SURROGATE_TRAINING_FAILED", "not finite"),
    ],
)
def test_a_job_that_fails(bench: Any, text: str, code: str, word: str) -> None:
    """4: what the evaluation raises, and what nothing can be learnt from: in the record, in the
    job, and as the status of the results."""
    campaign = bench.started(mdl=formula(text))
    ended = bench.ended(campaign)
    assert (ended["status"], ended["error"]["code"]) == ("failed", code)
    assert word in ended["error"]["message"]
    assert bench.data("GET", f"/jobs/{ended['job_id']}")["error"] == ended["error"]
    told = bench.refused(bench.call("GET", f"/campaigns/{campaign}/results"), 500, code)
    assert told["message"] == ended["error"]["message"]


# --- Datasets (4, 7) -----------------------------------------------------------------------------


def test_a_dataset_is_kept_as_it_came(bench: Any) -> None:
    """7: 201 with its columns and rows; ten rows are shown, all are downloaded; then it is gone."""
    text = HEADER + "".join(f"{n},{n * n}\n" for n in range(12))
    identifier = dataset(bench, "squares", text)
    path = f"/datasets/{identifier}"
    told = bench.data("GET", path)
    assert (told["columns"], told["rows"], told["size_bytes"]) == (["x", "f"], 12, len(text))
    assert told["preview"][:2] == [{"x": "0", "f": "0"}, {"x": "1", "f": "1"}]
    assert len(told["preview"]) == 10
    response = bench.call("GET", f"{path}/download")
    assert (response.text, response.headers["content-type"][:8]) == (text, "text/csv")
    upload = {"files": {"file": b"a\n1\n"}, "data": {"name": "squares"}}
    bench.refused(bench.call("POST", "/datasets", **upload), 409, "CONFLICT")
    assert bench.call("DELETE", path).status_code == 204
    bench.refused(bench.call("GET", path), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "INVALID_REQUEST"),
        (b"x,f\n", 400, "INVALID_REQUEST"),
        (b"x,x\n1,2\n", 400, "INVALID_REQUEST"),
        (b"\xff\xfe\x00", 400, "INVALID_REQUEST"),
        (b'x,f\n"1,2\n', 400, "INVALID_REQUEST"),
        (b"x,f\n1\n1,2,3\n", 422, "VALIDATION_FAILED"),
    ],
)
def test_a_file_that_is_no_table(bench: Any, content: bytes, status: int, code: str) -> None:
    """4: no header, no rows, no text, or rows that do not match the header."""
    upload = {"files": {"file": content}, "data": {"name": "bad"}}
    told = bench.refused(bench.call("POST", "/datasets", **upload), status, code)
    if status == 422:
        assert [detail["path"] for detail in told["details"]] == ["rows[0]", "rows[1]"]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("x,g\n1,2\n", ["f", "g"]),
        ("x\n1\n", ["f"]),
        ("x,f\nhot,2\n1,2\n1,cold\n", ["rows[0].x", "rows[2].f"]),
        ("x,f\nnan,2\n", ["rows[0].x"]),
    ],
)
def test_dataset_schema_mismatch(bench: Any, text: str, paths: list[str]) -> None:
    """4: a column missing or unexpected, a cell of another type; each by its path."""
    identifier = dataset(bench, f"bad-{abs(hash(text))}", text)
    response = bench.call("POST", "/campaigns", json=bench.new(dataset_id=identifier))
    told = bench.refused(response, 422, "DATASET_SCHEMA_MISMATCH")
    assert [detail["path"] for detail in told["details"]] == paths


def test_a_campaign_starts_from_a_dataset(bench: Any) -> None:
    """1: what is known already counts for nothing of the budget, and helps."""
    known = dataset(
        bench, "near", HEADER + "".join(f"{x},{(x - 1) ** 2}\n" for x in (0.9, 1.0, 1.1))
    )
    campaign = bench.started(dataset_id=known)
    assert bench.call("DELETE", f"/datasets/{known}").status_code == 204
    assert bench.ended(campaign)["evaluations_completed"] == 12
    (best,) = bench.data("GET", f"/campaigns/{campaign}/results")["pareto_front"]
    assert best["objectives"]["f"] < 0.05


def test_a_dataset_that_is_not_a_number_fails_the_training(bench: Any) -> None:
    """4: a NaN among the known objectives is the surrogate's to fail on."""
    known = dataset(bench, "holes", HEADER + "0.5,nan\n")
    ended = bench.ended(bench.started(dataset_id=known))
    assert ended["error"]["code"] == "SURROGATE_TRAINING_FAILED"


def test_a_dataset_that_there_is_not(bench: Any) -> None:
    """4: not found."""
    response = bench.call("POST", "/campaigns", json=bench.new(dataset_id="ds_0"))
    bench.refused(response, 404, "NOT_FOUND")
