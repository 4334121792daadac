"""The sandbox with Flow in it, on a real port, and a bare client for each of its users."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from apis.serving import Served, serving
from apis.serving import World as EitherWorld
from failwell.apis.flow import AsyncClient, Client
from failwell.settings import Policy, Retry

READS = b"".join(b"@read%d\nACGTACGTACGTACGTACGTACGT\n+\n%b\n" % (n, b"I" * 24) for n in range(40))


class Platform(Served):
    """One sandbox with Flow, and its users."""

    api = "flow"
    usual = "alice"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.users: dict[str, dict[str, str]] = self.keys
        self.tokens = {name: self.log_in(name).json()["token"] for name in self.users}
        self.keys = self.tokens

    def call(
        self, method: str, path: str, *, user: str | None = "alice", **request: Any
    ) -> httpx2.Response:
        """Speak to Flow as a user; `user` may be a token itself."""
        self.http.cookies.clear()
        return super().call(method, path, key=user, **request)

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


@pytest.fixture(scope="module")
def flow() -> Iterator[Platform]:
    """A sandbox with Flow, for the tests of one file."""
    with serving(Platform, {"requests_per_hour": 1_000_000}) as platform:
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


class World(EitherWorld):
    """Clients of one world, whose methods are called the same way."""

    def __init__(self, name: str, flow: Any) -> None:
        super().__init__(name)
        self.flow = flow

    def client(self, base: str | None = None, **how: Any) -> Any:
        """A client that nobody has logged in with."""
        kind = AsyncClient if self.is_async else Client
        how = {"policy": QUICK, "trust_env": False, **how}
        return self.keep(kind(base or self.flow.base, **how))

    def as_user(self, name: str = "alice", **how: Any) -> Any:
        """A client of one of the users."""
        client = self.client(**how)
        self(client.login, **self.flow.users[name])
        return client

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the function returns, awaited where it must be."""
        if self.runner is None:
            return function(*args, **kwargs)

        async def awaited() -> Any:
            answer = function(*args, **kwargs)
            return await answer if inspect.isawaitable(answer) else answer

        return self.runner.run(awaited())

    def at_once(self, number: int, function: Callable[[], Any]) -> list[Any]:
        """What so many calls at the same time return: threads, or tasks."""
        if self.runner is None:
            with ThreadPoolExecutor(number) as pool:
                return list(pool.map(lambda _: function(), range(number)))

        async def all_of_them() -> list[Any]:
            return list(await asyncio.gather(*(function() for _ in range(number))))

        return self.runner.run(all_of_them())


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, flow: Any) -> Iterator[World]:
    made = World(request.param, flow)
    yield made
    flow.suffer()
    made.close()


@pytest.fixture
def alice(world: World) -> Any:
    """A client of Alice's, whose retries are quick."""
    return world.as_user()


def served(flow: Any) -> int:
    """Requests that Flow has got so far."""
    return int(flow.effects["requests"])
