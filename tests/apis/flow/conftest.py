"""The sandbox with Flow in it, on a real port, and a bare client for each of its users."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from failwell.apis.flow import AsyncClient, Client
from failwell.contract import Policy, Retry
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


QUICK = Policy(retry=Retry(base=0.01, cap=0.05, fast_base=0.01))
ONCE = Policy(retry=None)


class World:
    """Clients of one world, whose methods are called the same way."""

    def __init__(self, name: str, flow: Any) -> None:
        self.flow = flow
        self._runner = asyncio.Runner() if name == "async" else None
        self._made: list[Any] = []

    def client(self, base: str | None = None, **how: Any) -> Any:
        """A client that nobody has logged in with."""
        kind = Client if self._runner is None else AsyncClient
        how = {"policy": QUICK, "trust_env": False, **how}
        made = kind(base or self.flow.base, **how)
        self._made.append(made)
        return made

    def as_user(self, name: str = "alice", **how: Any) -> Any:
        """A client of one of the users."""
        client = self.client(**how)
        self(client.login, **self.flow.users[name])
        return client

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function returns, awaited where it must be."""
        if self._runner is None:
            return function(*args, **kwargs)

        async def awaited() -> Any:
            answer = function(*args, **kwargs)
            return await answer if inspect.isawaitable(answer) else answer

        return self._runner.run(awaited())

    def at_once(self, number: int, function: Callable[[], Any]) -> list[Any]:
        """What so many calls at the same time return: threads, or tasks."""
        if self._runner is None:
            with ThreadPoolExecutor(number) as pool:
                return list(pool.map(lambda _: function(), range(number)))

        async def all_of_them() -> list[Any]:
            return list(await asyncio.gather(*(function() for _ in range(number))))

        return self._runner.run(all_of_them())

    def close(self) -> None:
        for client in self._made:
            self(client.close if self._runner is None else client.aclose)
        if self._runner is not None:
            self._runner.close()


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, flow: Any) -> Iterator[World]:
    made = World(request.param, flow)
    yield made
    flow.control("PUT", "/sandbox/flow/faults", json=[])
    made.close()


@pytest.fixture
def alice(world: World) -> Any:
    """A client of Alice's, whose retries are quick."""
    return world.as_user()


def suffer(flow: Any, *faults: dict[str, Any]) -> None:
    response = flow.control("PUT", "/sandbox/flow/faults", json=list(faults))
    assert response.status_code == 200, response.text


def served(flow: Any) -> int:
    """Requests that Flow has got so far."""
    return int(flow.control("GET", "/sandbox/flow/effects").json()["requests"])
