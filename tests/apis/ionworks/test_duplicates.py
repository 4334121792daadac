"""Nothing is made twice at Ionworks: `create_or_get`, lost answers, outages, in both worlds."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import failwell
from apis.ionworks.conftest import DISCHARGE, Lab
from apis.ionworks.test_client import DENSITY, SERIES
from apis.ionworks.worlds import Clients
from failwell.apis.ionworks import IONWORKS, IonworksError, RecordDiffersWarning
from failwell.apis.ionworks.client import uploads
from failwell.clients import origin
from failwell.model import Outcome, Response, Sent

KINDS = ["spec", "batch", "cell", "properties", "measurement"]


@pytest.fixture(params=["sync", "async"])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    made = Clients(request.param)
    yield made
    made.close()


@pytest.fixture(params=[True, False], ids=["with project", "without project"])
def client(request: pytest.FixtureRequest, clients: Clients, lab: Lab) -> Any:
    """A client that knows its project, and one that leaves it to the key."""
    return clients(lab, project_id=lab.project if request.param else None)


@pytest.fixture(autouse=True)
def _calm(lab: Lab) -> Iterator[None]:
    origin.forget()
    yield
    lab.suffer()


def suffer(lab: Lab, fault: str, path: str, *, method: str = "POST", **more: Any) -> None:
    """Let this happen once to a request of this kind."""
    match = {"method": method, "path": path}
    lab.suffer({"match": match, "fault": fault, "times": 1, **more})


class Shelf:
    """A specification and a cell, and what is made below them by each kind of create."""

    def __init__(self, client: Any, lab: Lab) -> None:
        self.spec = client.cell_spec.create({"name": lab.name()})
        self.cell = client.cell_instance.create(self.spec.id, {"name": "cell"})
        self._client, self._lab, self._name = client, lab, lab.name()

    def size(self) -> int:
        """How many records there are; the lots, which the sandbox does not count, are these."""
        return sum(self._lab.created.values()) + self._client.cell_batch.list(self.spec.id).total

    def make(self, kind: str, *, or_get: bool = False) -> Any:
        """A record of this kind, under a name that is the same each time."""
        named: dict[str, Any] = {"name": self._name, "notes": "n"}
        if kind == "properties":
            weight = {"weight": {"value": 50, "unit": "g"}}
            return self._client.cell_measurement.create_properties(
                self.cell.id, named["name"], weight, notes="n"
            )
        verb = "create_or_get" if or_get else "create"
        make: dict[str, Callable[[], Any]] = {
            "spec": lambda: getattr(self._client.cell_spec, verb)(named),
            "batch": lambda: getattr(self._client.cell_batch, verb)(self.spec.id, named),
            "cell": lambda: getattr(self._client.cell_instance, verb)(self.spec.id, named),
            "measurement": lambda: getattr(self._client.cell_measurement, verb)(
                self.cell.id, {"measurement": named, "time_series": SERIES}
            ),
        }
        return make[kind]()


PATHS = {
    "spec": ["/cell_specifications"],
    "batch": ["/cell_specifications/*"],
    "cell": ["/cell_specifications/*"],
    "properties": ["/cell_instances/*"],
    "measurement": ["/cell_instances/*", "/cell_measurements/*"],
}
"""Where the writes of each kind go."""


@pytest.mark.parametrize("kind", ["spec", "batch", "cell", "measurement"])
def test_a_second_run(client: Any, lab: Lab, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`create_or_get` gives the same record again, and prints the id of the 409."""
    shelf = Shelf(client, lab)
    first, made = shelf.make(kind, or_get=True), lab.created
    assert capsys.readouterr().out == ""
    again = shelf.make(kind, or_get=True)
    assert (again.id, again.notes, lab.created) == (first.id, "n", made)
    assert capsys.readouterr().out.startswith("x-correlation-id: ")


