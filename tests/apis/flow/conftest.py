"""The sandbox with Flow in it, on a real port, and a bare client for each of its users."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

READS = b"".join(b"@read%d\nACGTACGTACGTACGTACGTACGT\n+\n%b\n" % (n, b"I" * 24) for n in range(40))


class Platform:
    """One sandbox with Flow: its users, and its controls."""

    def __init__(self, url: str, http: httpx2.Client, service: Any) -> None:
        self.url = url
        self.http = http
        self.service = service
        about = self.control("GET", "/sandbox.json").json()["apis"]["flow"]
        self.base: str = about["base_url"]
        self.users: dict[str, dict[str, str]] = about["credentials"]
        self.tokens = {name: self.log_in(name).json()["token"] for name in self.users}

    def control(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Speak to the sandbox itself."""
        return self.http.request(method, self.url + path, **request)

    def call(
        self, method: str, path: str, *, user: str | None = "alice", **request: Any
    ) -> httpx2.Response:
        """Speak to Flow as a user; `user` may be a token itself."""
        fields = dict(request.pop("headers", {}))
        if user is not None:
            fields.setdefault("Authorization", f"Bearer {self.tokens.get(user, user)}")
        self.http.cookies.clear()
        return self.http.request(method, self.base + path, headers=fields, **request)

    def log_in(self, name: str) -> httpx2.Response:
        """A new session of a user."""
        return self.call("POST", "/login", user=None, json=self.users[name])

    def graphql(self, query: str, *, user: str | None = "alice", **variables: Any) -> Any:
        """The answer to a document, with 200."""
        body = {"query": query, "variables": variables}
        response = self.call("POST", "/graphql", user=user, json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def sample(self, *, user: str = "alice", **fields: Any) -> str:
        """The id of a new sample without files."""
        body = {"name": "Sample", "organism": "Hs", "sample_type": "RNA-Seq", **fields}
        response = self.call("POST", "/samples/create", user=user, json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def chunk(
        self, blob: bytes, path: str = "/upload", *, user: str = "alice", **fields: Any
    ) -> httpx2.Response:
        """Upload a chunk: the first and the last one, unless the fields say otherwise."""
        name = fields.get("filename", "reads.fastq")
        form = {"filename": name, "expected_file_size": "0", "is_last": "true", "data": ""}
        files = {"blob": (name, blob, "application/octet-stream")}
        return self.call("POST", path, user=user, data={**form, **fields}, files=files)

    def sequenced(self, blob: bytes = READS, **fields: Any) -> str:
        """The id of a new sample with reads."""
        about = {"sample_name": "Sequenced", "sample_type": "RNA-Seq", "organism": "Hs"}
        form = {**about, "is_last_sample": "true", **fields}
        response = self.chunk(blob, "/upload/sample", **form)
        assert response.status_code == 200, response.text
        return str(response.json()["sample_id"])

    def run(self, *samples: str, pipeline: str = "FastQC", **more: Any) -> str:
        """The id of a new execution."""
        body = {"samples": list(samples), **more}
        response = self.call("POST", f"/pipelines/versions/{pipeline}/run", json=body)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def ended(self, execution: str) -> dict[str, Any]:
        """The execution when it has ended."""
        return self.when(f"/executions/{execution}", lambda body: body["status"])

    def when(self, path: str, holds: Any) -> dict[str, Any]:
        """What is at this path when something holds of it."""
        ends = time.monotonic() + 60
        while not holds(body := self.call("GET", path).json()):
            assert time.monotonic() < ends, body
            time.sleep(0.02)
        return dict(body)

    @property
    def created(self) -> dict[str, int]:
        """What was really created."""
        return dict(self.control("GET", "/sandbox/flow/effects").json()["created"])

    def set(self, component: str, state: str) -> None:
        """Stop or start a component."""
        path = f"/sandbox/flow/components/{component}"
        response = self.control("POST", path, json={"state": state})
        assert response.json()["components"][component] == state

    @contextmanager
    def stopped(self, component: str) -> Iterator[None]:
        """Without this component for as long as the block runs."""
        self.set(component, "stopped")
        try:
            yield
        finally:
            self.set(component, "running")

    @contextmanager
    def limited(self, **limits: int) -> Iterator[None]:
        """With other limits for as long as the block runs."""
        before = self.control("GET", "/sandbox/flow/limits").json()["limits"]
        response = self.control("PUT", "/sandbox/flow/limits", json=limits)
        assert response.status_code == 200, response.text
        try:
            yield
        finally:
            kept = {name: before[name] for name in limits}
            self.control("PUT", "/sandbox/flow/limits", json=kept)


@contextmanager
def serving() -> Iterator[Platform]:
    """A sandbox with Flow alone, and practically no quota."""
    with ExitStack() as stack:
        http = stack.enter_context(httpx2.Client(trust_env=False, timeout=60))
        (service,) = services(("flow",))
        url = stack.enter_context(running(application([service], seed=1)))
        platform = Platform(url, http, service)
        limits = {"requests_per_hour": 1_000_000}
        platform.control("PUT", "/sandbox/flow/limits", json=limits)
        yield platform


@pytest.fixture(scope="module")
def flow() -> Iterator[Platform]:
    """A sandbox with Flow, for the tests of one file."""
    with serving() as platform:
        yield platform


def refused(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The details of an error, whose every other part is checked: envelope, id, time, type."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) - {"details"} == {"code", "message", "request_id", "timestamp"}
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert time.strptime(error["timestamp"], "%Y-%m-%dT%H:%M:%SZ")
    return dict(error.get("details") or {})
