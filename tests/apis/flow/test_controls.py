"""What holds for every route: envelope, request ids, quotas, maintenance, outages, the document."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from apis.flow.conftest import READS, refused
from failwell.apis.flow.contract import CODES, FLOW
from failwell.apis.flow.endpoints import ENDPOINTS
from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running
from failwell.stores.memory import MemoryStore


def test_the_sandbox_describes_it(flow: Any) -> None:
    """Base URL, credentials, components and limits, as issue and contract name them."""
    about = flow.control("GET", "/sandbox.json").json()["apis"]["flow"]
    assert about["base_url"] == flow.url + "/flow"
    assert {name: set(user) for name, user in about["credentials"].items()} == {
        name: {"username", "password"} for name in ("alice", "bob", "carol")
    }
    wanted = {"runner": "running", "store": "running", "maintenance": "stopped"}
    assert about["components"] == wanted
    assert about["limits"]["max_upload_bytes"] == 53687091200
    assert set(flow.created) == {"samples", "projects", "data", "executions"}


def test_the_callers_id_is_echoed(flow: Any) -> None:
    """`X-Request-ID` comes back in body and header; else one is made that begins with `req_`."""
    response = flow.call("GET", "/samples/9999", headers={"X-Request-ID": "my-id"})
    refused(response, 404, "NOT_FOUND")
    assert response.headers["x-request-id"] == "my-id"
    made = flow.call("GET", "/me").headers["x-request-id"]
    assert made.startswith("req_")
    assert made != flow.call("GET", "/me").headers["x-request-id"]


def test_an_unknown_route_and_a_wrong_method(flow: Any) -> None:
    """The envelope, `Allow` with all methods of the path, and rate headers on both."""
    lost = flow.call("GET", "/nowhere")
    assert refused(lost, 404, "NOT_FOUND")["resource_type"] == "route"
    wrong = flow.call("PUT", "/samples/1")
    refused(wrong, 405, "VALIDATION_ERROR")
    assert {word.strip() for word in wrong.headers["allow"].split(",")} == {
        "GET", "DELETE", "HEAD"
    }  # fmt: skip
    assert "x-ratelimit-limit" in lost.headers
    assert "x-ratelimit-limit" in wrong.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [(one.method, one.path.format(id=1, filename="x")) for one in ENDPOINTS],
)
def test_every_answer_says_what_is_left(flow: Any, method: str, path: str) -> None:
    """Limit, remaining, and a reset that is in the future, for strangers too."""
    for user in ("bob", None):
        fields = flow.call(method, path, user=user).headers
        assert fields["x-ratelimit-limit"] == "1000000"
        assert int(fields["x-ratelimit-remaining"]) < 1_000_000
        assert int(fields["x-ratelimit-reset"]) > time.time()
        assert "retry-after" not in fields


def test_one_request_too_many(flow: Any) -> None:
    """RATE_LIMITED with limit, window and wait; another user still has theirs."""
    used = 1_000_000 - int(flow.call("GET", "/me", user="carol").headers["x-ratelimit-remaining"])
    with flow.limited(requests_per_hour=used + 1):
        assert flow.call("GET", "/me", user="carol").status_code == 200
        response = flow.call("GET", "/me", user="carol")
        details = refused(response, 429, "RATE_LIMITED")
        wait = int(response.headers["retry-after"])
        assert details == {"limit": used + 1, "window": 3600, "retry_after": wait}
        assert 0 < wait <= 3600
        assert response.headers["x-ratelimit-remaining"] == "0"


def test_maintenance(flow: Any) -> None:
    """While it runs every route says SERVER_ERROR, 503, with Retry-After; then all is as before."""
    before = flow.created
    flow.set("maintenance", "running")
    try:
        for method, path in (("GET", "/me"), ("POST", "/samples/create"), ("GET", "/nowhere")):
            response = flow.call(method, path)
            refused(response, 503, "SERVER_ERROR")
            assert response.headers["retry-after"] == "1"
        answer = flow.call("POST", "/graphql", json={"query": "{ me { id } }"})
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["extensions"]["code"] == "SERVER_ERROR"
    finally:
        flow.set("maintenance", "stopped")
    assert flow.call("GET", "/me").status_code == 200
    assert flow.created == before


def test_the_store_is_down(flow: Any) -> None:
    """503 and nothing is written; what was there is there again, and effects can be asked."""
    sample = flow.sample()
    before = flow.created
    with flow.stopped("store"):
        response = flow.call("POST", "/samples/create", json={"name": "x"})
        refused(response, 503, "SERVER_ERROR")
        assert response.headers["failwell-outcome"] == "not_started"
        assert flow.created == before
    assert flow.call("GET", f"/samples/{sample}").status_code == 200


def test_the_store_goes_down_while_an_execution_runs(flow: Any) -> None:
    """It is run again when the store is back, and leaves its files once."""
    execution = flow.run(flow.sequenced(READS * 200), pipeline="RNA-Seq")
    flow.when(f"/executions/{execution}", lambda body: body["started"])
    with flow.stopped("store"):
        refused(flow.call("GET", f"/executions/{execution}"), 503, "SERVER_ERROR")
        time.sleep(0.5)
    assert flow.ended(execution)["status"] == "OK"
    assert len(flow.call("GET", f"/executions/{execution}/outputs").json()["data"]) == 3


def test_a_failure_that_nobody_foresaw(flow: Any, caplog: Any) -> None:
    """SERVER_ERROR, 500, without a word of the cause: here a file that is gone from the disk."""
    data = flow.chunk(b"abc", filename="x.txt").json()["id"]
    url = flow.call("POST", f"/data/{data}/download-link").json()["url"]
    (flow.service.folder / "data" / data).unlink()
    response = flow.http.get(url)
    refused(response, 500, "SERVER_ERROR")
    assert "x.txt" not in response.text
    assert str(flow.service.folder) not in response.text


def test_limits_out_of_range_are_refused(flow: Any) -> None:
    """A limit that there is not, or that makes no sense, changes none."""
    for limits in ({"requests_per_hour": 0}, {"nope": 1}, {"process_memory_mb": "x"}):
        response = flow.control("PUT", "/sandbox/flow/limits", json=limits)
        assert response.status_code == 400


def test_a_hundred_at_once(flow: Any) -> None:
    """Every write of concurrent callers is there once."""
    before = flow.created

    def write(number: int) -> int:
        body = {"name": f"Concurrent {number}"}
        return int(flow.call("POST", "/samples/create", json=body).status_code)

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(write, range(100))) == {201}
    assert flow.created["samples"] == before["samples"] + 100


def test_the_openapi_document(flow: Any) -> None:
    """It is valid; every code of the catalogue is said of some route, with the statuses it has."""
    document = flow.call("GET", "/openapi.json", user=None).json()
    OpenAPIV31SpecValidator(document).validate()
    said = {code for endpoint in ENDPOINTS for code in endpoint.errors}
    assert said == {entry.code for entry in CODES}
    responses = document["paths"]["/samples/{id}"]["delete"]["responses"]
    assert set(responses) == {"204", "401", "403", "404", "409", "429", "500", "503"}
    schema = document["components"]["schemas"]["Error"]
    rendered = FLOW.dialect.render(FLOW.fail("NO_PIPELINE_PERMISSION").failure)
    assert b'"error"' in (rendered.body or b"")
    body = flow.call("GET", "/samples/9999").json()
    Draft202012Validator(schema).validate(body)


def test_the_page_for_people(flow: Any) -> None:
    """Every route with its codes, as HTML."""
    page = flow.call("GET", "/docs", user=None)
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.count("<h2>") == len(ENDPOINTS)


@pytest.mark.parametrize(
    ("path", "media", "said"),
    [
        ("/me", "application/json", "error"),
        ("/graphql", "application/json", "errors"),
        ("/v2/sample-imports", "application/problem+json", "code"),
    ],
)
def test_an_injected_fault_speaks_the_dialect_of_its_path(
    flow: Any, path: str, media: str, said: str
) -> None:
    """What the sandbox answers in the place of Flow is spelled as Flow would."""
    faults = [{"fault": "status", "status": 503, "times": 1}]
    assert flow.control("PUT", "/sandbox/flow/faults", json=faults).status_code == 200
    response = flow.call("POST", path, json={})
    assert (response.status_code, response.headers["content-type"]) == (503, media)
    assert said in response.json()


def test_a_store_that_outlives_flow() -> None:
    """A key that was used, and a quota, are those of one life: the next Flow on the same store
    begins with nothing, and would answer with a sample that it does not have."""
    store = MemoryStore()
    for _ in range(2):
        with (
            running(application(services(["flow"], store=store))) as url,
            httpx2.Client(base_url=url + "/flow", trust_env=False) as http,
        ):
            about = http.get(url + "/sandbox.json").json()["apis"]["flow"]
            token = http.post("/login", json=about["credentials"]["alice"]).json()["token"]
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "the-same"}
            made = http.post("/samples/create", json={"name": "Mine"}, headers=headers)
            assert made.status_code == 201
            assert made.headers["x-ratelimit-remaining"] == "999"
            again = http.post("/samples/create", json={"name": "Mine"}, headers=headers)
            assert (again.status_code, again.json()["result"]) == (409, made.json())
