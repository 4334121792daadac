"""Simulations and pipelines: jobs of a real process, with true results and true failures."""

from __future__ import annotations

import io
import os
import signal
import uuid
from typing import Any

import polars as pl
import pytest

from apis.ionworks.conftest import DISCHARGE, Lab, error_of

ENDLESS = "steps: [{Discharge: {mode: C-rate, value: 1, ends: [Voltage > 5]}}]"
PULSE = "{%s: {mode: Power, value: 3, duration: 60}}"
SWING = ", ".join([PULSE % "Discharge", PULSE % "Charge"] * 60)
LONG = f"global: {{initial_state_value: 50}}\nsteps: [{SWING}]"
"""Half a second of work and more."""

ENTRY = {
    "element_type": "entry",
    "values": {"Nominal cell capacity [A.h]": 2.0, "Initial SoC": 0.9},
}


def test_a_simulation_and_its_result(lab: Lab) -> None:
    """7: pending first, `storage_folder` when it is finished, then time series and steps."""
    (made,) = lab.simulated()
    assert set(made) == {"simulation_id", "job_id"}
    path = f"/simulations/{made['simulation_id']}"
    job = lab.job(made["job_id"])
    assert (job["status"], job["error"], job["is_failed"]) == ("completed", None, False)
    record = lab.call("GET", path).json()
    assert record["storage_folder"]
    assert record["metrics"]["Minimum voltage [V]"] == pytest.approx(3.2)
    to = lab.call("GET", f"{path}/time_series/download").headers["location"]
    series = pl.read_parquet(io.BytesIO(lab.http.get(to).content))
    assert series["Time [s]"].is_sorted()
    assert series["Voltage [V]"][0] == pytest.approx(4.08)
    to = lab.call("GET", f"{path}/steps/download").headers["location"]
    steps = pl.read_parquet(io.BytesIO(lab.http.get(to).content))
    assert steps["Step type"].to_list() == ["Rest", "Constant current discharge"]


def under_way(lab: Lab) -> dict[str, Any]:
    """A long simulation that the solver is at."""
    (made,) = lab.simulated(LONG)
    lab.when(f"/jobs/{made['job_id']}", lambda job: job["status"] != "pending")
    return made


def test_a_job_begins_anew_after_an_outage(lab: Lab) -> None:
    """7: while the solver is stopped in the middle there is no `storage_folder` to end the wait;
    when it is back, the job is carried out."""
    made = under_way(lab)
    path = f"/simulations/{made['simulation_id']}"
    with lab.stopped("solver"):
        assert "storage_folder" not in lab.call("GET", path).json()
        assert lab.call("GET", f"/jobs/{made['job_id']}").json()["is_terminal"] is False
        error_of(lab.call("GET", f"{path}/steps/download"), 404, "NOT_FOUND")
    assert lab.job(made["job_id"])["status"] == "completed"
    assert lab.call("GET", path).json()["storage_folder"]


def test_a_job_ends_although_the_store_is_away(lab: Lab) -> None:
    """7: what was computed while the store was stopped is written down when it is back."""
    made = under_way(lab)
    with lab.stopped("store"):
        error_of(lab.call("GET", f"/jobs/{made['job_id']}"), 500, "INTERNAL_ERROR")
    assert lab.job(made["job_id"])["status"] == "completed"


def test_a_simulation_that_can_never_end(lab: Lab) -> None:
    """7: the job fails and says why; the statuses say so too, and leave unknown ids out."""
    (made,) = lab.simulated(ENDLESS)
    job = lab.job(made["job_id"])
    assert (job["status"], job["is_failed"], job["is_terminal"]) == ("failed", True, True)
    assert "the cell is empty" in job["error"]
    body = {"simulation_ids": [made["simulation_id"], "nope"], "limit": 2}
    (status,) = lab.call("POST", "/simulations/statuses", json=body).json()
    assert set(status) == {"simulation_id", "status", "error", "error_code", "updated_at"}
    assert (status["status"], status["error"]) == ("failed", job["error"])


