"""The routes under `/v2`: problem documents, and imports that are done or not."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from failwell.apis.flow.desk.archive import ACCESSIONS


def problem(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """A problem document, whose standard members are checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert {"type", "title", "detail", "instance"} <= set(body)
    assert response.headers["x-request-id"] in body["instance"]
    return dict(body)


def ended(flow: Any, *specs: dict[str, Any]) -> dict[str, Any]:
    started = flow.call("POST", "/v2/sample-imports", json={"imports": list(specs)})
    assert started.status_code == 201, started.text
    body = started.json()
    assert body["status"] == "RUNNING"
    path = f"/v2/sample-imports/{body['id']}"
    return dict(flow.when(path, lambda body: body["status"] != "RUNNING"))


def test_an_import_makes_samples_with_reads(flow: Any) -> None:
    """Ids that correspond to the accessions, in their order, each a sample with its file."""
    specs = [
        {"accession": ACCESSIONS[0], "sample_type": "RNA-Seq"},
        {"accession": ACCESSIONS[2], "sample_type": "RNA-Seq", "name": "Mine", "organism": "Hs"},
    ]
    body = ended(flow, *specs)
    assert (body["status"], body["error"]) == ("COMPLETED", None)
    assert body["accessions"] == [ACCESSIONS[0], ACCESSIONS[2]]
    samples = [flow.call("GET", f"/samples/{one}").json() for one in body["sample_ids"]]
    assert [one["name"] for one in samples] == [ACCESSIONS[0], "Mine"]
    (file,) = samples[1]["data"]
    assert flow.call("GET", f"/data/{file['id']}").json()["reads"] == 250


def test_an_import_of_what_there_is_not(flow: Any) -> None:
    """The job fails as a whole and says why; no sample is made."""
    before = flow.created
    kind = {"sample_type": "RNA-Seq"}
    body = ended(flow, {"accession": ACCESSIONS[0], **kind}, {"accession": "ERR1160845", **kind})
    assert (body["status"], body["sample_ids"]) == ("FAILED", [])
    assert body["error"] == "ERR1160845 is not in the local archive"
    assert flow.created == before


def test_an_import_that_makes_no_sense(flow: Any) -> None:
    """422 with a pointer to each mistake."""
    specs = [{"accession": "nonsense", "sample_type": "RNA-Seq"}, {"accession": "ERR1160845"}]
    response = flow.call("POST", "/v2/sample-imports", json={"imports": specs})
    body = problem(response, 422, "validation_error")
    found = {error["pointer"] for error in body["errors"]}
    assert found == {"#/imports/0/accession", "#/imports/1/sample_type"}
    assert all(set(error) == {"pointer", "code", "detail"} for error in body["errors"])


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"imports": []}', b'{"imports": [1]}', b'{"imports": 5']
)
def test_a_body_that_is_none(flow: Any, content: bytes) -> None:
    """422 for whatever is no list of imports."""
    response = flow.call("POST", "/v2/sample-imports", content=content)
    problem(response, 422, "validation_error")


def test_other_failures_are_problems_too(flow: Any) -> None:
    """401, 404, 405, 429 and 503 under `/v2`."""
    path = "/v2/sample-imports"
    problem(flow.call("GET", f"{path}/99"), 404, "not_found")
    problem(flow.call("GET", f"{path}/99", user=None), 401, "unauthenticated")
    problem(flow.call("GET", "/v2/nothing"), 404, "not_found")
    problem(flow.call("DELETE", path), 405, "validation_error")
    with flow.limited(requests_per_hour=1):
        response = flow.call("GET", f"{path}/99")
        assert problem(response, 429, "rate_limited")["limit"] == 1
    with flow.stopped("store"):
        problem(flow.call("GET", f"{path}/99"), 503, "server_error")
    with flow.stopped("runner"):
        specs = [{"accession": ACCESSIONS[0], "sample_type": "RNA-Seq"}]
        response = flow.call("POST", path, json={"imports": specs})
        assert problem(response, 503, "server_error")["outcome"] == "not_started"
