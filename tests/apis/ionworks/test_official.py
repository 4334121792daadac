"""The official client, unchanged and adopted, against the service: successes, every error class,
uploads, pages, polling, and its own helpers against duplicates.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import failwell
from apis.ionworks.conftest import DISCHARGE, Lab
from apis.ionworks.worlds import QUICK as PATIENT
from failwell.clients import origin
from failwell.settings import Policy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ionworks_schema as iws
    from ionworks import Ionworks, IonworksError
    from ionworks.errors import MeasurementProcessingError
    from ionworks.job import JobCreationPayload

ONCE = Policy(retry=None, governor=None)
QUICK = {"capacity": 2.0, "chemistry": "NMC/Graphite"}
TIMES = np.arange(0.0, 601.0, 10.0)
SERIES: dict[str, Any] = {
    "Time [s]": TIMES,
    "Voltage [V]": 4.1 - 0.0001 * TIMES,
    "Current [A]": np.ones_like(TIMES),
    "Step count": np.zeros(len(TIMES), dtype=int),
    "Cycle count": np.zeros(len(TIMES), dtype=int),
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(params=[False, True], ids=["unchanged", "adopted"])
def adopted(request: pytest.FixtureRequest) -> bool:
    """Whether failwell is underneath."""
    return bool(request.param)


@pytest.fixture
def connect(adopted: bool, lab: Lab) -> Iterator[Callable[..., Any]]:
    """Make the official client, with one of the credentials."""
    opened: list[Any] = []
    origin.forget()

    def make(key: str = "key", **settings: Any) -> Any:
        token = lab.keys[key]
        settings = {"project_id": lab.project, "max_retries": 0, **settings}
        opened.append(Ionworks(api_key=token, api_url=lab.base + "/", **settings))
        if adopted:
            failwell.adopt(opened[-1], policy=PATIENT if settings["max_retries"] else ONCE)
        return opened[-1]

    yield make
    for client in opened:
        client.session.close()


@pytest.fixture
def client(connect: Callable[..., Any]) -> Any:
    """The official client, with a good key."""
    return connect()


def failure(call: Callable[[], Any]) -> Any:
    """The exception that a call raises."""
    with pytest.raises(IonworksError) as caught:
        call()
    return caught.value


def test_it_says_who_i_am(client: Any, lab: Lab) -> None:
    """Health and account, by key."""
    assert client.health_check()["status"] == "ok"
    assert client.whoami()["authorized_organization"]["name"]


def test_creating_twice_gives_the_first(
    client: Any, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """`create_or_get` of specification, lot, cell and measurement; each clash prints its id."""
    spec = {"name": lab.name(), "ratings": {"capacity": {"value": 3, "unit": "A.h"}}}
    first = client.cell_spec.create_or_get(spec)
    lot = client.cell_batch.create_or_get(first.id, {"name": "lot"})
    cell = client.cell_instance.create_or_get(first.id, {"name": "one", "batch_id": lot.id})
    detail = {"measurement": {"name": "m", "tags": ["x"]}, "time_series": SERIES}
    measured = client.cell_measurement.create_or_get(cell.id, detail)
    assert capsys.readouterr().out == ""
    assert client.cell_spec.create_or_get(spec).id == first.id
    assert client.cell_batch.create_or_get(first.id, {"name": "LOT"}).id == lot.id
    assert client.cell_instance.create_or_get(first.id, {"name": "one"}).batch_name == "lot"
    assert client.cell_measurement.create_or_get(cell.id, detail).id == measured.id
    assert capsys.readouterr().out.count("x-correlation-id: ") == 4
    with_name = client.resolve_measurement(spec["name"], "one", "m")
    assert (with_name.id, with_name.tags) == (measured.id, ["x"])


def test_pages(client: Any, lab: Lab) -> None:
    """Lists with a limit, an offset, an order and filters; `total` counts all."""
    spec = client.cell_spec.create({"name": lab.name()})
    for name in ("a", "b", "c"):
        client.cell_instance.create(spec.id, {"name": name})
    page = client.cell_instance.list(spec.id, limit=2, offset=1, order_by="name", order="asc")
    assert ([cell.name for cell in page], page.total) == (["b", "c"], 3)
    assert [cell.name for cell in client.cell_instance.list(spec.id, name_exact="b")] == ["b"]
    assert client.cell_instance.list(spec.id, created_after="2999-01-01").total == 0
    client.cell_instance.update(page[0].id, {"notes": "n"})
    client.cell_spec.delete(spec.id)
    assert failure(lambda: client.cell_instance.get(page[0].id)).status_code == 404


def test_large_bodies_come_compressed(client: Any, lab: Lab) -> None:
    """A body of half a megabyte and more is gzip on the wire."""
    spec = client.cell_spec.create({"name": lab.name(), "notes": "n" * 600_000})
    assert len(client.cell_spec.get(spec.id).notes) == 600_000


def test_measurements_come_back(client: Any, lab: Lab, tmp_path: Path) -> None:
    """Time series, a window of it, steps and cycles; properties; files."""
    cell = client.cell_instance.create(
        client.cell_spec.create({"name": lab.name()}).id, {"name": "c"}
    )
    body = {"measurement": {"name": "m"}, "time_series": SERIES}
    made = client.cell_measurement.create(cell.id, body)
    found = client.cell_measurement.detail(made.id, use_cache=False)
    assert found.time_series["Voltage [V]"].to_list() == SERIES["Voltage [V]"].tolist()
    assert found.steps["Discharge capacity [A.h]"].to_list() == pytest.approx([1 / 6])
    assert found.cycles["Cycle count"].to_list() == [0]
    window = client.cell_measurement.time_series(made.id, use_cache=False, row_range=(3, 6))
    assert window["Time [s]"].to_list() == [30.0, 40.0, 50.0]
    thickness = {"thickness": {"value": 0.5, "unit": "mm"}}
    told = client.cell_measurement.create_properties(cell.id, "p", thickness)
    assert told.properties == thickness
    (tmp_path / "a b.txt").write_text("hello")
    files = client.cell_measurement.create_file(cell.id, "f", [str(tmp_path / "a b.txt")])
    fetched = client.cell_measurement.download_files(files.id, use_cache=False)
    assert fetched == {"a b.txt": b"hello"}
    assert {m.name for m in client.cell_measurement.list(cell.id)} == {"m", "p", "f"}


def test_an_upload_that_cannot_be_processed(client: Any, lab: Lab) -> None:
    """The client waits for the processing, and raises what went wrong there, if anything did."""
    cell = client.cell_instance.create(
        client.cell_spec.create({"name": lab.name()}).id, {"name": "c"}
    )
    points: dict[str, Any] = {"Voltage [V]": [3.0, 3.1], "SOC": [0.1, 0.2], "Step count": [0, 0]}
    body = {"measurement": {"name": "curve", "data_type": "ocp"}, "time_series": points}
    client.cell_measurement.create(cell.id, body)
    body["measurement"] = {"name": "gap", "data_type": "ocp"}
    points["Voltage [V]"] = [3.0, None]
    with pytest.raises(MeasurementProcessingError, match="gaps"):
        client.cell_measurement.create(cell.id, body)


def test_a_simulation_is_waited_for(
    client: Any, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """Protocol, submission, polling with progress, result; a batch; their statuses."""
    experiment = {"protocol": f"# {lab.name()}\n{DISCHARGE}", "name": "p"}
    config = {"parameterized_model": QUICK, "protocol_experiment": experiment}
    made = client.simulation.protocol(config)
    client.simulation.wait_for_completion(made.simulation_id, poll_interval=0.05, verbose=True)
    assert "All simulations completed!" in capsys.readouterr().out
    result = client.simulation.get_result(made.simulation_id)
    assert result.time_series["Voltage [V]"][-1] == pytest.approx(3.2)
    assert result.steps["Delta capacity [A.h]"][-1] > 1.5
    assert result.metrics["Steps run"] == 2
    rows = [{"type": "discrete", "name": "R0 [Ohm]", "values": [0.01, 0.02]}]
    design = {"sampling": "grid", "rows": rows}
    batch = client.simulation.protocol_batch({**config, "design_parameters_doe": design})
    ids = [one.simulation_id for one in batch]
    done = client.simulation.wait_for_completion(ids, poll_interval=0.05, verbose=False)
    assert len(done) == len(client.simulation.get_statuses([*ids, "nope"])) == 2
    listed = client.simulation.list(protocol_id=made.protocol_id, state="completed")
    assert {one["id"] for one in listed} == {made.simulation_id, *ids}


def test_a_simulation_that_fails(client: Any, lab: Lab) -> None:
    """`IonworksError` with the job's reason."""
    endless = "steps: [{Discharge: {mode: C-rate, value: 1, ends: [Voltage > 5]}}]"
    experiment = {"protocol": endless, "name": "p"}
    made = client.simulation.protocol(
        {"parameterized_model": QUICK, "protocol_experiment": experiment}
    )
    wait = client.simulation.wait_for_completion
    error = failure(lambda: wait(made.simulation_id, poll_interval=0.05, verbose=False))
    assert "the cell is empty" in error.message


