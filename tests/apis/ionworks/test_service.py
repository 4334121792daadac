"""Ionworks' service against its contract: every code has its genuine cause, over real HTTP with a
bare client. The numbers in the docstrings are sections of the contract.
"""

from __future__ import annotations

import gzip
import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from apis.ionworks.conftest import Lab, error_of
from failwell.apis.ionworks.access import ORGANIZATION
from failwell.apis.ionworks.contract import IONWORKS

SPECS = "/cell_specifications"

# --- The sandbox's description -------------------------------------------------------------------


def test_the_sandbox_describes_it(lab: Lab) -> None:
    """Base URL, credentials, components, limits, and the project of the good key."""
    assert lab.base.endswith("/ionworks")
    assert set(lab.keys) == {"key", "expired", "revoked", "no_project_access"}
    assert lab.about["components"] == {"store": "running", "solver": "running"}
    assert lab.about["limits"]["requests_per_minute"] is None
    assert str(uuid.UUID(lab.project)) == lab.project


# --- Successes (2, 7) ----------------------------------------------------------------------------


def test_json_is_exactly_json(lab: Lab) -> None:
    """2: every JSON success has the content type `application/json` and nothing behind it."""
    for path in ("/healthz", "/users/me", SPECS, "/jobs/", "/pipelines", "/simulations"):
        response = lab.call("GET", path)
        assert (response.status_code, response.headers["content-type"]) == (
            200,
            "application/json",
        )


def test_health_needs_no_key(lab: Lab) -> None:
    """7: `GET /healthz` is for anybody, and says what is down."""
    assert lab.call("GET", "/healthz", key=None).json()["status"] == "ok"
    with lab.stopped("solver"):
        assert lab.call("GET", "/healthz", key=None).json()["status"] == "degraded"


def test_a_key_comes_in_either_header(lab: Lab) -> None:
    """2: `X-API-Key`, or the same key as a bearer token, which goes before it."""
    token = lab.keys["key"]
    for fields in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
        me = lab.call("GET", "/users/me", key=None, headers=fields)
        assert me.json()["authorized_organization"] == ORGANIZATION
    both = {"Authorization": "Bearer nope", "X-API-Key": token}
    error_of(lab.call("GET", "/users/me", key=None, headers=both), 401, "UNAUTHORIZED")


def test_the_way_of_a_cell(lab: Lab) -> None:
    """7: created with 201, read, changed, listed, deleted with all that belongs to it."""
    body = {"name": lab.name(), "ratings": {"capacity": {"value": 3, "unit": "A.h"}}}
    response = lab.call("POST", SPECS, json=body)
    spec = response.json()
    assert response.status_code == 201
    assert (spec["name"], spec["ratings"]) == (body["name"], body["ratings"])
    assert spec["project_id"] == lab.project
    path = f"{SPECS}/{spec['id']}"
    assert lab.call("GET", path).json() == spec
    changed = lab.call("PATCH", path, json={"notes": "new"}).json()
    assert (changed["notes"], changed["name"]) == ("new", spec["name"])
    lot = lab.made(f"{path}/cell_batches", name="lot")
    cell = lab.made(f"{path}/cell_instances", name="one", batch_id=lot["id"])
    assert (cell["batch_name"], cell["cell_specification_id"]) == ("lot", spec["id"])
    assert lab.call("GET", f"/cell_batches/{lot['id']}").json()["instance_count"] == 1
    assert lab.call("DELETE", f"/cell_batches/{lot['id']}").status_code == 204
    assert lab.call("GET", f"/cell_instances/{cell['id']}").json()["batch_id"] is None
    assert lab.call("DELETE", path).status_code == 204
    error_of(lab.call("GET", f"/cell_instances/{cell['id']}"), 404, "NOT_FOUND")


def test_pages_and_filters(lab: Lab) -> None:
    """6: `limit` and `offset` page, `total` counts all; `eq.`, `ilike.`, dates and an order."""
    spec = lab.spec()
    path = f"{SPECS}/{spec['id']}/cell_instances"
    for name in ("Alpha", "beta", "Gamma"):
        lab.made(path, name=name)

    def names(query: str) -> list[str]:
        return [item["name"] for item in lab.call("GET", f"{path}?{query}").json()["items"]]

    page = lab.call("GET", f"{path}?limit=2&offset=1&order_by=name&order=asc").json()
    assert (page["count"], page["total"]) == (2, 3)
    assert names("order_by=created_at&order=asc") == ["Alpha", "beta", "Gamma"]
    assert names("name=eq.beta") == names("name=beta") == ["beta"]
    assert sorted(names("name=ilike.%25A%25")) == ["Alpha", "Gamma", "beta"]
    assert names("created_at_gt=2999-01-01T00:00:00Z") == []
    assert len(names("created_at_lt=2999-01-01&updated_at_gt=2000-01-01")) == 3


