"""GraphQL: Flow's codes in `extensions`, true places, files in forms, and hostile documents."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from apis.flow.conftest import READS

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def error_of(answer: dict[str, Any], code: str) -> dict[str, Any]:
    """The one error of an answer, whose code and time are checked."""
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code
    assert re.fullmatch(STAMP, error["extensions"]["timestamp"])
    assert error["message"]
    return dict(error)


def test_a_missing_sample(flow: Any) -> None:
    """The guide's example: message, code, the id as text, path, and the place in the document."""
    answer = flow.graphql('query {\n  sample(id: "12345") { id }\n}')
    error = error_of(answer, "NOT_FOUND")
    assert answer["data"] == {"sample": None}
    assert error["message"] == "Sample not found"
    assert error["extensions"]["id"] == "12345"
    assert error["path"] == ["sample"]
    assert error["locations"] == [{"line": 2, "column": 3}]


def test_who_is_asking(flow: Any) -> None:
    """UNAUTHENTICATED and TOKEN_EXPIRED are said inside an answer of 200."""
    error_of(flow.graphql("{ me { id } }", user=None), "UNAUTHENTICATED")
    error_of(flow.graphql("{ me { id } }", user="nonsense"), "TOKEN_INVALID")
    with flow.limited(access_token_seconds=0):
        old = flow.log_in("alice").json()["token"]
    error_of(flow.graphql("{ me { id } }", user=old), "TOKEN_EXPIRED")


def test_a_bare_token_is_taken(flow: Any) -> None:
    """The official client sends it without `Bearer`."""
    fields = {"Authorization": flow.tokens["bob"]}
    response = flow.call(
        "POST", "/graphql", user=None, json={"query": "{ me { username } }"}, headers=fields
    )
    assert response.json() == {"data": {"me": {"username": "bob"}}}


def test_logging_in_and_refreshing(flow: Any) -> None:
    """`login` sets the cookie, `accessToken` takes it, an expired bearer beside it or not."""
    query = (
        "mutation ($u: String!, $p: String!) { login(username: $u, password: $p) {accessToken} }"
    )
    variables = {"u": "alice", "p": flow.users["alice"]["password"]}
    body = {"query": query, "variables": variables}
    response = flow.call("POST", "/graphql", user=None, json=body)
    token = response.json()["data"]["login"]["accessToken"]
    assert flow.call("GET", "/me", user=token).status_code == 200
    cookie = response.headers["set-cookie"].partition(";")[0]
    again = flow.call(
        "POST", "/graphql", user="x", json={"query": "{ accessToken }"}, headers={"Cookie": cookie}
    )
    assert flow.call("GET", "/me", user=again.json()["data"]["accessToken"]).status_code == 200
    wrong = flow.graphql(query, user=None, u="alice", p="wrong")
    assert error_of(wrong, "INVALID_CREDENTIALS")["extensions"]["outcome"] == "not_started"