def test_a_pipeline(client: Any, lab: Lab) -> None:
    """Built by `ionworks_schema`, waited for, and its results decoded by type."""
    made = client.simulation.protocol(
        {
            "parameterized_model": QUICK,
            "protocol_experiment": {"protocol": DISCHARGE, "name": "p"},
        }
    )
    client.simulation.wait_for_completion(made.simulation_id, poll_interval=0.05, verbose=False)
    series = client.simulation.get_result(made.simulation_id).time_series
    assert isinstance(series, pl.DataFrame)
    objective = iws.objectives.CurrentDriven(
        data_input=series.select("Time [s]", "Current [A]", "Voltage [V]"),
        options={"model": iws.models.ECM(options={"rc pairs": "1"})},
    )
    values = {
        "Nominal cell capacity [A.h]": 2.0,
        "Initial SoC": 0.9,
        "R1 [Ohm]": 0.015,
        "C1 [F]": 4000.0,
    }
    r0 = iws.Parameter("R0 [Ohm]", initial_value=0.1, bounds=(1e-4, 1))
    fit = iws.DataFit(objectives={"one": objective}, parameters={"R0 [Ohm]": r0})
    elements = {
        "known": iws.direct_entries.DirectEntry(parameters=values),
        "fit": fit,
        "check": iws.Validation(objectives={"one": objective}),
    }
    pipeline = client.pipeline.create(iws.Pipeline(elements), name="mine")
    client.pipeline.wait_for_completion(pipeline.id, poll_interval=0.05, verbose=False)
    result = client.pipeline.result(pipeline.id)
    assert result.element("fit").parameter_values["R0 [Ohm]"] == pytest.approx(0.03, rel=1e-3)
    assert result.element("fit").success is True
    assert result.element("check").summary_stats["one"]["RMSE"] < 1e-5
    assert client.pipeline.list(limit=1, name="mine")[0].id == pipeline.id