@pytest.mark.parametrize("kind", ["spec", "batch", "cell", "measurement"])
def test_the_record_that_is_there_and_cannot_be_read(clients: Clients, lab: Lab, kind: str) -> None:
    """The failed look says that the write itself did nothing, and tells both."""
    client = clients(lab, project_id=lab.project, max_retries=0)
    shelf = Shelf(client, lab)
    shelf.make(kind, or_get=True)
    lab.suffer({"match": {"method": "GET", "path": "/cell*"}, "fault": "reset", "times": 9})
    with pytest.raises(IonworksError) as caught:
        shelf.make(kind, or_get=True)
    assert isinstance(caught.value, failwell.APIConnectionError)
    assert caught.value.outcome is Outcome.NOT_STARTED
    assert [attempt.method for attempt in caught.value.attempts] == ["POST", "GET"]


@pytest.mark.parametrize("kind", ["spec", "batch", "cell", "measurement"])
def test_a_record_that_is_another(client: Any, lab: Lab, kind: str) -> None:
    """`create_or_get` gives it, as the guide promises, and does not pass it off for what was given:
    a warning, at the caller's own line, says which fields differ and how."""
    shelf = Shelf(client, lab)
    first = shelf.make(kind)
    room = {"spec": "cell_spec", "batch": "cell_batch", "cell": "cell_instance"}
    getattr(client, room.get(kind, "cell_measurement")).update(first.id, {"notes": "other"})
    with pytest.warns(RecordDiffersWarning) as caught:
        again = shelf.make(kind, or_get=True)
    assert (again.id, again.notes) == (first.id, "other")
    (told,) = caught
    assert "notes was sent as 'n' and is 'other' there" in str(told.message)
    assert first.id in str(told.message)
    assert "failwell" not in Path(told.filename).parts


def test_plain_create_is_refused(client: Any, lab: Lab) -> None:
    """Its 409 names the record, and is no warning."""
    shelf = Shelf(client, lab)
    first = shelf.make("spec")
    with pytest.raises(IonworksError) as caught:
        shelf.make("spec")
    assert caught.value.data["detail"]["existing_id"] == first.id


def test_who_wants_no_other_record_makes_the_warning_an_error(client: Any, lab: Lab) -> None:
    """By Python's own means, for a whole script or for a part of it."""
    shelf = Shelf(client, lab)
    client.cell_spec.update(shelf.make("spec").id, {"notes": "other"})
    with warnings.catch_warnings():
        warnings.simplefilter("error", RecordDiffersWarning)
        with pytest.raises(RecordDiffersWarning, match="notes"):
            shelf.make("spec", or_get=True)