def test_a_job_that_takes_too_long(lab: Lab) -> None:
    """4: the solver's process is ended after `job_seconds`, and the next job gets a new one."""
    with lab.limited(job_seconds=0.001):
        (made,) = lab.simulated(LONG)
        assert "took longer than 0.001 seconds" in lab.job(made["job_id"])["error"]
    (made,) = lab.simulated()
    assert lab.job(made["job_id"])["status"] == "completed"


def test_a_process_that_dies(lab: Lab) -> None:
    """4: in the middle of a job, the job fails and says so; the next one gets a new process."""
    made = under_way(lab)
    pid = lab.service.solver_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert "ended in the middle" in lab.job(made["job_id"])["error"]
    (made,) = lab.simulated()
    assert lab.job(made["job_id"])["status"] == "completed"
    assert lab.service.solver_pid != pid


def test_a_design_makes_a_simulation_for_each_run(lab: Lab) -> None:
    """7: a grid is a product, conditions are one run each; the model's parameters really vary."""
    design = {
        "sampling": "grid",
        "rows": [
            {"type": "discrete", "name": "R0 [Ohm]", "values": [0.01, 0.2]},
            {"type": "range", "name": "R1 [Ohm]", "min": 0.01, "max": 0.03, "count": 3},
        ],
    }
    made = lab.simulated(design_parameters_doe=design)
    assert len(made) == 6
    found = []
    for one in made:
        lab.job(one["job_id"])
        record = lab.call("GET", f"/simulations/{one['simulation_id']}").json()
        found.append((record["design_parameters"], record["metrics"]["Discharge capacity [A.h]"]))
    assert found[0][0] == {"R0 [Ohm]": 0.01, "R1 [Ohm]": 0.01}
    assert found[0][1] > found[-1][1] + 0.1
    for sampling in ("random", "latin_hypercube"):
        assert (
            len(lab.simulated(design_parameters_doe={**design, "sampling": sampling, "count": 4}))
            == 4
        )
    conditions = [{"experiment_parameters": {"rate": rate}} for rate in (0.5, 1.0)]
    protocol = "steps: [{Discharge: {mode: C-rate, value: 'input[\"rate\"]', duration: 60}}]"
    two = lab.simulated(protocol, conditions=conditions)
    ids = {one["simulation_id"] for one in two}
    listed = lab.call("GET", "/simulations?limit=2").json()
    assert {one["id"] for one in listed["simulations"]} == ids
    assert listed["total"] > 2


@pytest.mark.parametrize(
    "protocol",
    [
        "steps: []",
        "steps: 5",
        "- a",
        "steps: [{Fly: {duration: 5}}]",
        "steps: [{Rest: {}}]",
        "steps: [{Rest: {duration: -}}]",
        "steps: [{Charge: {mode: Magic, value: 1, duration: 5}}]",
        "steps: [{Charge: {mode: Current, value: 1, ends: [Voltage high]}}]",
        "global: {initial_state_type: mood}\nsteps: [{Rest: {duration: 5}}]",
        "steps: &a [*a]",
        "steps: [",
    ],
)
def test_a_protocol_that_does_not_parse(lab: Lab, protocol: str) -> None:
    """7: 422, which says where in the protocol."""
    body = {"protocol_experiment": {"protocol": protocol, "name": "p"}}
    response = lab.call("POST", "/protocols/parse-to-template", json=body)
    (problem,) = error_of(response, 422, "VALIDATION_ERROR")["detail"]
    assert problem["loc"] == ["body", "protocol_experiment", "protocol"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"experiment_template_id": str(uuid.uuid4())}, 404),
        ({"parameterized_model": "unknown"}, 404),
        ({"parameterized_model": {}}, 422),
        ({"parameterized_model": {"quick_model": {"chemistry": "Pb/H2SO4"}}}, 422),
        ({"parameterized_model": {"quick_model": {"capacity": 0}}}, 422),
        ({"parameterized_model": {"parameters": {"R0 [Ohm]": 1}}}, 422),
        ({"extra_variables": ["Mood"]}, 422),
        ({"experiment_parameter_sets": []}, 422),
        ({"conditions": [{"design_parameters": {"Colour": 1}}]}, 422),
        ({"conditions": [{"design_parameters": {"R0 [Ohm]": -1}}]}, 422),
        ({"design_parameters_doe": {"sampling": "grid", "rows": []}}, 422),
    ],
)
def test_simulations_that_are_refused(lab: Lab, more: dict[str, Any], status: int) -> None:
    """7: 404 for a template or model that there is not, 422 for what makes none; none is made."""
    before = lab.created
    body = {
        "parameterized_model": {"quick_model": {}},
        "experiment_template_id": lab.template(DISCHARGE),
    } | more
    response = lab.call("POST", "/simulations/with-template/batch", json=body)
    error_of(response, status, "NOT_FOUND" if status == 404 else "VALIDATION_ERROR")
    assert lab.created == before


