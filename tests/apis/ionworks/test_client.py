"""Our own client against the service, in both worlds: section 8 of Ionworks' checklist."""

from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

import failwell
from apis.ionworks.conftest import DISCHARGE, Lab
from apis.ionworks.test_jobs import LONG
from apis.ionworks.worlds import Clients
from failwell.apis.ionworks import AsyncIonworks, Ionworks, IonworksError
from failwell.clients import origin
from failwell.model import Outcome

QUICK_MODEL = {"capacity": 2.0, "chemistry": "NMC/Graphite"}
TIMES = [10.0 * number for number in range(61)]
SERIES: dict[str, list[Any]] = {
    "Time [s]": TIMES,
    "Voltage [V]": [4.1 - 0.0001 * time for time in TIMES],
    "Current [A]": [1.0] * len(TIMES),
    "Step count": [0] * len(TIMES),
}
VARIABLES = (
    *("IONWORKS_API_KEY", "IONWORKS_API_TOKEN", "IONWORKS_API_URL", "IONWORKS_PROJECT_ID"),
    *("PROJECT_ID", "IONWORKS_ORGANIZATION_ID", "IONWORKS_DATAFRAME_BACKEND"),
)


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["sync", "async"])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    made = Clients(request.param)
    yield made
    made.close()


@pytest.fixture
def client(clients: Clients, lab: Lab) -> Any:
    """A client with a good key."""
    return clients(lab)


@pytest.fixture
def cell(client: Any, lab: Lab) -> Any:
    """A cell to measure."""
    spec = client.cell_spec.create({"name": lab.name()})
    return client.cell_instance.create(spec.id, {"name": "cell"})


def suffer(lab: Lab, *faults: dict[str, Any]) -> None:
    """Replace the list of faults."""
    lab.suffer(*faults)


@pytest.fixture(autouse=True)
def _calm(lab: Lab) -> Iterator[None]:
    origin.forget()
    yield
    suffer(lab)


def failure(call: Any, *args: Any, **how: Any) -> Any:
    """The exception that a call raises."""
    with pytest.raises(IonworksError) as caught:
        call(*args, **how)
    return caught.value


# --- Connecting ----------------------------------------------------------------------------------


def test_without_a_key(clients: Clients) -> None:
    """No credential: `ValueError` at once, which names the variable."""
    with pytest.raises(ValueError, match="IONWORKS_API_KEY"):
        clients.at()


@pytest.mark.parametrize("world", [Ionworks, AsyncIonworks])
def test_an_address_by_another_name_is_refused(world: Any) -> None:
    """It would be passed over, and the key sent to Ionworks itself."""
    with pytest.raises(ValueError, match="api_url="):
        world("iw_k", base_url="http://127.0.0.1:9")