@pytest.mark.parametrize("fault", ["lose_answer", "reset", "cut_body", "truncate"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_answer(client: Any, lab: Lab, kind: str, fault: str) -> None:
    """Whichever write of a create loses its answer, the record is given, and made once."""
    shelf = Shelf(client, lab)
    for path in PATHS[kind]:
        before = shelf.size()
        suffer(lab, fault, path)
        record = shelf.make(kind, or_get=path != PATHS[kind][0])
        assert record.id
        assert shelf.size() == before + (path == PATHS[kind][0])
        assert lab.control("GET", "/faults").json()["used"]


@pytest.mark.parametrize("fault", ["html_502", "status"])
@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_an_outage(client: Any, lab: Lab, kind: str, fault: str, committed: bool) -> None:
    """A 5xx that says nothing of the write: it is looked up, and sent again where it is not
    there."""
    shelf = Shelf(client, lab)
    before = shelf.size()
    suffer(lab, fault, PATHS[kind][-1], committed=committed)
    assert shelf.make(kind).id
    assert shelf.size() == before + 1


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_lost_change(client: Any, lab: Lab, method: str) -> None:
    """A change that was made is found; one that was deleted is gone."""
    spec = client.cell_spec.create({"name": lab.name()})
    suffer(lab, "lose_answer", f"/cell_specifications/{spec.id}", method=method)
    if method == "PATCH":
        assert client.cell_spec.update(spec.id, {"notes": "n"}).notes == "n"
    else:
        assert client.cell_spec.delete(spec.id) is None


def test_a_race(client: Any, lab: Lab) -> None:
    """Somebody else confirms a measurement of this name between the links and our confirmation."""
    shelf, other = Shelf(client, lab), lab.name()
    detail = {"measurement": {"name": other}, "time_series": SERIES}
    plan = uploads.draft(shelf.cell.id, detail)
    begun = lab.begun({"id": shelf.cell.id}, other)
    theirs = client.cell_measurement.create(shelf.cell.id, detail)
    lab.http.put(begun["uploads"][0]["signed_url"], content=plan.files["time_series.parquet"])
    room = client.cell_measurement
    links = msgspec.convert(begun, uploads.Begun)
    assert room._run(uploads.or_get(plan, uploads.confirm(plan, links))).id == theirs.id
    with pytest.raises(failwell.ConflictError):
        room._run(uploads.confirm(plan, links))


def test_a_lost_upload(client: Any, lab: Lab) -> None:
    """A file whose PUT is cut is put again."""
    shelf = Shelf(client, lab)
    suffer(lab, "reset", "/storage/*", method="PUT")
    assert shelf.make("measurement").processing_status == "ready"


def test_a_lost_cancellation(client: Any, lab: Lab) -> None:
    """A pipeline whose cancellation's answer is lost is seen to be cancelled."""
    with lab.stopped("solver"):
        pass
    made = client.pipeline.create({"elements": DENSITY})
    suffer(lab, "lose_answer", f"/pipelines/{made.id}/cancel")
    assert client.pipeline.cancel(made.id).is_terminal


@pytest.mark.parametrize("fault", ["lose_answer", "cut_body", "truncate", "html_502", "status"])
def test_a_lost_pipeline(client: Any, lab: Lab, fault: str) -> None:
    """It is found by its tag, of which the caller sees nothing, and was made once."""
    before = lab.created["pipelines"]
    more = {"committed": True} if fault in ("html_502", "status") else {}
    suffer(lab, fault, "/pipelines", **more)
    made = client.pipeline.create({"elements": DENSITY}, name="n", description="mine")
    assert (made.name, made.description) == ("n", "mine")
    assert client.pipeline.get(made.id).description == "mine"
    held = lab.call("GET", f"/pipelines/{made.id}").json()["description"]
    assert re.fullmatch(r"mine\n\nfailwell-tag: [0-9a-f-]{36}", held)
    assert lab.created["pipelines"] == before + 1


def test_a_pipeline_that_is_not_found(client: Any, lab: Lab) -> None:
    """It may still be on its way: the outcome is unknown, and it is not sent again."""
    before = lab.created["pipelines"]
    suffer(lab, "reset", "/pipelines")
    with pytest.raises(IonworksError) as caught:
        client.pipeline.create({"elements": DENSITY})
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(caught.value.attempts) == 1
    assert client.settle(caught.value).outcome is Outcome.UNKNOWN
    assert lab.created["pipelines"] == before


def test_a_pipeline_is_found_later(client: Any, lab: Lab) -> None:
    """The exception is enough, also from a pickle; the record is that of the API."""
    broken = {"match": {"method": "GET"}, "fault": "html_502", "times": 3}
    lost = {"match": {"method": "POST", "path": "/pipelines"}, "fault": "lose_answer", "times": 1}
    lab.suffer(lost, broken)
    with pytest.raises(IonworksError) as caught:
        client.pipeline.create({"elements": DENSITY})
    assert caught.value.outcome is Outcome.UNKNOWN
    client.pipeline.create({"elements": DENSITY})
    settled = client.settle(pickle.loads(pickle.dumps(caught.value)))
    assert settled.outcome is Outcome.APPLIED
    assert settled.record["id"] in {each.id for each in client.pipeline.list()}


def test_a_lost_protocol(client: Any, lab: Lab) -> None:
    """The same text is one template: it is sent again, and the simulation is made once."""
    before = lab.created["simulations"]
    suffer(lab, "lose_answer", "/protocols/*")
    experiment = {"protocol": DISCHARGE, "name": "1C"}
    config = {"parameterized_model": {"capacity": 2.0}, "protocol_experiment": experiment}
    assert client.simulation.protocol(config).simulation_id
    assert lab.created["simulations"] == before + 1


def test_a_lost_simulation(client: Any, lab: Lab) -> None:
    """Nothing tells it from another one: the outcome is unknown, and it was made once."""
    before = lab.created["simulations"]
    suffer(lab, "lose_answer", "/simulations/*")
    experiment = {"protocol": DISCHARGE, "name": "1C"}
    config = {"parameterized_model": {"capacity": 2.0}, "protocol_experiment": experiment}
    with pytest.raises(IonworksError) as caught:
        client.simulation.protocol(config)
    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(caught.value.attempts) == 1
    assert "cannot be looked up" in (caught.value.advice or "")
    assert "cannot be looked for" in client.settle(caught.value).why
    assert lab.created["simulations"] == before + 1


def test_settled_later(clients: Clients, lab: Lab) -> None:
    """A create that was left unknown is settled by its name."""
    client = clients(lab, project_id=lab.project, policy=failwell.Policy(retry=None))
    name = lab.name()
    faults = [
        {"match": {"method": "POST"}, "fault": "lose_answer", "times": 1},
        {"match": {"method": "GET"}, "fault": "html_502", "times": 3},
    ]
    lab.suffer(*faults)
    with pytest.raises(IonworksError) as caught:
        client.cell_spec.create({"name": name})
    assert caught.value.outcome is Outcome.UNKNOWN
    settled = client.settle(caught.value)
    assert (settled.outcome, settled.record["name"]) == (Outcome.APPLIED, name)


def test_what_is_looked_for() -> None:
    """The contract's look-ups, by path; where there is nothing to ask for, nothing is asked."""
    assert IONWORKS.look_up is not None
    base, body = "https://api.ionworks.com", b'{"name": "a b", "project_id": "p"}'

    def asked(path: str, method: str = "POST", content: bytes = body) -> str | None:
        assert IONWORKS.look_up is not None
        sent = Sent(method=method, url=base + path, at=0.0, body=content)
        found = IONWORKS.look_up.request(sent)
        return None if found is None else found[1].removeprefix(base)

    assert asked("/cell_specifications") == "/cell_specifications?name=eq.a%20b&project_id=p"
    assert asked("/cell_instances/1/cell_measurements/create", content=b'{"name": "m"}') == (
        "/cell_instances/1/cell_measurements?name=eq.m"
    )
    assert asked("/cell_measurements/7/confirm-upload") == "/cell_measurements/7"
    assert asked("/pipelines/7/cancel") == "/pipelines/7"
    assert asked("/cell_batches/7", "PATCH") == "/cell_batches/7"
    for path in ("/pipelines", "/simulations/with-template/batch", "/jobs/"):
        assert asked(path) is None
    assert asked("/cell_specifications", content=b"[]") is None


def test_another_of_the_same_name() -> None:
    """A record of that name with other fields is not the one that was sent."""
    assert IONWORKS.look_up is not None
    url = "https://api.ionworks.com/cell_specifications/s/cell_instances"
    sent = Sent(method="POST", url=url, at=0.0, body=b'{"name": "c", "notes": "mine"}')
    theirs = Response(status=200, body=b'{"items": [{"id": "1", "name": "c", "notes": "x"}]}')
    mine = Response(status=200, body=b'[{"id": "1", "name": "c", "notes": "mine"}]')
    assert not IONWORKS.look_up.found(sent, theirs)
    assert IONWORKS.look_up.found(sent, mine)
