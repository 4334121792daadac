"""Wrong, hostile and huge input on every route: Flow's own envelope, and never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apis.flow.conftest import refused
from failwell.apis.flow.endpoints import ENDPOINTS, Endpoint

TAKES_JSON = [one for one in ENDPOINTS if one.takes == "json"]
TAKES_FORM = [one for one in ENDPOINTS if one.takes == "form"]
WITH_ID = [one for one in ENDPOINTS if "{id}" in one.path]

BODIES = [
    b"",
    b"nonsense",
    b"null",
    b"[]",
    b'"text"',
    b'{"name": "cut',
    b'{"name": "\xff"}',
    b'{"name": "\\ud800", "username": "\\ud800", "password": "\\ud800"}',
    b'{"name": "a\\u0000b"}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"name": 1e999}',
    b'{"name": ' + b"9" * 5000 + b"}",
]
VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    " ",
    "x" * 10_000,
    [],
    [None],
    {},
    {"a": {}},
    "\u202e",
    "\x7f",
]
FIELDS = [
    "name", "organism", "sample_type", "project", "metadata", "description", "is_public", "users",
    "permission", "username", "password", "params", "data_params", "csv_params", "samples",
    "nextflow_version", "imports",
]  # fmt: skip
IDS = ["0", "-1", "x", "%00", "1.5", "9" * 30, "%F0%9F%92%A9", "' OR 1=1 --", "..%2f..", "１"]


def path_of(endpoint: Endpoint, identifier: str = "1") -> str:
    return endpoint.path.replace("{id}", identifier).replace("{filename}", "x")


def is_proper(endpoint: Endpoint, response: Any) -> None:
    """A success or a refusal in the route's own dialect, with a status that it declares."""
    assert response.status_code < 500, response.text
    if response.status_code < 400:
        return
    if endpoint.is_v2:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == response.json()["code"].lower()
    else:
        refused(response, response.status_code, response.json()["error"]["code"])


@pytest.mark.parametrize("endpoint", TAKES_JSON, ids=lambda one: one.operation)
def test_a_body_that_is_no_object(flow: Any, endpoint: Endpoint) -> None:
    """Not JSON, not an object, not Unicode, too deep."""
    for body in BODIES:
        path = path_of(endpoint, "3" if "pipelines" in endpoint.path else "1")
        response = flow.call(endpoint.method, path, content=body)
        is_proper(endpoint, response)
        assert 400 <= response.status_code < 500


@pytest.mark.parametrize("endpoint", TAKES_JSON, ids=lambda one: one.operation)
def test_a_field_that_is_something_else(flow: Any, endpoint: Endpoint) -> None:
    """Any value in any field is taken or refused."""
    for value in VALUES:
        body = dict.fromkeys(FIELDS, value)
        is_proper(endpoint, flow.call(endpoint.method, path_of(endpoint), json=body))
        nested = {"imports": [value], "users": [value], "samples": [value], "params": {"k": value}}
        is_proper(endpoint, flow.call(endpoint.method, path_of(endpoint), json=nested))


@pytest.mark.parametrize("endpoint", WITH_ID, ids=lambda one: one.operation)
def test_an_id_that_is_none(flow: Any, endpoint: Endpoint) -> None:
    """Not a number, too large a number, other alphabets, a path."""
    for identifier in IDS:
        content = {"json": {}} if endpoint.takes == "json" else {}
        response = flow.call(endpoint.method, path_of(endpoint, identifier), **content)
        is_proper(endpoint, response)
        assert response.status_code >= 400


FORMS: list[dict[str, Any]] = [
    {"content": b"nonsense"},
    {"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data"}},
    {"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    {"content": b"--x\r\n\r\n", "headers": {"Content-Type": b"multipart/form-data; boundary=\xff"}},
    {"data": {"blob": "text"}},
    {"data": {"a": "x" * 2_000_000}, "files": {"b": ("b", b"")}},
    {"files": {"blob": ("x.txt", b"x"), "more": ("y", b"y"), "third": ("z", b"z")}},
    {"data": {f"f{n}": "x" for n in range(300)}, "files": {"blob": ("x.txt", b"x")}},
]
TEXTS = ["", "-1", "x", "9" * 40, "1.5", "TRUE", "yes", "\x00", "é", "x" * 5000]
FORM_FIELDS = [
    "filename", "expected_file_size", "is_last", "data", "data_type", "is_directory", "md5",
    "file_size", "is_last_sample", "previous_data", "sample_name", "sample_type", "project",
    "organism", "strandedness",
]  # fmt: skip


@pytest.mark.parametrize("endpoint", TAKES_FORM, ids=lambda one: one.operation)
def test_a_form_that_is_none(flow: Any, endpoint: Endpoint) -> None:
    """Not multipart, cut, without the chunk, with too many fields."""
    for form in FORMS:
        response = flow.call(endpoint.method, path_of(endpoint), **form)
        is_proper(endpoint, response)
        assert 400 <= response.status_code < 500


@pytest.mark.parametrize("endpoint", TAKES_FORM, ids=lambda one: one.operation)
def test_a_form_field_that_is_something_else(flow: Any, endpoint: Endpoint) -> None:
    """Any text in any field is taken or refused."""
    good = {"filename": "x.txt", "is_last": "true", "sample_type": "generic", "sample_name": "x"}
    for field in FORM_FIELDS:
        for text in TEXTS:
            files = {"blob": ("x.txt", b"x")}
            response = flow.call("POST", endpoint.path, data={**good, field: text}, files=files)
            is_proper(endpoint, response)


def test_headers_that_are_odd(flow: Any) -> None:
    """Authorization, keys and cookies of any kind are refused in the envelope, or ignored."""
    for value in ("", "Bearer", "Bearer a b", "Basic eA==", "\xff\xfe", "x" * 10_000):
        fields = {"Authorization": value.encode("latin-1")}
        response = flow.call("GET", "/me", user=None, headers=fields)
        refused(response, 401, response.json()["error"]["code"])
    for key in ("two words", "a,b", "x" * 256, "\xff"):
        fields = {"Idempotency-Key": key.encode("latin-1")}
        response = flow.call("POST", "/samples/create", json={"name": "x"}, headers=fields)
        refused(response, 400, "VALIDATION_ERROR")
    for cookie in ("flow_refresh_token=", "flow_refresh_token=x; flow_refresh_token=y", "=;;"):
        response = flow.call("GET", "/token", headers={"Cookie": cookie})
        assert response.status_code == 401


def test_a_body_that_is_too_large(flow: Any) -> None:
    """FILE_TOO_LARGE while it arrives, on every route that takes JSON."""
    body = json.dumps({"name": "x" * 2_000_000}).encode()
    for endpoint in TAKES_JSON:
        response = flow.call(endpoint.method, path_of(endpoint), content=body)
        is_proper(endpoint, response)
        assert response.status_code == 413


def test_queries_that_are_odd(flow: Any) -> None:
    """Any query is answered or refused."""
    for query in ("name=%00", "name=%25%5F", "filter=id:", "project=x", "owned=maybe", "page=%FF"):
        response = flow.call("GET", f"/samples/search?{query}")
        assert response.status_code in (200, 400)