def test_a_missing_input(lab: Lab) -> None:
    """7: a protocol's input that is not given is 422 when it is to be run."""
    template = lab.template("steps: [{Rest: {duration: 'input[\"t\"]'}}]")
    body = {"parameterized_model": {"quick_model": {}}, "experiment_template_id": template}
    response = lab.call("POST", "/simulations/with-template/batch", json=body)
    assert "'t'" in error_of(response, 422, "VALIDATION_ERROR")["message"]


def test_a_model_is_known_by_its_id(lab: Lab) -> None:
    """7: a simulation names its parameterized model, which may be used again, or varied."""
    (made,) = lab.simulated()
    model = lab.call("GET", f"/simulations/{made['simulation_id']}").json()[
        "parameterized_model_id"
    ]
    (again,) = lab.simulated(parameterized_model=model)
    varied = {"model_id": model, "parameters": {"R0 [Ohm]": 0.5}}
    (other,) = lab.simulated(parameterized_model=varied)
    ids = [
        lab.call("GET", f"/simulations/{one['simulation_id']}").json()["parameterized_model_id"]
        for one in (again, other)
    ]
    assert ids[0] == model != ids[1]


def test_a_pipeline_finds_what_was_there(lab: Lab) -> None:
    """7: a fit to a simulated measurement finds the resistances that it was simulated with."""
    (made,) = lab.simulated()
    lab.job(made["job_id"])
    to = lab.call("GET", f"/simulations/{made['simulation_id']}/time_series/download")
    cell = lab.cell()
    record = lab.uploaded(cell, lab.http.get(to.headers["location"]).content)
    lab.processed(record)
    model = {"type": "ECM", "options": {"rc pairs": "1"}}
    objectives = {
        "pulse": {
            "type": "CurrentDriven",
            "data": f"db:{record['id']}",
            "options": {"model": model},
        }
    }
    free = {
        "R0 [Ohm]": {"initial_value": 0.2, "bounds": [0.001, 1.0]},
        "R1 [Ohm]": {"initial_value": 0.1, "bounds": [0.001, 1.0]},
        "C1 [F]": {"initial_value": 1000.0, "bounds": [1.0, 1e6]},
    }
    fit = {"element_type": "data_fit", "objectives": objectives, "parameters": free}
    check = {"element_type": "validation", "objectives": objectives}
    done = lab.ran(known=ENTRY, fit=fit, check=check)
    assert (done["status"], done["error"]) == ("completed", None)
    result = lab.call("GET", f"/pipelines/{done['id']}/result").json()
    found = result["result"]["parameter_values"]
    assert found["R0 [Ohm]"] == pytest.approx(0.03, rel=1e-3)
    assert found["R1 [Ohm]"] == pytest.approx(0.015, rel=1e-2)
    assert found["C1 [F]"] == pytest.approx(4000, rel=1e-2)
    assert result["element_results"]["check"]["summary_stats"]["pulse"]["RMSE"] < 1e-4
    elements = lab.call("GET", f"/pipelines/{done['id']}/elements").json()
    assert [(e["name"], e["status"]) for e in elements] == [
        ("known", "completed"),
        ("fit", "completed"),
        ("check", "completed"),
    ]


