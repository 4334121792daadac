"""MatCraft's service against its contract: every code has its genuine cause, over real HTTP with a
bare client. The numbers in the docstrings are sections of the contract."""

from __future__ import annotations

import json
import logging
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.endpoints import ENDPOINTS

# --- Request ids, envelope (3, 5) ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/campaigns", "/campaigns/camp_0", "/nowhere", "/openapi.json"])
def test_every_answer_has_a_request_id(bench: Any, path: str) -> None:
    """5: the header is on every answer, begins with req_, and is the body's."""
    response = bench.call("GET", path)
    told = response.headers["x-request-id"]
    assert re.fullmatch(r"req_[0-9a-f-]{36}", told)
    body = response.json()
    ids = [body.get("error", {}).get("request_id"), body.get("meta", {}).get("request_id")]
    assert path == "/openapi.json" or told in ids


def test_a_callers_id_is_echoed_where_it_is_harmless(bench: Any) -> None:
    """5: an id from outside comes back; one that is no id does not."""
    for given, comes_back in (("mine-1", True), ("two words", False), ("x" * 129, False)):
        response = bench.call("GET", "/jobs/job_0", headers={"X-Request-ID": given})
        assert (bench.refused(response, 404, "NOT_FOUND")["request_id"] == given) is comes_back


def test_successes_are_wrapped(bench: Any) -> None:
    """3: data beside meta, and a list says its pages."""
    bench.made(), bench.made()
    body = bench.call("GET", "/campaigns?per_page=1&page=2&sort=-created_at").json()
    assert set(body) == {"data", "meta"}
    assert len(body["data"]) == 1
    meta = body["meta"]
    assert (meta["page"], meta["per_page"], meta["pages"]) == (2, 1, meta["total"])


def test_both_base_paths_are_one_service(bench: Any) -> None:
    """2: what is made under /v1 is there under /api/v1."""
    campaign = bench.made()
    url = bench.url + f"/matcraft/api/v1/campaigns/{campaign}"
    fields = {"Authorization": f"Bearer {bench.keys['admin']}"}
    assert bench.http.get(url, headers=fields).json()["data"]["id"] == campaign
    bench.refused(bench.http.get(bench.url + "/matcraft/api/v1/x"), 404, "NOT_FOUND")
    assert bench.http.get(bench.url + "/matcraft/api/v10").status_code == 404


def test_the_sandbox_says_what_there_is(bench: Any) -> None:
    """Credentials, components and limits have the names that the sandbox's table gives."""
    assert {"admin", "read_only", "expired", "revoked"} <= set(bench.keys)
    assert set(bench.about["components"]) == {"worker", "store"}
    named = {"requests_per_minute", "requests_per_hour", "campaigns_per_hour"}
    assert named <= set(bench.about["limits"])
    assert set(bench.created) == {"campaigns", "jobs", "datasets"}


# --- Keys and scopes (2, 4) ----------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "expired", "revoked", "tp_live_x", "mc_live_unknown"])
def test_unauthorized(bench: Any, key: str | None) -> None:
    """4: no key, an expired, revoked or unknown one, and one of another service."""
    response = bench.call("GET", "/campaigns", key=key)
    bench.refused(response, 401, "UNAUTHORIZED")
    assert response.headers["www-authenticate"] == "Bearer"


def test_every_route_wants_a_key(bench: Any) -> None:
    """4: without one, each endpoint answers 401."""
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{id}", "x")
        bench.refused(bench.call(endpoint.method, path, key=None), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("key", "method", "path"),
    [
        ("read_only", "POST", "/campaigns"),
        ("read_only", "POST", "/datasets"),
        ("read_only", "DELETE", "/campaigns/x"),
        ("pipeline", "GET", "/templates"),
        ("pipeline", "DELETE", "/campaigns/x"),
        ("pipeline", "GET", "/datasets"),
    ],
)
def test_forbidden(bench: Any, key: str, method: str, path: str) -> None:
    """4: a key without the route's scope; the message names the scope."""
    told = bench.refused(bench.call(method, path, key=key), 403, "FORBIDDEN")
    assert ":" in told["message"]


