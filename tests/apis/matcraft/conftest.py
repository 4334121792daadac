"""The sandbox with MatCraft in it, on a real port, a bare client to speak to it, and MatCraft's own
clients in both worlds."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec
import pytest

from failwell.apis.matcraft import (
    AsyncCampaign,
    AsyncMatCraftClient,
    Campaign,
    MatCraftClient,
    Page,
)
from failwell.contract import Policy, Retry
from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

SPHERE: dict[str, Any] = {
    "parameters": [{"name": "x", "type": "continuous", "bounds": [-2, 2]}],
    "objectives": [{"name": "f", "direction": "minimize", "expression": "(x - 1) * (x - 1)"}],
    "optimizer": {"budget": 12, "batch_size": 6, "seed": 1},
}
"""A campaign that is over in two batches."""

LONG = SPHERE | {"optimizer": {"budget": 10_000, "batch_size": 10, "method": "random"}}
"""One that is not over before it is stopped."""

_names = (f"campaign-{number}" for number in itertools.count())


class Bench:
    """One sandbox: its service, called without any client's help, and its controls."""

    SPHERE, LONG = SPHERE, LONG

    def __init__(self, url: str, http: httpx2.Client, service: Any) -> None:
        self.url = url
        self.http = http
        self.service = service
        about = self.control("GET", "/sandbox.json").json()["apis"]["matcraft"]
        self.about: dict[str, Any] = about
        self.base: str = about["base_url"]
        self.keys: dict[str, str] = about["credentials"]

    def control(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Speak to the sandbox itself."""
        return self.http.request(method, self.url + path, **request)

    def call(
        self, method: str, path: str, *, key: str | None = "admin", **request: Any
    ) -> httpx2.Response:
        """Speak to MatCraft; `key` names one of the credentials, or is a token itself."""
        fields = dict(request.pop("headers", {}))
        if key is not None:
            fields.setdefault("Authorization", f"Bearer {self.keys.get(key, key)}")
        return self.http.request(method, self.base + path, headers=fields, **request)

    def data(self, method: str, path: str, **request: Any) -> Any:
        """What a call that goes well gives."""
        response = self.call(method, path, **request)
        assert response.status_code < 300, response.text
        return response.json()["data"]

    def new(self, **changes: Any) -> dict[str, Any]:
        """The body of a good `POST /campaigns`, under a name that is not taken."""
        return {"name": next(_names), "domain": "general", "mdl": SPHERE} | changes

    def made(self, **changes: Any) -> str:
        """The id of a new campaign."""
        made: dict[str, Any] = self.data("POST", "/campaigns", json=self.new(**changes))
        identifier: str = made["id"]
        return identifier

    def started(self, **changes: Any) -> str:
        """The id of a campaign that has been started."""
        campaign = self.made(**changes)
        self.data("POST", f"/campaigns/{campaign}/start")
        return campaign

    def ended(self, campaign: str) -> dict[str, Any]:
        """The campaign when it runs no longer."""
        return self.when(f"/campaigns/{campaign}", lambda told: told["status"] != "running")

    def when(self, path: str, holds: Any) -> dict[str, Any]:
        """What is at this path as soon as that holds."""
        ends = time.monotonic() + 60
        while not holds(told := self.data("GET", path)):
            assert time.monotonic() < ends, told
            time.sleep(0.02)
        told_last: dict[str, Any] = told
        return told_last

    @staticmethod
    def refused(response: httpx2.Response, status: int, code: str) -> dict[str, Any]:
        """The error, whose common parts are checked: envelope, ids, quota, media type."""
        assert response.status_code == status, response.text
        body = response.json()
        assert list(body) == ["error"]
        error: dict[str, Any] = body["error"]
        assert set(error) <= {"code", "message", "details", "request_id"}
        assert error["code"] == code
        assert error["message"]
        assert isinstance(error.get("details", []), list)
        assert error["request_id"] == response.headers["x-request-id"]
        assert response.headers["content-type"] == "application/json"
        assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(
            response.headers
        )
        return error

    @property
    def created(self) -> dict[str, int]:
        """What was really created."""
        return dict(self.control("GET", "/sandbox/matcraft/effects").json()["created"])

    def set(self, component: str, state: str) -> None:
        """Stop or start a component."""
        path = f"/sandbox/matcraft/components/{component}"
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

    def suffer(self, *faults: dict[str, Any]) -> None:
        """Replace the list of faults."""
        response = self.control("PUT", "/sandbox/matcraft/faults", json=list(faults))
        assert response.status_code == 200, response.text

    @contextmanager
    def limited(self, **limits: int) -> Iterator[None]:
        """With other limits for as long as the block runs."""
        path = "/sandbox/matcraft/limits"
        before = self.control("GET", path).json()["limits"]
        assert self.control("PUT", path, json=limits).status_code == 200
        try:
            yield
        finally:
            self.control("PUT", path, json=before)


@contextmanager
def serving(**limits: int) -> Iterator[Bench]:
    """A sandbox of its own, with these limits."""
    (service,) = services(("matcraft",))
    with (
        httpx2.Client(trust_env=False, timeout=30) as http,
        running(application([service], seed=1)) as url,
    ):
        bench = Bench(url, http, service)
        bench.control("PUT", "/sandbox/matcraft/limits", json=limits)
        yield bench


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A sandbox whose quotas are out of the way."""
    much = 1_000_000
    with serving(requests_per_minute=much, requests_per_hour=much, campaigns_per_hour=much) as one:
        yield one


@pytest.fixture
def fresh() -> Iterator[Bench]:
    """A sandbox that nobody has used, with the limits that it comes with."""
    with serving() as one:
        yield one


QUICK = Policy(retry=Retry(base=0.01, cap=0.05, fast_base=0.01, jitter=None))
"""A policy whose retries take no time."""


class Driven:
    """A client of either world, or one of its resources or campaigns, whose methods are called the
    same way."""

    def __init__(self, it: Any, runner: asyncio.Runner | None) -> None:
        self.it = it
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.it, name)
        if inspect.ismethod(found):
            return lambda *args, **how: self._called(found, args, how)
        is_part = type(found).__module__.startswith("failwell.apis.matcraft") and not isinstance(
            found, msgspec.Struct
        )
        return Driven(found, self._runner) if is_part else found

    def _called(self, method: Any, args: Any, how: Any) -> Any:
        answer = method(*args, **how)
        if inspect.isawaitable(answer):
            assert self._runner is not None
            answer = self._runner.run(_awaited(answer))
        return self._driven(answer)

    def _driven(self, answer: Any) -> Any:
        if isinstance(answer, (Campaign, AsyncCampaign)):
            return Driven(answer, self._runner)
        return answer.of(self._driven) if isinstance(answer, Page) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