# --- Request ids (5) -----------------------------------------------------------------------------


def test_every_answer_has_a_correlation_id(lab: Lab) -> None:
    """5: a UUID on successes and errors, known routes and unknown; the caller's own is echoed."""
    for path in ("/users/me", "/nowhere", SPECS + "/x"):
        found = lab.call("GET", path).headers["x-correlation-id"]
        assert str(uuid.UUID(found)) == found
        echoed = lab.call("GET", path, headers={"x-correlation-id": "abc123-def456"})
        assert echoed.headers["x-correlation-id"] == "abc123-def456"


# --- Errors (4) ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "wrong", "expired", "revoked"])
def test_401(lab: Lab, key: str | None) -> None:
    """4: no key, an unknown one, one that is over or revoked."""
    error_of(lab.call("GET", SPECS, key=key), 401, "UNAUTHORIZED")


def test_403(lab: Lab) -> None:
    """4: a good key whose user has no access to the project, named or not; another organization."""
    guest = "no_project_access"
    for body in ({"name": "n"}, {"name": "n", "project_id": lab.project}):
        error_of(lab.call("POST", SPECS, key=guest, json=body), 403, "FORBIDDEN")
    other = {"name": "n", "project_id": str(uuid.uuid4())}
    error_of(lab.call("POST", SPECS, json=other), 403, "FORBIDDEN")
    body = {"elements": {"a": {"element_type": "entry", "values": {}}}, "project_id": lab.project}
    error_of(lab.call("POST", "/pipelines", key=guest, json=body), 403, "FORBIDDEN")
    fields = {"X-Organization-Id": "elsewhere"}
    error_of(lab.call("GET", SPECS, headers=fields), 403, "FORBIDDEN")


def test_what_is_not_yours_is_not_there(lab: Lab) -> None:
    """4: records of a project without access are 404, and no list has them."""
    spec = lab.spec()
    error_of(lab.call("GET", f"{SPECS}/{spec['id']}", key="no_project_access"), 404, "NOT_FOUND")
    assert lab.call("GET", SPECS, key="no_project_access").json()["total"] == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", SPECS + "/invalid-id"),
        ("GET", "/cell_measurements/invalid-id"),
        ("PATCH", f"/cell_instances/{uuid.uuid4()}"),
        ("DELETE", "/simulations/x"),
        ("GET", "/pipelines/x/result"),
        ("GET", "/jobs/x"),
        ("GET", "/nowhere"),
        ("GET", "//cell_specifications"),
        ("GET", SPECS + "/"),
    ],
)
def test_404(lab: Lab, method: str, path: str) -> None:
    """4: an id that there is not, a UUID or not; an unknown route; a doubled slash."""
    error_of(lab.call(method, path), 404, "NOT_FOUND")


def test_405(lab: Lab) -> None:
    """4: a method that the path does not take, in the same envelope."""
    response = lab.call("PUT", SPECS)
    error_of(response, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in response.headers["allow"]


def test_409_names_the_record(lab: Lab) -> None:
    """4: the same name in the same scope, on create and on change: `detail.existing_id`."""
    spec, other = lab.spec(), lab.spec()
    before = lab.created
    same = lab.call("POST", SPECS, json={"name": spec["name"]})
    detail = error_of(same, 409, "CONFLICT")["detail"]
    assert detail == {
        "resource": "cell_specification",
        "field": "name",
        "existing_id": spec["id"],
    }
    assert same.headers["failwell-outcome"] == "not_started"
    renamed = lab.call("PATCH", f"{SPECS}/{other['id']}", json={"name": spec["name"]})
    assert error_of(renamed, 409, "CONFLICT")["detail"]["existing_id"] == spec["id"]
    assert lab.created == before


def test_scopes_of_names(lab: Lab) -> None:
    """4: an instance's name is its own within its specification, a lot's whatever the case."""
    one, two = lab.spec(), lab.spec()
    for spec in (one, two):
        cell = lab.made(f"{SPECS}/{spec['id']}/cell_instances", name="same")
        lot = lab.made(f"{SPECS}/{spec['id']}/cell_batches", name="Lot A")
        for path, name, existing in (
            ("cell_instances", "same", cell),
            ("cell_batches", "LOT a", lot),
        ):
            twin = lab.call("POST", f"{SPECS}/{spec['id']}/{path}", json={"name": name})
            assert error_of(twin, 409, "CONFLICT")["detail"]["existing_id"] == existing["id"]
    lab.made(f"{SPECS}/{one['id']}/cell_instances", name="SAME")


def test_410(lab: Lab) -> None:
    """4: jobs are not submitted directly any more."""
    body = {"job_type": "x", "params": {}}
    error_of(lab.call("POST", "/jobs/", json=body), 410, "GONE")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"name": "\\ud800"}', b"[" * 100_000])