def test_the_environment(clients: Clients, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key, address and project come from their variables; a final slash does no harm."""
    monkeypatch.setenv("IONWORKS_API_KEY", lab.keys["key"])
    monkeypatch.setenv("IONWORKS_API_URL", lab.base + "//")
    monkeypatch.setenv("IONWORKS_PROJECT_ID", lab.project)
    client = clients.at()
    assert (client.api_url, client.project_id) == (lab.base, lab.project)
    assert client.whoami()["email"] == "ada@example.org"
    assert client.health_check()["status"] == "ok"


def test_a_token_beats_a_key(clients: Clients, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one source the token counts; what is given beats the environment."""
    keys = lab.keys
    monkeypatch.setenv("IONWORKS_API_TOKEN", keys["key"])
    monkeypatch.setenv("IONWORKS_API_KEY", keys["expired"])
    assert clients.at(api_url=lab.base).whoami()
    assert failure(clients(lab, "revoked").whoami).status_code == 401
    assert clients.at(api_url=lab.base, api_key=keys["revoked"], token=keys["key"]).whoami()


def test_the_old_project_variable(
    clients: Clients, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PROJECT_ID` still counts, with a warning."""
    monkeypatch.setenv("PROJECT_ID", "p-1")
    with pytest.warns(DeprecationWarning, match="IONWORKS_PROJECT_ID"):
        assert clients(lab).project_id == "p-1"


def test_the_organization(clients: Clients, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is sent along, and one that is not ours is refused."""
    monkeypatch.setenv("IONWORKS_ORGANIZATION_ID", "elsewhere")
    client = clients(lab)
    assert client.organization_id == "elsewhere"
    assert failure(client.whoami).status_code == 403


@pytest.mark.parametrize("world", [Ionworks, AsyncIonworks])
def test_defaults(world: Any) -> None:
    """10 s for an attempt, 5 retries; both can be changed, as the guide says."""
    client, other = world("iw_k"), world("iw_k", timeout=30, max_retries=3)
    assert client.api_url == "https://api.ionworks.com"
    assert (client.client.timeout.read, client.client.policy.retry.max_retries) == (10.0, 5)
    assert (other.client.timeout.read, other.client.policy.retry.max_retries) == (30.0, 3)


@pytest.mark.parametrize("world", [Ionworks, AsyncIonworks])
@pytest.mark.parametrize(("room", "timeout"), [("simulation", 60.0), ("pipeline", 600.0)])
def test_defaults_of_a_wait(world: Any, room: str, timeout: float) -> None:
    """Seconds in all, 2 s from one look to the next; it prints, and raises where the job fails."""
    parameters = inspect.signature(getattr(world("iw_k"), room).wait_for_completion).parameters
    assert {name: each.default for name, each in parameters.items() if name[-3:] != "_id"} == {
        "timeout": timeout,
        "poll_interval": 2.0,
        "verbose": True,
        "raise_on_failure": True,
    }


def test_a_key_that_no_header_may_hold() -> None:
    """It is refused, and not shown."""
    with pytest.raises(ValueError, match="API key") as caught:
        Ionworks("iw_\nsecret")
    assert "secret" not in repr(caught.value)


# --- Records -------------------------------------------------------------------------------------


def test_specifications(client: Any, lab: Lab) -> None:
    """Create, get, list, update, delete."""
    name = lab.name()
    ratings = {"capacity": {"value": 3, "unit": "A.h"}}
    spec = client.cell_spec.create({"name": name, "ratings": ratings, "form_factor": "21700"})
    assert (spec.name, spec.project_id, spec.form_factor) == (name, lab.project, "21700")
    assert client.cell_spec.get(spec.id) == spec
    page = client.cell_spec.list(limit=1, name_exact=name, project_id=lab.project)
    assert ([each.id for each in page], page.total) == ([spec.id], 1)
    assert client.cell_spec.list(form_factor="21700", created_after="2999-01-01").total == 0
    assert client.cell_spec.update(spec.id, {"notes": "n"}).notes == "n"
    assert client.cell_spec.delete(spec.id) is None
    assert isinstance(failure(client.cell_spec.get, spec.id), failwell.NotFoundError)


def test_pages(client: Any, lab: Lab) -> None:
    """A page is a list, and knows how many there are in all."""
    spec = client.cell_spec.create({"name": lab.name()})
    for name in ("a", "b", "c"):
        client.cell_instance.create(spec.id, {"name": name})
    page = client.cell_instance.list(spec.id, 2, 1, order_by="name", order="asc")
    assert ([cell.name for cell in page], len(page), page.total) == (["b", "c"], 2, 3)
    assert [cell.name for cell in client.cell_instance.list(spec.id, name="B")] == ["b"]
    with pytest.raises(TypeError, match="there is no filter colour"):
        client.cell_spec.list(colour="red")


def test_lots(client: Any, lab: Lab) -> None:
    """A cell is in a lot by its id; the old member `batch` is refused here."""
    spec = client.cell_spec.create({"name": lab.name()})
    lot = client.cell_batch.create_or_get(spec.id, {"name": "lot"})
    cell = client.cell_instance.create(spec.id, {"name": "one", "batch_id": lot.id})
    assert (cell.batch_name, client.cell_batch.get(lot.id).instance_count) == ("lot", 1)
    assert [each.id for each in client.cell_batch.list(spec.id)] == [lot.id]
    assert [each.id for each in client.cell_instance.list(spec.id, batch_id=lot.id)] == [cell.id]
    assert client.cell_batch.update(lot.id, {"name": "lot 2"}).name == "lot 2"
    assert client.cell_instance.update(cell.id, {"notes": "x"}).notes == "x"
    with pytest.raises(ValueError, match="batch_id"):
        client.cell_instance.create(spec.id, {"name": "two", "batch": "lot"})
    client.cell_batch.delete(lot.id)
    client.cell_instance.delete(cell.id)


def test_large_bodies_are_compressed(client: Any, lab: Lab) -> None:
    """Half a megabyte of JSON is accepted by a service that takes less than that on the wire."""
    notes = "n" * 600_000
    assert client.cell_spec.create({"name": lab.name(), "notes": notes}).notes == notes


@pytest.mark.parametrize("bad", ["", ".", "..", 7, None])
def test_what_is_no_id(client: Any, bad: Any) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ValueError, match="is not an id"):
        client.cell_spec.get(bad)


@pytest.mark.parametrize("bad", ["a name", None, [1], {"name": object()}, {"name": "\ud800"}])
def test_what_is_no_record(client: Any, bad: Any) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ValueError, match=r"by name|as JSON"):
        client.cell_spec.create(bad)


# --- Errors --------------------------------------------------------------------------------------


def test_what_an_error_tells(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`message`, `data`, `status_code`, `error_code`, both in `str`, and the id that is printed."""
    error = failure(client.cell_spec.get, "invalid-id")
    assert (error.status_code, error.error_code) == (404, "NOT_FOUND")
    assert "invalid-id" in error.message
    assert set(error.data) == {"error_code", "message", "detail"}
    assert str(error) == f"error code: 404, message: {error.message}"
    assert capsys.readouterr().out == f"x-correlation-id: {error.correlation_id}\n"
    assert pickle.loads(pickle.dumps(error)) == error


def test_printing_can_be_turned_off(
    clients: Clients, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """The id is on the exception all the same; other clients of the contract print nothing."""
    error = failure(clients(lab, print_correlation_id=False).cell_measurement.get, "invalid-id")
    headers = {"X-API-Key": lab.keys["key"]}
    contract = failwell.apis.ionworks.IONWORKS
    with (
        failwell.Client(contract=contract, base_url=lab.base, headers=headers) as bare,
        pytest.raises(IonworksError),
    ):
        bare.get("cell_specifications/x")
    assert re.fullmatch(r"[0-9a-f-]+", error.correlation_id)
    assert capsys.readouterr().out == ""


def test_each_status(client: Any, clients: Clients, lab: Lab) -> None:
    """The guide's five, and those beside them, by their true causes."""
    name = lab.name()
    spec = client.cell_spec.create({"name": name})
    create, told = client.cell_spec.create, []
    told.append(
        (failure(clients(lab, "expired").cell_spec.list), 401, failwell.AuthenticationError)
    )
    guest = clients(lab, "no_project_access")
    told.append(
        (failure(guest.cell_spec.create, {"name": "n"}), 403, failwell.PermissionDeniedError)
    )
    told.append((failure(client.cell_spec.get, "nope"), 404, failwell.NotFoundError))
    told.append((failure(create, {"name": name}), 409, failwell.ConflictError))
    told.append((failure(create, {}), 422, failwell.UnprocessableError))
    bad = {"name": "n", "batch_id": "x"}
    told.append((failure(client.cell_instance.create, spec.id, bad), 400, failwell.BadRequestError))
    with lab.limited(max_body_bytes=50):
        error = failure(create, {"name": "x" * 99})
        told.append((error, 413, failwell.PayloadTooLargeError))
    for error, status, cls in told:
        assert (error.status_code, isinstance(error, cls)) == (status, True)
        assert error.outcome in (None, Outcome.NOT_STARTED)
    assert told[3][0].data["detail"]["existing_id"] == spec.id
    assert told[4][0].data["detail"][0]["loc"] == ["body", "name"]


def test_the_store_is_stopped(clients: Clients, lab: Lab) -> None:
    """500; a write says that it was rolled back."""
    client = clients(lab, max_retries=0)
    with lab.stopped("store"):
        read = failure(client.cell_spec.get, "x")
        write = failure(client.cell_spec.create, {"name": lab.name()})
    assert (read.status_code, read.outcome) == (500, None)
    assert isinstance(read, failwell.ServerError)
    assert (write.error_code, write.outcome) == ("INTERNAL_ERROR", Outcome.ROLLED_BACK)


def test_nobody_there(clients: Clients) -> None:
    """A connection that is refused is an `IonworksError`, without status, data and code."""
    client = clients.at(api_key="k", api_url="http://127.0.0.1:9", max_retries=0)
    error = failure(client.cell_spec.get, "x")
    assert isinstance(error, failwell.APIConnectionError)
    assert (error.status_code, error.data, error.error_code) == (None, None, None)


def test_nobody_answers_in_time(
    clients: Clients, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """An attempt that takes longer than `timeout` ends as an `IonworksError`, and prints nothing,
    for no header came."""
    suffer(lab, {"fault": "delay", "seconds": 1.0})
    error = failure(clients(lab, timeout=0.1, max_retries=0).cell_spec.get, "x")
    assert isinstance(error, failwell.APITimeoutError)
    assert (error.status_code, error.data, error.error_code) == (None, None, None)
    assert capsys.readouterr().out == ""


def test_a_gateway_without_an_id(
    clients: Clients, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """The id that is printed is the answer's own, never the one that was sent."""
    suffer(lab, {"fault": "html_502"})
    error = failure(clients(lab, max_retries=0).cell_spec.get, "x")
    assert (error.status_code, error.data) == (502, None)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("retries", [0, 3])
def test_as_many_retries_as_are_asked_for(
    clients: Clients, lab: Lab, capsys: pytest.CaptureFixture[str], retries: int
) -> None:
    """A read is sent that many times more; the last answer is the error, and its id is printed."""
    suffer(lab, {"fault": "status", "status": 503})
    error = failure(clients(lab, max_retries=retries).cell_spec.get, "x")
    assert (error.status_code, len(error.attempts)) == (503, retries + 1)
    assert capsys.readouterr().out == f"x-correlation-id: {error.correlation_id}\n"


def test_the_rate_limit(clients: Clients, lab: Lab) -> None:
    """429 with the seconds to wait; nothing was done."""
    client = clients(lab, policy=failwell.Policy(retry=None, governor=None))
    with lab.limited(requests_per_minute=1):
        lab.call("GET", "/users/me")
        error = failure(client.cell_spec.create, {"name": lab.name()})
    assert isinstance(error, failwell.RateLimitError)
    assert (error.status_code, error.outcome) == (429, Outcome.NOT_STARTED)
    assert error.retry_after > 0


# --- Measurements --------------------------------------------------------------------------------


def test_a_measurement(client: Any, cell: Any) -> None:
    """Uploaded, processed, and read again, as a table, with its steps and cycles."""
    detail = {"measurement": {"name": "m", "tags": ["x"]}, "time_series": SERIES}
    made = client.cell_measurement.create(cell.id, detail)
    assert (made.name, made.tags, made.processing_status) == ("m", ["x"], "ready")
    found = client.measurement.time_series(made.id)
    assert isinstance(found, pl.DataFrame)
    assert found["Voltage [V]"].to_list() == SERIES["Voltage [V]"]
    both = client.cell_measurement.steps_and_cycles(made.id)
    assert both.steps["Discharge capacity [A.h]"].to_list() == pytest.approx([1 / 6])
    assert client.cell_measurement.steps(made.id).equals(both.steps)
    assert client.cell_measurement.cycles(made.id)["Cycle count"].to_list() == [0]
    assert [m.id for m in client.cell_measurement.list(cell.id, name_exact="m")] == [made.id]
    assert client.cell_measurement.update(made.id, {"notes": "n"}).notes == "n"
    client.cell_measurement.delete(made.id)
    assert failure(client.cell_measurement.get, made.id).status_code == 404


def test_properties(client: Any, cell: Any) -> None:
    """Single values need no upload."""
    thickness = {"thickness": {"value": 0.5, "unit": "mm"}}
    made = client.cell_measurement.create_properties(cell.id, "p", thickness, notes="by hand")
    assert (made.properties, made.notes) == (thickness, "by hand")


@pytest.mark.parametrize("backend", ["polars", "pandas", "rows"])
def test_tables_of_every_kind(clients: Clients, lab: Lab, backend: str) -> None:
    """Frames, columns and rows go in; what comes out is what was asked for."""
    client = clients(lab, dataframe_backend=backend)
    spec = client.cell_spec.create({"name": lab.name()})
    cell = client.cell_instance.create(spec.id, {"name": "c"})
    frame = pl.DataFrame(SERIES)
    given = {"polars": frame, "pandas": frame.to_pandas, "rows": frame.to_dicts}[backend]
    table = given() if callable(given) else given
    detail = {"measurement": {"name": "m"}, "time_series": table}
    made = client.cell_measurement.create(cell.id, detail)
    found = client.cell_measurement.time_series(made.id)
    assert type(found) is type(table)
    assert len(found) == len(TIMES)
    assert len(client.cell_measurement.steps(made.id)) == 1


def test_the_kind_of_table_from_the_environment(
    client: Any, clients: Clients, cell: Any, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`IONWORKS_DATAFRAME_BACKEND`; an argument goes before it."""
    series = {"measurement": {"name": "m"}, "time_series": SERIES}
    made = client.cell_measurement.create(cell.id, series)
    monkeypatch.setenv("IONWORKS_DATAFRAME_BACKEND", "rows")
    assert type(clients(lab).cell_measurement.time_series(made.id)) is list
    frame = clients(lab, dataframe_backend="polars").cell_measurement.time_series(made.id)
    assert isinstance(frame, pl.DataFrame)


def test_a_backend_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused when the client is made."""
    with pytest.raises(ValueError, match="polars, pandas, rows"):
        Ionworks("k", dataframe_backend="excel")
    monkeypatch.setenv("IONWORKS_DATAFRAME_BACKEND", "excel")
    with pytest.raises(ValueError, match="polars, pandas, rows"):
        Ionworks("k")


def test_an_upload_that_cannot_be_processed(client: Any, cell: Any) -> None:
    """`IonworksError` with the server's reason; the measurement is there."""
    points = {"Voltage [V]": [3.0, None], "SOC": [0.1, 0.2], "Step count": [0, 0]}
    detail = {"measurement": {"name": "gap", "data_type": "ocp"}, "time_series": points}
    error = failure(client.cell_measurement.create, cell.id, detail)
    assert isinstance(error, failwell.JobFailedError)
    assert "gaps" in error.message
    assert client.cell_measurement.get(error.job_id).processing_status == "failed"
    late = client.cell_measurement.create(
        cell.id,
        {**detail, "measurement": {"name": "later"}, "time_series": SERIES},
        wait_for_processing=False,
    )
    assert client.cell_measurement.wait_for_processing(late.id).processing_status == "ready"


# --- Jobs ----------------------------------------------------------------------------------------


def submitted(client: Any, protocol: str = DISCHARGE, **more: Any) -> Any:
    """A simulation of a quick model."""
    experiment = {"protocol": protocol, "name": "p"}
    config = {"parameterized_model": QUICK_MODEL, "protocol_experiment": experiment}
    return client.simulation.protocol({**config, **more})


def test_a_simulation_is_waited_for(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """By its id or as it was submitted; `verbose` prints its states on standard output."""
    made = submitted(client, design_parameters={"R0 [Ohm]": 0.02})
    done = client.simulation.wait_for_completion(made.simulation_id, poll_interval=0.05)
    assert (done.id, done.status, done.is_finished) == (made.simulation_id, "completed", True)
    assert re.search(rf"^Simulation {done.id}.*: completed$", capsys.readouterr().out, re.M)
    client.simulation.wait_for_completion(made, poll_interval=0.05, verbose=False)
    assert capsys.readouterr().out == ""
    result = client.simulation.get_result(made.simulation_id)
    assert result.time_series["Voltage [V]"][-1] == pytest.approx(3.2)
    assert (len(result.steps), result.metrics["Steps run"]) == (2, 2)
    assert client.simulation.get(done.id).design_parameters == {"R0 [Ohm]": 0.02}
    assert client.simulation.list(limit=1)[0].id == done.id
    assert client.job.get(made.job_id).status == "completed"
    assert made.job_id in [job.job_id for job in client.job.list()]
    assert client.job.cancel(made.job_id).status == "completed"
    client.simulation.delete(done.id)


def test_simulations_are_waited_for(client: Any) -> None:
    """Several at once, in their order; by conditions or by a design."""
    config = {
        "parameterized_model": QUICK_MODEL,
        "protocol_experiment": {"protocol": DISCHARGE, "name": "p"},
    }
    rows = [{"type": "discrete", "name": "R0 [Ohm]", "values": [0.01, 0.02]}]
    design = {"sampling": "grid", "rows": rows}
    batch = client.simulation.protocol_batch({**config, "design_parameters_doe": design})
    ids = [each.simulation_id for each in batch]
    done = client.simulation.wait_for_completion(ids, poll_interval=0.05, verbose=False)
    assert [each.id for each in done] == ids
    again = {"parameterized_model": QUICK_MODEL, "protocol_id": batch[0].protocol_id}
    runs = [{"design_parameters": {"R0 [Ohm]": 0.03}}]
    (one,) = client.simulation.protocol_batch({**again, "conditions": runs})
    assert one.protocol_id == batch[0].protocol_id


ENDLESS = "steps: [{Discharge: {mode: C-rate, value: 1, ends: [Voltage > 5]}}]"


def test_a_simulation_that_fails(client: Any) -> None:
    """`IonworksError` with the solver's reason, or the record with it."""
    made = submitted(client, ENDLESS)
    wait = client.simulation.wait_for_completion
    error = failure(wait, made.simulation_id, poll_interval=0.05, verbose=False)
    assert isinstance(error, failwell.JobFailedError)
    assert "the cell is empty" in error.message
    told = wait(made, poll_interval=0.05, verbose=False, raise_on_failure=False)
    assert (told.status, told.is_finished) == ("failed", False)
    assert "the cell is empty" in told.error
    other = submitted(client, ENDLESS)
    both = failure(wait, [made, other], poll_interval=0.05, verbose=False)
    assert both.message.startswith("2 jobs failed")
    assert set(both.details) == {made.job_id, other.job_id}


def test_time_is_up(client: Any, lab: Lab) -> None:
    """It is a `TimeoutError`, too; the job goes on, and is waited for again."""
    series = {"measurement": {"name": "m"}, "time_series": SERIES}
    spec = client.cell_spec.create({"name": lab.name()})
    cell = client.cell_instance.create(spec.id, {"name": "c"})
    with lab.stopped("solver"):
        made = client.cell_measurement.create(cell.id, series, wait_for_processing=False)
        late = failure(client.cell_measurement.wait_for_processing, made.id, timeout=0.2)
    assert isinstance(late, TimeoutError)
    assert isinstance(late, failwell.JobTimeoutError)
    assert (late.job_id, late.state) == (made.id, "pending")
    assert pickle.loads(pickle.dumps(late)) == late
    assert client.cell_measurement.wait_for_processing(made.id).processing_status == "ready"


def test_time_is_up_for_a_job(client: Any, lab: Lab) -> None:
    """The same for a simulation and for a pipeline that waits behind it: neither is lost."""
    simulation = submitted(client, LONG).simulation_id
    pipeline = client.pipeline.create({"elements": DENSITY}).id
    waits = (
        (client.simulation.wait_for_completion, simulation),
        (client.pipeline.wait_for_completion, pipeline),
    )
    with lab.stopped("solver"):
        for wait, made in waits:
            late = failure(wait, made, timeout=0.1, poll_interval=0.05, verbose=False)
            assert isinstance(late, TimeoutError)
            assert isinstance(late, failwell.JobTimeoutError)
    for wait, made in waits:
        done = wait(made, poll_interval=0.05, verbose=False, raise_on_failure=False)
        assert done.id == made


def test_a_configuration_that_is_wrong(client: Any) -> None:
    """It is refused before anything is sent."""
    for config, why in (
        ({"protocol_experiment": {}, "protocol_id": "x"}, "either a protocol"),
        ({"protocol_id": "x", "colour": "red"}, "has no 'colour'"),
        ({"protocol_id": "x", "conditions": []}, r"protocol_batch\(\)"),
    ):
        with pytest.raises(ValueError, match=why):
            client.simulation.protocol(config)


DENSITY = {
    "known": {
        "element_type": "entry",
        "values": {"Cell mass [kg]": 1.0, "Cell volume [m3]": 0.0},
    },
    "density": {"element_type": "calculation", "type": "DensityFromVolumeAndMass"},
}


def test_a_pipeline(client: Any) -> None:
    """Created, waited for, and its result; by name in the list."""
    elements = {
        **DENSITY,
        "known": {**DENSITY["known"], "values": {"Cell mass [kg]": 1.0, "Cell volume [m3]": 0.5}},
    }
    made = client.pipeline.create({"elements": elements}, name="mine", description="d")
    done = client.pipeline.wait_for_completion(made.id, poll_interval=0.05, verbose=False)
    assert (done.status, done.error, done.is_failed) == ("completed", None, False)
    found = client.pipeline.result(made.id)
    assert found.element_results["density"]["parameter_values"] == {"Cell density [kg.m-3]": 2.0}
    assert [each.status for each in client.pipeline.elements(made.id)] == ["completed"] * 2
    assert client.pipeline.list(limit=1, name="min")[0].id == made.id
    assert client.pipeline.update(made.id, name="other").name == "other"
    assert client.pipeline.cancel(made.id).status == "completed"
    client.pipeline.delete(made.id)
    with pytest.raises(ValueError, match="elements"):
        client.pipeline.create({})
    with pytest.raises(ValueError, match="name or a description"):
        client.pipeline.update(made.id)


def test_a_pipeline_that_fails(client: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """`pipeline.error` is the server's traceback; waiting raises it, unless it is not to."""
    made = client.pipeline.create({"elements": DENSITY})
    wait = client.pipeline.wait_for_completion
    error = failure(wait, made.id, poll_interval=0.05)
    assert "ZeroDivisionError" in error.message
    assert f"Pipeline {made.id}: failed" in capsys.readouterr().out
    told = wait(made.id, poll_interval=0.05, verbose=False, raise_on_failure=False)
    assert "Traceback" in told.error
    assert client.pipeline.get(made.id).error == told.error


# --- Both worlds ---------------------------------------------------------------------------------

ROOMS = (
    *("cell_spec", "cell_batch", "cell_instance", "cell_measurement", "measurement"),
    *("simulation", "pipeline", "job"),
)


@pytest.mark.parametrize("room", ROOMS)
def test_the_same_in_both_worlds(room: str) -> None:
    """Each room has the same methods, which take the same and say what they do."""
    ours, theirs = getattr(Ionworks("k"), room), getattr(AsyncIonworks("k"), room)

    def told(of: object) -> dict[str, inspect.Signature]:
        methods = inspect.getmembers(of, inspect.ismethod)
        assert all(method.__doc__ for name, method in methods if name[0] != "_")
        return {name: inspect.signature(m) for name, m in methods if name[0] != "_"}

    assert told(ours) == told(theirs)
    assert type(theirs).__name__ == f"Async{type(ours).__name__}"


@pytest.mark.parametrize("secret", ["iw_very_secret"])
def test_nothing_secret_is_shown(secret: str) -> None:
    """Neither the client nor its parts give the key away."""
    client = Ionworks(secret)
    shown = [repr(each) for each in (client, client.client, client.cell_spec, vars(client))]
    assert not any(secret in text for text in shown)
