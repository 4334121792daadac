"""The sandbox with IonQ in it, on a real port, and a bare client to speak to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from apis.serving import Served, World, serving
from failwell.apis.ionq import (
    Endpoint,
    IonQClient,
    async_wait_for_job,
    wait_for_job,
)
from failwell.settings import Policy, Retry

QUICK = Policy(retry=Retry(max_retries=2, base=0.01, cap=0.02, fast_base=0.01))
ONCE = Policy(retry=None)

BELL = [{"gate": "h", "target": 0}, {"gate": "cnot", "target": 1, "control": 0}]


def job(circuit: list[Any] = BELL, qubits: int = 2, **members: Any) -> dict[str, Any]:
    """The body of a good `POST /jobs`; members of `input` may be given as `input`."""
    program = {"qubits": qubits, "gateset": "qis", "circuit": circuit}
    program |= members.pop("input", {})
    return {"type": "ionq.circuit.v1", "backend": "simulator", "input": program} | members


class Cloud(Served):
    """One sandbox with IonQ."""

    api = "ionq"
    field = ("Authorization", "apiKey {}")

    def submit(self, body: dict[str, Any] | None = None, **members: Any) -> str:
        """Submit a job; gives its id."""
        response = self.call("POST", "/jobs", json=body or job(**members))
        assert response.status_code == 201, response.text
        identifier: str = response.json()["id"]
        return identifier

    def ended(self, identifier: str) -> dict[str, Any]:
        """The job when it has ended."""
        ends = ("completed", "failed", "canceled")
        return self.when(f"/jobs/{identifier}", lambda job: job["status"] in ends)

    def started(self, identifier: str) -> None:
        """Wait until the job is being run."""
        self.when(f"/jobs/{identifier}", lambda job: job["status"] == "started")

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


def opened(**settings: Any) -> AbstractContextManager[Cloud]:
    """A sandbox with IonQ alone and room for many requests."""
    return serving(Cloud, {"requests_per_minute": 1_000_000}, **settings)


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


class Faces(World):
    """Makes clients of one world."""

    def __call__(self, cloud: Cloud, key: str = "key", **how: Any) -> Face:
        token = cloud.keys.get(key, key)
        return self.at(cloud.base, api_key=token, **how)

    def at(self, base_url: str, api_key: str = "k", **how: Any) -> Face:
        """A client of this address, whose retries are quick."""
        how = {"policy": QUICK, "trust_env": False, **how}
        client = IonQClient(base_url=base_url, api_key=api_key, **how)
        return Face(self.keep(client), self.runner)


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