def test_another_accounts_resources_are_not_there(bench: Any) -> None:
    """4: what is another account's is not found, and its names are free."""
    new = bench.new()
    campaign = bench.data("POST", "/campaigns", json=new)["id"]
    response = bench.call("GET", f"/campaigns/{campaign}", key="other_account")
    bench.refused(response, 404, "NOT_FOUND")
    assert bench.call("POST", "/campaigns", json=new, key="other_account").status_code == 201


# --- Malformed requests, routes, sizes (4) -------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"name": "a"}',
        b'{"mdl": {"parameters": []}}',
        b'{"name": "a", "mdl": "a: [1,"}',
        b'{"name": "a", "mdl": "a: *x"}',
        b'{"name": "a", "mdl": {}, "dataset_id": 3}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"name": "a", "mdl": ' + b'{"a":' * 2000,
    ],
)
def test_invalid_request(bench: Any, body: bytes) -> None:
    """4: a body that is no JSON, lacks name or mdl, or whose YAML does not parse."""
    bench.refused(bench.call("POST", "/campaigns", content=body), 400, "INVALID_REQUEST")


WRONG = "page=0 page=x page=-1 page=٣ page=1e3 page=99999999999999999999 per_page=101 per_page= "
WRONG += "sort=nope sort=id;drop status=finished domain=cheese"


@pytest.mark.parametrize("query", WRONG.split())
def test_a_query_that_is_wrong(bench: Any, query: str) -> None:
    """4: a page that is no number; an order, a status or a domain that there is not."""
    bench.refused(bench.call("GET", f"/campaigns?{query}"), 400, "INVALID_REQUEST")


def test_a_form_that_is_wrong(bench: Any) -> None:
    """4: multipart that is broken or lacks its file is malformed, and never the service's fault."""
    fields = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/campaigns", "/datasets"):
        for body in (
            b"",
            b"--x\r\n",
            b"nonsense",
            b"--x\r\nContent-Disposition: form-data\r\n\r\n",
        ):
            response = bench.call("POST", path, content=body, headers=fields)
            bench.refused(response, 400, "INVALID_REQUEST")
        response = bench.call("POST", path, files={"other": b"x"})
        bench.refused(response, 400, "INVALID_REQUEST")
        bare = bench.call(
            "POST", path, content=b"x", headers={"Content-Type": "multipart/form-data"}
        )
        bench.refused(bare, 400, "INVALID_REQUEST")


def test_unknown_routes_and_methods(bench: Any) -> None:
    """4: the router's own refusals are in the envelope as well."""
    bench.refused(bench.call("GET", "/campaigns/"), 404, "NOT_FOUND")
    response = bench.call("PATCH", "/campaigns")
    bench.refused(response, 405, "INVALID_REQUEST")
    assert "GET" in response.headers["allow"] or "POST" in response.headers["allow"]


@pytest.mark.parametrize("kind", ["campaigns", "jobs", "datasets", "templates"])
@pytest.mark.parametrize("name", ["x", "camp_" + "9" * 2000, "%00", "a%2Fb", "%F0%9F%92%A5", "'--"])
def test_not_found(bench: Any, kind: str, name: str) -> None:
    """4: an id that there is not, however strange."""
    bench.refused(bench.call("GET", f"/{kind}/{name}"), 404, "NOT_FOUND")


def test_bodies_have_a_size(bench: Any) -> None:
    """4: a body over the limit is refused while it arrives; an upload has a limit of its own."""
    new = json.dumps(bench.new()).encode()
    with bench.limited(max_body_bytes=len(new), max_upload_bytes=300):
        assert bench.call("POST", "/campaigns", content=new).status_code == 201
        too_long = bench.call("POST", "/campaigns", content=new + b" ")
        bench.refused(too_long, 400, "INVALID_REQUEST")
        upload = {"files": {"file": b"x,f\n" + b"1,2\n" * 100}, "data": {"name": "long"}}
        bench.refused(bench.call("POST", "/datasets", **upload), 400, "INVALID_REQUEST")


def test_no_yaml_is_dear(bench: Any) -> None:
    """Anchors that would unfold to billions of values, and nesting without end, cost nothing."""
    bomb = "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(50))
    for text in (bomb, "[" * 200_000, "- " * 100_000, "a: " + "9" * 100_000, "? " * 50_000):
        response = bench.call("POST", "/campaigns", json={"name": "y", "mdl": text})
        assert response.status_code in (400, 422)
        assert response.json()["error"]["code"] in ("INVALID_REQUEST", "VALIDATION_FAILED")