def test_a_pipeline_that_fails(client: Any, lab: Lab) -> None:
    """`pipeline.error` is the server's traceback; waiting raises it."""
    values = {"Cell mass [kg]": 1.0, "Cell volume [m3]": 0.0}
    elements = {
        "known": iws.direct_entries.DirectEntry(parameters=values),
        "density": iws.calculations.DensityFromVolumeAndMass(),
    }
    made = client.pipeline.create(iws.Pipeline(elements))
    wait = client.pipeline.wait_for_completion
    assert (
        "ZeroDivisionError"
        in failure(lambda: wait(made.id, poll_interval=0.05, verbose=False)).message
    )
    assert "Traceback" in client.pipeline.get(made.id).error


def test_every_error(client: Any, connect: Callable[..., Any], lab: Lab) -> None:
    """Status, code and data of each refusal, as the client reads them."""
    name = lab.name()
    spec = client.cell_spec.create({"name": name})
    told = [
        (lambda: client.cell_spec.get("invalid-id"), 404, "NOT_FOUND"),
        (lambda: client.cell_measurement.get("invalid-id"), 404, "NOT_FOUND"),
        (lambda: client.cell_spec.create({"name": name}), 409, "CONFLICT"),
        (lambda: client.cell_spec.create({}), 422, "VALIDATION_ERROR"),
        (
            lambda: client.cell_instance.create(spec.id, {"name": "n", "batch_id": "x"}),
            400,
            "BAD_REQUEST",
        ),
        (lambda: connect("expired").cell_spec.list(), 401, "UNAUTHORIZED"),
        (lambda: connect("revoked").whoami(), 401, "UNAUTHORIZED"),
        (lambda: connect("no_project_access").cell_spec.create({"name": "n"}), 403, "FORBIDDEN"),
    ]
    for call, status, code in told:
        error = failure(call)
        assert (error.status_code, error.error_code) == (status, code)
        assert set(error.data) == {"error_code", "message", "detail"}
    with pytest.warns(DeprecationWarning, match="direct job"):
        error = failure(lambda: client.job.create(JobCreationPayload(job_type="x", params={})))
    assert (error.status_code, error.error_code) == (410, "GONE")


