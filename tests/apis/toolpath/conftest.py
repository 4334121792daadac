"""The sandbox with Toolpath in it, on a real port, and a bare client to speak to it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.resources import files
from typing import Any

import httpx2
import pytest

from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

DATA = files("failwell.sandbox") / "data"
MINTED: Any = object()


class Town:
    """One sandbox: its service, called without any client's help, and its controls.

    `seen` lists method, path and key of every request to Toolpath.
    """

    def __init__(self, url: str, http: httpx2.Client, service: Any, seen: list[Any]) -> None:
        self.url = url
        self.http = http
        self.service = service
        self.seen = seen
        about = self.control("GET", "/sandbox.json").json()["apis"]["toolpath"]
        self.base: str = about["base_url"]
        self.keys: dict[str, str] = about["credentials"]

    def control(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Speak to the sandbox itself."""
        return self.http.request(method, self.url + path, **request)

    def call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = "read_write",
        idem: Any = MINTED,
        **request: Any,
    ) -> httpx2.Response:
        """Speak to Toolpath; `key` names one of the credentials, or is a token itself."""
        fields = dict(request.pop("headers", {}))
        if key is not None:
            fields.setdefault("Authorization", f"Bearer {self.keys.get(key, key)}")
        if idem is MINTED and method not in ("GET", "HEAD"):
            idem = str(uuid.uuid4())
        if isinstance(idem, str):
            fields["Idempotency-Key"] = idem
        return self.http.request(method, self.base + path, headers=fields, **request)

    def step(self, name: str) -> str:
        """The text of one of the STEP files that come with failwell."""
        return (DATA / f"{name}.step").read_text("utf-8")

    def new_part(self, name: str = "standoff_spacer") -> dict[str, Any]:
        """The body of a good `POST /parts`."""
        return {"name": name, "units": "mm", "stepFile": self.step(name)}

    def settled(self, path: str) -> dict[str, Any]:
        """The record at this path when it is no longer processing."""
        ends = time.monotonic() + 20
        while (response := self.call("GET", path)).status_code == 202:
            assert time.monotonic() < ends, f"{path} does not end"
            time.sleep(0.01)
        assert response.status_code == 200, response.text
        data: dict[str, Any] = response.json()["data"]
        return data

    def part(self, name: str = "standoff_spacer") -> dict[str, Any]:
        """A part of this STEP file, processed."""
        created = self.call("POST", "/parts", json=self.new_part(name)).json()["data"]
        return self.settled(f"/parts/{created['id']}")

    def program(self, part_id: str) -> dict[str, Any]:
        """A program of this part, processed."""
        created = self.call("POST", "/programs", json={"partId": part_id}).json()["data"]
        return self.settled(f"/programs/{created['id']}")

    @property
    def effects(self) -> dict[str, Any]:
        """What was really created, and how many requests came."""
        told: dict[str, Any] = self.control("GET", "/sandbox/toolpath/effects").json()
        return told

    @property
    def created(self) -> dict[str, int]:
        """What was really created."""
        return dict(self.effects["created"])

    def set(self, component: str, state: str) -> None:
        """Stop or start a component."""
        path = f"/sandbox/toolpath/components/{component}"
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

    def limit(self, **limits: int) -> None:
        """Change limits."""
        response = self.control("PUT", "/sandbox/toolpath/limits", json=limits)
        assert response.status_code == 200, response.text

    @contextmanager
    def limited(self, key: str = "read_write", more: int = 0) -> Iterator[int]:
        """Allow this key `more` requests and not one besides; gives the limit."""
        fields = self.call("GET", "/cut-configs", key=key).headers
        used = int(fields["x-ratelimit-limit"]) - int(fields["x-ratelimit-remaining"])
        self.limit(requests_per_minute=used + more)
        try:
            yield used + more
        finally:
            self.limit(requests_per_minute=100_000)

    def suffer(self, *faults: dict[str, Any]) -> None:
        """Replace the list of faults."""
        response = self.control("PUT", "/sandbox/toolpath/faults", json=list(faults))
        assert response.status_code == 200, response.text


def _recorded(app: Any, base: str, seen: list[tuple[str, str, str | None]]) -> Any:
    """The app, which notes method, path and key of every request as it comes off the wire."""

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(base):
            key = dict(scope["headers"]).get(b"idempotency-key")
            path = scope["path"].removeprefix(base)
            seen.append((scope["method"], path, key and key.decode()))
        await app(scope, receive, send)

    return recorded


@contextmanager
def _town(**settings: Any) -> Iterator[Town]:
    with ExitStack() as stack:
        http = stack.enter_context(httpx2.Client(trust_env=False, timeout=30))
        (service,), seen = services(("toolpath",), **settings), list[tuple[str, str, str | None]]()
        sandbox = _recorded(application([service], seed=1), service.base_path, seen)
        town = Town(stack.enter_context(running(sandbox)), http, service, seen)
        town.limit(requests_per_minute=100_000)
        yield town


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """A sandbox whose Engine takes no rest."""
    with _town(seconds_per_task=0.0) as town:
        yield town


@pytest.fixture(scope="module")
def slow_town() -> Iterator[Town]:
    """A sandbox whose Engine rests for 0.3 s over each task, so that one can watch it."""
    with _town(seconds_per_task=0.3) as town:
        yield town