# --- The store (4) -------------------------------------------------------------------------------


def test_internal_error(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """4: without its database the service fails, says nothing of why, and comes back."""
    campaign = bench.made()
    with caplog.at_level(logging.CRITICAL, "failwell.server"), bench.stopped("store"):
        for method, path in (("GET", f"/campaigns/{campaign}"), ("POST", "/campaigns")):
            told = bench.refused(bench.call(method, path, json={}), 500, "INTERNAL_ERROR")
            assert "sqlite" not in json.dumps(told).lower()
        assert bench.created["campaigns"] > 0
    assert bench.data("GET", f"/campaigns/{campaign}")["status"] == "created"


# --- Templates, evaluation (7) -------------------------------------------------------------------


def test_templates_are_campaigns(bench: Any) -> None:
    """7: each template is listed, read by its id, and makes a campaign as it is."""
    for template in bench.data("GET", "/templates"):
        assert bench.data("GET", f"/templates/{template['id']}") == template
        body = bench.new(domain=template["domain"], mdl=template["mdl"])
        assert bench.call("POST", "/campaigns", json=body).status_code == 201


def test_evaluation(bench: Any) -> None:
    """7: 36 bar at a recovery of 1 is one kilowatt-hour per cubic metre."""
    body = {"domain": "water", "parameters": {"pressure": 36, "recovery": 1}}
    told = bench.data("POST", "/evaluate", json=body)
    assert told["objectives"]["specific_energy"] == 1.0
    assert set(told["objectives"]) == {"flux", "rejection", "specific_energy"}


def test_evaluation_failed(bench: Any) -> None:
    """4: a membrane without thickness divides by zero."""
    body = {"domain": "water", "parameters": {"thickness": 0}}
    told = bench.refused(bench.call("POST", "/evaluate", json=body), 500, "EVALUATION_FAILED")
    assert "ZeroDivisionError" in told["message"]
    assert "thickness" in told["message"]


@pytest.mark.parametrize(
    ("domain", "parameters", "path"),
    [
        ("nope", {}, "domain"),
        (["water"], {}, "domain"),
        ("water", [1], "parameters"),
        ("water", {"colour": 1}, "parameters.colour"),
        ("water", {"pressure": "high"}, "parameters.pressure"),
        ("water", {"pressure": True}, "parameters.pressure"),
    ],
)
def test_evaluation_of_what_is_not_there(
    bench: Any, domain: Any, parameters: Any, path: str
) -> None:
    """4: an unknown domain or variable, and what is no number, each by its path."""
    body = {"domain": domain, "parameters": parameters}
    told = bench.refused(bench.call("POST", "/evaluate", json=body), 422, "VALIDATION_FAILED")
    assert [detail["path"] for detail in told["details"]] == [path]


# --- The description -----------------------------------------------------------------------------


def test_the_description_is_openapi(bench: Any) -> None:
    """Every endpoint with its errors, all in the envelope; between them they name all codes."""
    document = bench.call("GET", "/openapi.json", key=None).json()
    OpenAPIV31SpecValidator(document).validate()
    text = json.dumps(document["paths"])
    named = {entry.code for entry in MATCRAFT.codes}
    assert named == {code for code in named if f'"{code}"' in text}
    assert len(named) == 14
    assert "SURROGATE_TRAINING_FAILED" in bench.call("GET", "/docs", key=None).text


def test_bytes_that_are_no_http(bench: Any) -> None:
    """A caller who speaks no HTTP is turned away, and the others are served."""
    host, port = bench.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(b"\x00\xff\r\n\r\n")
        raw.recv(1000)
    assert bench.call("GET", "/campaigns").status_code == 200


def test_one_name_has_one_campaign(bench: Any) -> None:
    """4: of twenty at once with one name, one is made and nineteen are told that it is taken."""
    new, before = bench.new(), bench.created["campaigns"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bench.call("POST", "/campaigns", json=new), range(20)))
    assert sorted(one.status_code for one in answers) == [201] + [409] * 19
    taken = [one for one in answers if one.status_code == 409]
    details = bench.refused(taken[0], 409, "CONFLICT")["details"]
    assert [detail["path"] for detail in details] == ["name"]
    assert bench.created["campaigns"] == before + 1