@pytest.mark.parametrize(
    ("element", "words"),
    [
        ({"element_type": "calculation", "type": "CellMass"}, "UnknownElementError"),
        (
            {"element_type": "calculation", "type": "DensityFromVolumeAndMass"},
            "ZeroDivisionError: float division by zero",
        ),
        (
            {
                "element_type": "validation",
                "objectives": {
                    "a": {
                        "type": "CurrentDriven",
                        "data": "db:nowhere",
                        "options": {"model": "ECM"},
                    }
                },
            },
            "KeyError: 'nowhere'",
        ),
    ],
)
def test_a_failed_pipeline_has_a_traceback(lab: Lab, element: dict[str, Any], words: str) -> None:
    """7: `error` is the solver's own traceback; what came before is done, there is no result."""
    values = {"Cell mass [kg]": 1.0, "Cell volume [m3]": 0.0}
    done = lab.ran(first={"element_type": "entry", "values": values}, second=element)
    assert (done["status"], done["is_terminal"], done["is_failed"]) == ("failed", True, True)
    assert done["error"].startswith("Traceback (most recent call last)")
    assert words in done["error"]
    elements = lab.call("GET", f"/pipelines/{done['id']}/elements").json()
    assert [e["status"] for e in elements] == ["completed", "failed"]
    assert elements[1]["error"] == done["error"]
    error_of(lab.call("GET", f"/pipelines/{done['id']}/result"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("elements", "loc"),
    [
        ({}, ["body", "elements"]),
        ({"a": {}}, ["body", "elements", "a", "element_type"]),
        ({"a": {"element_type": "magic"}}, ["body", "elements", "a", "element_type"]),
        ({"a": {"element_type": "entry"}}, ["body", "elements", "a", "values"]),
        ({"a": {"element_type": "calculation", "type": 5}}, ["body", "elements", "a", "type"]),
    ],
)
def test_a_pipeline_that_is_none(lab: Lab, elements: Any, loc: list[str]) -> None:
    """7: 422 with the element that is wrong."""
    body = {"elements": elements, "project_id": lab.project}
    detail = error_of(lab.call("POST", "/pipelines", json=body), 422, "VALIDATION_ERROR")["detail"]
    assert detail[0]["loc"] == loc


def test_a_job_is_cancelled_in_the_middle(lab: Lab) -> None:
    """7: a simulation that is cancelled never gets a result; once more changes nothing."""
    made = under_way(lab)
    for _ in range(2):
        job = lab.call("POST", f"/jobs/{made['job_id']}/cancel").json()
        assert (job["status"], job["is_terminal"], job["is_failed"]) == ("canceled", True, True)
    path = f"/simulations/{made['simulation_id']}"
    assert "storage_folder" not in lab.call("GET", path).json()
    assert lab.call("GET", "/simulations?state=failed").json()["total"] > 0
    assert lab.call("DELETE", path).status_code == 204
    error_of(lab.call("GET", f"/jobs/{made['job_id']}"), 404, "NOT_FOUND")


def test_pipelines_are_listed_renamed_cancelled_and_deleted(lab: Lab) -> None:
    """7: the list nests under `pipelines`; one that is cancelled before its turn never runs."""
    before, busy = lab.created["pipelines"], under_way(lab)
    made = lab.made("/pipelines", elements={"a": ENTRY}, project_id=lab.project, name="mine")
    path = f"/pipelines/{made['id']}"
    assert lab.call("POST", f"{path}/cancel").json()["status"] == "canceled"
    assert lab.job(busy["job_id"])["status"] == "completed"
    assert lab.call("GET", path).json()["status"] == "canceled"
    assert lab.call("PATCH", path, json={"name": "yours"}).json()["name"] == "yours"
    page = lab.call("GET", f"/pipelines?project_id={lab.project}&limit=1&name=yours").json()
    assert (page["count"], page["pipelines"][0]["id"]) == (1, made["id"])
    assert lab.call("GET", "/pipelines?status=in.(canceled,failed)").json()["total"] > 0
    assert lab.call("DELETE", path).status_code == 204
    error_of(lab.call("GET", path), 404, "NOT_FOUND")
    assert lab.created["pipelines"] == before + 1
    assert {job["job_type"] for job in lab.call("GET", "/jobs/").json()} <= {
        "measurement",
        "pipeline",
        "simulation",
    }
