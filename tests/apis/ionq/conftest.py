"""The sandbox with IonQ in it, on a real port, and a bare client to speak to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest

from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

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


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A sandbox that runs jobs as fast as it can."""
    with opened() as cloud:
        yield cloud