def test_a_refused_pipeline_is_a_value_error(connect: Callable[..., Any], lab: Lab) -> None:
    """The client turns these two into `ValueError`: no access, and a project that is no UUID."""
    pipeline = iws.Pipeline({"a": iws.direct_entries.DirectEntry(parameters={"b": 1.0})})
    with pytest.raises(ValueError, match="Access denied"):
        connect("no_project_access").pipeline.create(pipeline)
    with pytest.raises(ValueError, match="not a valid UUID"):
        connect(project_id="nonsense").pipeline.create(pipeline)


def test_outages(client: Any, connect: Callable[..., Any], lab: Lab) -> None:
    """500 without the store, 503 without the solver, 429 over the rate, 413 over the size."""
    spec = client.cell_spec.create({"name": lab.name()})
    with lab.stopped("store"):
        assert failure(lambda: client.cell_spec.get(spec.id)).error_code == "INTERNAL_ERROR"
    pipeline = iws.Pipeline({"a": iws.direct_entries.DirectEntry(parameters={"b": 1.0})})
    with lab.stopped("solver"):
        assert failure(lambda: client.pipeline.create(pipeline)).status_code == 503
    with lab.limited(requests_per_minute=1):
        client.session.get(lab.base + "/users/me")
        assert failure(lambda: client.cell_spec.create({"name": lab.name()})).status_code == 429
    with lab.limited(max_body_bytes=100):
        assert failure(lambda: client.cell_spec.create({"name": "x" * 200})).status_code == 413


def test_a_lost_answer(connect: Callable[..., Any], lab: Lab, adopted: bool) -> None:
    """By itself it sends a pipeline again, and it runs twice; adopted, it is given the first."""
    before, client = lab.created["pipelines"], connect(max_retries=5)
    post = {"method": "POST", "path": "/pipelines"}
    lab.suffer({"match": post, "fault": "lose_answer", "times": 1})
    pipeline = iws.Pipeline({"a": iws.direct_entries.DirectEntry(parameters={"b": 1.0})})
    made = client.pipeline.create(pipeline, name="lost", description="mine")
    found = client.pipeline.wait_for_completion(made.id, poll_interval=0.05, verbose=False)
    assert (found.name, found.description.splitlines()[0]) == ("lost", "mine")
    assert lab.created["pipelines"] - before == (1 if adopted else 2)
    lab.suffer()


def test_reads_are_retried(connect: Callable[..., Any], lab: Lab) -> None:
    """A read that fails once with a 5xx is repeated, and nobody notices."""
    client = connect(max_retries=5)
    spec = client.cell_spec.create({"name": lab.name()})
    match = {"method": "GET", "path": f"/cell_specifications/{spec.id}"}
    lab.suffer({"match": match, "fault": "status", "status": 500, "times": 1})
    assert client.cell_spec.get(spec.id).id == spec.id
    assert lab.control("GET", "/faults").json()["used"]
    lab.suffer()