class Clients:
    """Makes clients of one world, and closes them; `sleeps` are the pauses that patient ones would
    have made."""

    def __init__(self, world: str) -> None:
        self._runner = asyncio.Runner() if world == "async" else None
        self._made: list[Any] = []
        self.sleeps: list[float] = []

    def __call__(self, bench: Bench, *, key: str = "admin", **how: Any) -> Any:
        return self.at(bench.base, bench.keys.get(key, key), **how)

    def at(self, base_url: str | None, key: str | None, **how: Any) -> Any:
        """A client of this service, whose retries are quick where nothing else is said."""
        world = MatCraftClient if self._runner is None else AsyncMatCraftClient
        how = {"policy": QUICK, "trust_env": False} | how
        client = world(key, base_url=base_url, **how)
        self._made.append(client)
        return Driven(client, self._runner)

    def patient(self, bench: Bench, **how: Any) -> Any:
        """A client that is given no policy, and whose pauses are written down, not made."""
        made = self(bench, policy=Policy(breaker=None, governor=None), **how)
        inner, sleep = made.it.client, self._note if self._runner is None else self._anote
        rim = msgspec.structs.replace(inner.rim, sleep=sleep)
        inner._settings = msgspec.structs.replace(inner._settings, rim=rim)
        return made

    def _note(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    async def _anote(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    def close(self) -> None:
        for client in self._made:
            if self._runner is None:
                client.close()
            else:
                self._runner.run(client.aclose())
        if self._runner is not None:
            self._runner.close()


@pytest.fixture(params=["sync", "async"])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    """Clients of each world."""
    made = Clients(request.param)
    yield made
    made.close()


@pytest.fixture
def client(clients: Clients, bench: Bench) -> Any:
    """A client with the sandbox's key, whose retries are quick; no fault stays behind."""
    bench.suffer()
    return clients(bench)