def test_permissions(flow: Any) -> None:
    """FORBIDDEN and NO_PIPELINE_PERMISSION, with the details of the REST envelope."""
    sample = flow.sample()
    answer = flow.graphql(f'{{ sample(id: "{sample}") {{ id }} }}', user="bob")
    details = error_of(answer, "FORBIDDEN")["extensions"]["details"]
    assert details["required_permission"] == "read"
    run = 'mutation { runPipeline(id: "1") { execution { id } } }'
    error_of(flow.graphql(run, user="bob"), "NO_PIPELINE_PERMISSION")
    error_of(flow.graphql(run.replace('"1"', '"99"')), "PIPELINE_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("{\n  me { id", {"line": 2, "column": 10}),
        ("{\n\n   you { id } }", {"line": 3, "column": 4}),
        ('{ sample(id: "1", by: 2) { id } }', {"line": 1, "column": 19}),
    ],
)
def test_a_document_that_is_wrong(flow: Any, query: str, place: dict[str, int]) -> None:
    """VALIDATION_ERROR, with details and the true place, and no data."""
    answer = flow.graphql(query)
    error = error_of(answer, "VALIDATION_ERROR")
    assert answer["data"] is None
    assert error["locations"] == [place]
    assert error["extensions"]["details"]["errors"][0]["field"] == "query"


def upload(flow: Any, blob: bytes, **variables: Any) -> dict[str, Any]:
    query = (
        "mutation ($blob: Upload!, $isLast: Boolean!, $at: Float!, $data: ID, $name: String!) {"
        " uploadData(blob: $blob, isLast: $isLast, expectedFileSize: $at, data: $data,"
        " filename: $name) { dataId } }"
    )
    given = {"blob": None, "isLast": True, "at": 0, "data": None, "name": "x.txt", **variables}
    form = {
        "operations": json.dumps({"query": query, "variables": given}),
        "map": json.dumps({"0": ["variables.blob"]}),
    }
    response = flow.call("POST", "/graphql", data=form, files={"0": ("x.txt", blob)})
    assert response.status_code == 200
    return dict(response.json())


def test_a_file_in_a_form(flow: Any) -> None:
    """The multipart form of GraphQL, chunk by chunk; an offset that is wrong is UPLOAD_FAILED."""
    first = upload(flow, b"abc", isLast=False)["data"]["uploadData"]["dataId"]
    wrong = upload(flow, b"def", data=first, at=2)
    error = error_of(wrong, "UPLOAD_FAILED")
    assert error["extensions"]["details"]["expected_offset"] == 3
    assert upload(flow, b"def", data=first, at=3)["data"]["uploadData"]["dataId"] == first
    query = f'{{ data(id: "{first}") {{ filename size owner {{ username }} }} }}'
    wanted = {"filename": "x.txt", "size": 6.0, "owner": {"username": "alice"}}
    assert flow.graphql(query)["data"]["data"] == wanted
    assert error_of(upload(flow, b"x", at=0.5), "VALIDATION_ERROR")["path"] == ["uploadData"]


def test_an_execution_and_all_around_it(flow: Any) -> None:
    """From an execution to its processes, their files, and back to where those came from."""
    sample = flow.sequenced(READS)
    execution = flow.run(sample)
    flow.ended(execution)
    answer = flow.graphql(
        """query ($id: ID!) { execution(id: $id) { status identifier
        pipelineVersion { name pipeline { name } } upstreamSamples { id sampleType }
        processExecutions { exitCode bash downstreamData {
            filename upstreamProcessExecution { processName execution { id } } } } } }""",
        id=execution,
    )
    found = answer["data"]["execution"]
    assert (found["status"], found["pipelineVersion"]["pipeline"]["name"]) == ("OK", "FastQC")
    assert found["upstreamSamples"] == [{"id": sample, "sampleType": "RNA-Seq"}]
    (process,) = found["processExecutions"]
    (made,) = process["downstreamData"]
    assert made["upstreamProcessExecution"]["execution"]["id"] == execution


HOSTILE = [
    b"",
    b"nonsense",
    b"[]",
    b'{"query": 1}',
    b'{"query": "{ me { id } }", "variables": []}',
    b'{"query": ""}',
    b'{"query": "fragment f on Query { ...f } { ...f }"}',
    b'{"query": "{ me { id } }", "operationName": "x"}',
    b'{"query": "\\ud800"}',
    b"[" * 100_000,
    json.dumps({"query": "{" * 5_000}).encode(),
    json.dumps({"query": "{ " + "me { id } " * 5_000 + "}"}).encode(),
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_body(flow: Any, body: bytes) -> None:
    """VALIDATION_ERROR in GraphQL's own shape, and never anything that is not JSON."""
    response = flow.call("POST", "/graphql", content=body)
    assert response.status_code == 200
    answer = response.json()
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"VALIDATION_ERROR"}


def test_a_document_that_multiplies(flow: Any) -> None:
    """An answer that would be millions of fields is cut off, and the service goes on."""
    execution = flow.run(flow.sequenced(READS), pipeline="RNA-Seq")
    flow.ended(execution)
    inner = "id"
    for _ in range(8):
        inner = f"processExecutions {{ a: execution {{ {inner} }} b: execution {{ {inner} }} }}"
    answer = flow.graphql(f'{{ execution(id: "{execution}") {{ {inner} }} }}')
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert codes == {"VALIDATION_ERROR"}
    assert flow.graphql("{ me { id } }")["data"]["me"]["id"] == "1"


def test_another_method(flow: Any) -> None:
    """405 names the one that it takes, in GraphQL's shape."""
    response = flow.call("GET", "/graphql")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    error_of(response.json(), "VALIDATION_ERROR")
