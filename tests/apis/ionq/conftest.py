"""The sandbox with IonQ in it, on a real port, and a bare client to speak to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from failwell.apis.ionq import (
    Endpoint,
    IonQClient,
    async_wait_for_job,
    wait_for_job,
)
from failwell.contract import Policy, Retry
from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

QUICK = Policy(retry=Retry(max_retries=2, base=0.01, cap=0.02, fast_base=0.01))
ONCE = Policy(retry=None)

BELL = [{"gate": "h", "target": 0}, {"gate": "cnot", "target": 1, "control": 0}]


def job(circuit: list[Any] = BELL, qubits: int = 2, **members: Any) -> dict[str, Any]:
    """The body of a good `POST /jobs`; members of `input` may be given as `input`."""
    program = {"qubits": qubits, "gateset": "qis", "circuit": circuit}
    program |= members.pop("input", {})
    return {"type": "ionq.circuit.v1", "backend": "simulator", "input": program} | members


class Cloud:
    """One sandbox: its service, called without any client's help, and its controls."""

    def __init__(self, url: str, http: httpx2.Client, service: Any) -> None:
        self.url = url
        self.http = http
        self.service = service
        about = self.control("GET", "/sandbox.json").json()["apis"]["ionq"]
        self.base: str = about["base_url"]
        self.keys: dict[str, str] = about["credentials"]
        self.limits: dict[str, Any] = about["limits"]

    def control(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Speak to the sandbox itself."""
        return self.http.request(method, self.url + path, **request)

    def call(
        self, method: str, path: str, *, key: str | None = "key", **request: Any
    ) -> httpx2.Response:
        """Speak to IonQ; `key` names one of the credentials, or is a token itself."""
        fields = dict(request.pop("headers", {}))
        if key is not None:
            fields.setdefault("Authorization", f"apiKey {self.keys.get(key, key)}")
        return self.http.request(method, self.base + path, headers=fields, **request)

    def submit(self, body: dict[str, Any] | None = None, **members: Any) -> str:
        """Submit a job; gives its id."""
        response = self.call("POST", "/jobs", json=body or job(**members))
        assert response.status_code == 201, response.text
        identifier: str = response.json()["id"]
        return identifier

    def ended(self, identifier: str) -> dict[str, Any]:
        """The job when it has ended."""
        ends = time.monotonic() + 30
        while True:
            found: dict[str, Any] = self.call("GET", f"/jobs/{identifier}").json()
            if found["status"] in ("completed", "failed", "canceled"):
                return found
            assert time.monotonic() < ends, f"{identifier} does not end: {found}"
            time.sleep(0.01)

    def started(self, identifier: str) -> None:
        """Wait until the job is being run."""
        ends = time.monotonic() + 30
        while self.call("GET", f"/jobs/{identifier}").json()["status"] != "started":
            assert time.monotonic() < ends, f"{identifier} is not started"
            time.sleep(0.01)

    def probabilities(self, identifier: str) -> dict[str, float]:
        """What came out of a job that completed."""
        response = self.call("GET", f"/jobs/{identifier}/results/probabilities")
        assert response.status_code == 200, response.text
        found: dict[str, float] = response.json()
        return found

    def ran(self, body: dict[str, Any] | None = None, **members: Any) -> dict[str, float]:
        """What comes out of this job."""
        identifier = self.submit(body, **members)
        assert self.ended(identifier)["status"] == "completed"
        return self.probabilities(identifier)

    @property
    def created(self) -> dict[str, int]:
        """What was really created."""
        return dict(self.control("GET", "/sandbox/ionq/effects").json()["created"])

    def set(self, component: str, state: str) -> None:
        """Stop or start a component."""
        path = f"/sandbox/ionq/components/{component}"
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
    def limited(self, **limits: Any) -> Iterator[None]:
        """With these limits for as long as the block runs."""
        before = self.control("GET", "/sandbox/ionq/limits").json()["limits"]
        assert self.control("PUT", "/sandbox/ionq/limits", json=limits).status_code == 200
        try:
            yield
        finally:
            self.control("PUT", "/sandbox/ionq/limits", json=before)

    def suffer(self, *faults: dict[str, Any]) -> None:
        """Replace the list of faults."""
        response = self.control("PUT", "/sandbox/ionq/faults", json=list(faults))
        assert response.status_code == 200, response.text


@contextmanager
def opened(**settings: Any) -> Iterator[Cloud]:
    """A sandbox with IonQ alone and room for many requests."""
    with ExitStack() as stack:
        http = stack.enter_context(httpx2.Client(trust_env=False, timeout=30))
        (service,) = services(("ionq",), **settings)
        url = stack.enter_context(running(application([service], seed=1)))
        cloud = Cloud(url, http, service)
        cloud.control("PUT", "/sandbox/ionq/limits", json={"requests_per_minute": 1_000_000})
        yield cloud


class Face:
    """IonQ's client in one world: each of its calls is made in that one."""

    def __init__(self, client: IonQClient, runner: asyncio.Runner | None) -> None:
        self.client = client
        self._runner = runner

    def call(self, endpoint: Endpoint[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the endpoint gives."""
        if self._runner is None:
            return endpoint.sync(*args, client=self.client, **kwargs)
        return self._runner.run(endpoint.asyncio(*args, client=self.client, **kwargs))

    def detailed(self, endpoint: Endpoint[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The endpoint's whole answer."""
        if self._runner is None:
            return endpoint.sync_detailed(*args, client=self.client, **kwargs)
        return self._runner.run(endpoint.asyncio_detailed(*args, client=self.client, **kwargs))

    def wait(self, job_id: str, **how: Any) -> Any:
        """The job when it has ended."""
        how = {"poll_interval": 0.02, **how}
        if self._runner is None:
            return wait_for_job(self.client, job_id, **how)
        return self._runner.run(async_wait_for_job(self.client, job_id, **how))

    def settle(self, error: Any) -> Any:
        """What became of a failed write."""
        if self._runner is None:
            return self.client.settle(error)
        return self._runner.run(self.client.asettle(error))

    def listed(self, one: Any, other: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """All that `one` yields, or `other`, its async twin."""
        if self._runner is None:
            return list(one(self.client, *args, **kwargs))
        return self._runner.run(_all(other(self.client, *args, **kwargs)))

    def done(self, value: Any) -> Any:
        """The value, awaited where it is a coroutine."""
        return self._runner.run(value) if isinstance(value, Coroutine) and self._runner else value

    @property
    def is_async(self) -> bool:
        """Which world it is."""
        return self._runner is not None

    def close(self) -> None:
        """Close the client, by the word of its world."""
        self.done(self.client.close() if self._runner is None else self.client.aclose())


async def _all(jobs: AsyncIterator[Any]) -> list[Any]:
    return [job async for job in jobs]


class Faces:
    """Makes clients of one world, and closes them."""

    def __init__(self, world: str) -> None:
        self._runner = asyncio.Runner() if world == "async" else None
        self._made: list[Face] = []

    def __call__(self, cloud: Cloud, key: str = "key", **how: Any) -> Face:
        token = cloud.keys.get(key, key)
        return self.at(cloud.base, api_key=token, **how)

    def at(self, base_url: str, api_key: str = "k", **how: Any) -> Face:
        """A client of this address, whose retries are quick."""
        how = {"policy": QUICK, "trust_env": False, **how}
        client = IonQClient(base_url=base_url, api_key=api_key, **how)
        self._made.append(Face(client, self._runner))
        return self._made[-1]

    def close(self) -> None:
        """Close what was made."""
        for face in self._made:
            face.close()
        if self._runner is not None:
            self._runner.close()


@pytest.fixture(params=["sync", "async"])
def faces(request: pytest.FixtureRequest) -> Iterator[Faces]:
    """What makes clients, in either world."""
    made = Faces(request.param)
    yield made
    made.close()


@pytest.fixture
def ionq(faces: Faces, cloud: Cloud) -> Face:
    """A client with the sandbox's key."""
    cloud.suffer()
    return faces(cloud)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A sandbox that runs jobs as fast as it can."""
    with opened() as cloud:
        yield cloud