def test_400_for_what_is_no_json(lab: Lab, body: bytes) -> None:
    """4: a body that cannot be read."""
    error_of(lab.call("POST", SPECS, content=body), 400, "BAD_REQUEST")


def test_400_for_what_contradicts(lab: Lab) -> None:
    """4: a lot of another specification; a channel without a start time."""
    spec, lot = lab.spec(), lab.made(f"{SPECS}/{lab.spec()['id']}/cell_batches", name="lot")
    body = {"name": "n", "batch_id": lot["id"]}
    path = f"{SPECS}/{spec['id']}/cell_instances"
    error_of(lab.call("POST", path, json=body), 400, "BAD_REQUEST")
    path = f"/cell_instances/{lab.cell()['id']}/cell_measurements/create"
    body = {"name": "n", "measurement_type": "properties", "properties": {}, "channel_id": "c"}
    error_of(lab.call("POST", path, json=body), 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "name"]),
        ({"name": ""}, ["body", "name"]),
        ({"name": "  "}, ["body", "name"]),
        ({"name": 3}, ["body", "name"]),
        ({"name": "n", "notes": []}, ["body", "notes"]),
        ({"name": "n", "ratings": {"capacity": 3}}, ["body", "ratings"]),
        (
            {"name": "n", "ratings": {"c": {"value": "3", "unit": "V"}}},
            ["body", "ratings", "value"],
        ),
        ({"name": "n", "properties": {"mass": 3.5}}, ["body", "properties"]),
        ({"name": "n", "project_id": "no-uuid"}, ["body", "project_id"]),
        ([], ["body"]),
    ],
)
def test_422_says_where(lab: Lab, body: Any, loc: list[str]) -> None:
    """4: the payload breaks the schema; `detail` lists `loc`, `msg` and `type`."""
    (problem,) = error_of(lab.call("POST", SPECS, json=body), 422, "VALIDATION_ERROR")["detail"]
    assert set(problem) == {"loc", "msg", "type"}
    assert problem["loc"] == loc


def test_422_lists_every_field(lab: Lab) -> None:
    """4: all that is wrong is said at once."""
    body = {"notes": 1, "form_factor": 2}
    detail = error_of(lab.call("POST", SPECS, json=body), 422, "VALIDATION_ERROR")["detail"]
    assert {problem["loc"][1] for problem in detail} == {"name", "notes", "form_factor"}
    assert {p["type"] for p in detail if p["loc"][1] == "name"} == {"missing"}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "order=up", "order_by=id;"])
def test_422_for_a_query(lab: Lab, query: str) -> None:
    """4: a parameter that makes no sense is said, not guessed at."""
    detail = error_of(lab.call("GET", f"{SPECS}?{query}"), 422, "VALIDATION_ERROR")["detail"]
    assert detail[0]["loc"] == ["query", query.partition("=")[0]]


def test_413(lab: Lab) -> None:
    """4: a body that is too large, also one that is only large when unpacked."""
    with lab.limited(max_body_bytes=1000):
        large = json.dumps({"name": "x" * 2000}).encode()
        error_of(lab.call("POST", SPECS, content=large), 413, "PAYLOAD_TOO_LARGE")
        packed = {"Content-Encoding": "gzip"}
        response = lab.call("POST", SPECS, content=gzip.compress(large), headers=packed)
        error_of(response, 413, "PAYLOAD_TOO_LARGE")


