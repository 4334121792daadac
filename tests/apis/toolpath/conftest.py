"""The sandbox with Toolpath in it, on a real port, and a bare client to speak to it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import httpx2
import pytest

from apis.serving import USUAL, Served, serving

DATA = files("failwell.sandbox") / "data"
MINTED: Any = object()


class Town(Served):
    """One sandbox with Toolpath; `seen` lists method, path and key of every request to it."""

    api = "toolpath"
    usual = "read_write"
    seen: list[Any]

    def call(
        self, method: str, path: str, *, key: str | None = USUAL, idem: Any = MINTED, **request: Any
    ) -> httpx2.Response:
        """Speak to Toolpath; a write has a key of its own where `idem` says nothing else."""
        fields = dict(request.pop("headers", {}))
        if idem is MINTED and method not in ("GET", "HEAD"):
            idem = str(uuid.uuid4())
        if isinstance(idem, str):
            fields["Idempotency-Key"] = idem
        return super().call(method, path, key=key, headers=fields, **request)

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

    @contextmanager
    def spent(self, key: str = "read_write", more: int = 0) -> Iterator[int]:
        """Allow this key `more` requests and not one besides; gives the limit."""
        fields = self.call("GET", "/cut-configs", key=key).headers
        used = int(fields["x-ratelimit-limit"]) - int(fields["x-ratelimit-remaining"])
        self.limit(requests_per_minute=used + more)
        try:
            yield used + more
        finally:
            self.limit(requests_per_minute=100_000)


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
    seen: list[tuple[str, str, str | None]] = []

    def recorded(app: Any, service: Any) -> Any:
        return _recorded(app, service.base_path, seen)

    with serving(Town, {"requests_per_minute": 100_000}, recorded, **settings) as town:
        town.seen = seen
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