def test_gzip_is_taken(lab: Lab) -> None:
    """2: a compressed body is the same body; a coding that is not gzip is refused."""
    body = gzip.compress(json.dumps({"name": lab.name()}).encode())
    packed = {"Content-Encoding": "gzip"}
    assert lab.call("POST", SPECS, content=body, headers=packed).status_code == 201
    for content, coding in ((body[:-4], "gzip"), (b"{}", "gzip"), (b"{}", "br")):
        response = lab.call("POST", SPECS, content=content, headers={"Content-Encoding": coding})
        error_of(response, 400, "BAD_REQUEST")


def test_429(lab: Lab) -> None:
    """6: no rate by default; one that is set refuses, says when to come back, and does nothing."""
    assert "x-ratelimit-limit" not in lab.call("GET", "/users/me").headers
    with lab.limited(requests_per_minute=1):
        lab.call("GET", "/users/me")
        before = lab.created
        response = lab.call("POST", SPECS, json={"name": lab.name()})
        error_of(response, 429, "RATE_LIMITED")
        assert re.fullmatch(r"[1-9]\d?", response.headers["retry-after"])
        assert lab.created == before


def test_500(lab: Lab) -> None:
    """4: the store is really closed; nothing of the cause is told, and nothing is left behind."""
    spec, before = lab.spec(), lab.created
    with lab.stopped("store"):
        for method, path in (("GET", f"{SPECS}/{spec['id']}"), ("POST", SPECS)):
            response = lab.call(method, path, json={"name": lab.name()})
            assert "sqlite" not in str(error_of(response, 500, "INTERNAL_ERROR")).lower()
        assert response.headers["failwell-outcome"] == "rolled_back"
        assert lab.created == before
    assert lab.call("GET", f"{SPECS}/{spec['id']}").json() == spec


def test_503(lab: Lab) -> None:
    """4: the solver is down: simulations and pipelines are refused, and nothing is submitted."""
    template, before = lab.template("steps: [{Rest: {duration: 1}}]"), lab.created
    simulation = {
        "parameterized_model": {"quick_model": {}},
        "experiment_template_id": template,
    }
    pipeline = {"elements": {"a": {"element_type": "entry", "values": {}}}}
    with lab.stopped("solver"):
        for path, body in (
            ("/simulations/with-template/batch", simulation),
            ("/pipelines", pipeline),
        ):
            response = lab.call("POST", path, json=body)
            error_of(response, 503, "SERVICE_UNAVAILABLE")
            assert response.headers["failwell-outcome"] == "not_started"
    assert lab.created == before


def test_many_at_once(lab: Lab) -> None:
    """4: a hundred creates of ten names, twenty at a time: ten records; the rest is told which."""
    names, before = [lab.name() for _ in range(10)], lab.created["cell_specs"]

    def create(number: int) -> httpx2.Response:
        return lab.call("POST", SPECS, json={"name": names[number % 10]})

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(create, range(100)))
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    clashes = [answer for answer in answers if answer.status_code != 201]
    told = {error_of(clash, 409, "CONFLICT")["detail"]["existing_id"] for clash in clashes}
    assert (len(made), len(clashes), told) == (10, 90, made)
    assert lab.created["cell_specs"] == before + 10


# --- Effects and the OpenAPI document ------------------------------------------------------------


def test_effects_count_what_was_created(lab: Lab) -> None:
    """Exactly the five counts; a deletion takes nothing back."""
    before = lab.created
    cell = lab.cell()
    lab.call("DELETE", f"/cell_instances/{cell['id']}")
    after = lab.created
    assert set(after) == {
        "cell_specs",
        "cell_instances",
        "measurements",
        "simulations",
        "pipelines",
    }
    assert after["cell_specs"] == before["cell_specs"] + 1
    assert after["cell_instances"] == before["cell_instances"] + 1


def test_the_document_is_sound(lab: Lab) -> None:
    """OpenAPI 3.1 that validates, with the envelope of every error of every operation."""
    described = lab.call("GET", "/openapi.json", key=None).json()
    OpenAPIV31SpecValidator(described).validate()
    operations = [op for path in described["paths"].values() for op in path.values()]
    assert len(operations) > 50
    for operation in operations:
        assert "500" in operation["responses"]
        for status, response in operation["responses"].items():
            assert "x-correlation-id" in response["headers"]
            if status[:1] in "45":
                assert "application/json" in response["content"]
    codes = set(
        described["components"]["schemas"]["IonworksError"]["properties"]["error_code"]["enum"]
    )
    assert codes == {entry.code for entry in IONWORKS.codes}
