"""The sandbox with MatCraft in it, on a real port, a bare client to speak to it, and MatCraft's own
clients in both worlds."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from apis.serving import Driven as EitherWay
from apis.serving import Served, World, serving
from failwell.apis.matcraft import (
    AsyncCampaign,
    AsyncMatCraftClient,
    Campaign,
    MatCraftClient,
    Page,
)
from failwell.settings import Policy, Retry

SPHERE: dict[str, Any] = {
    "parameters": [{"name": "x", "type": "continuous", "bounds": [-2, 2]}],
    "objectives": [{"name": "f", "direction": "minimize", "expression": "(x - 1) * (x - 1)"}],
    "optimizer": {"budget": 12, "batch_size": 6, "seed": 1},
}
"""A campaign that is over in two batches."""

LONG = SPHERE | {"optimizer": {"budget": 10_000, "batch_size": 10, "method": "random"}}
"""One that is not over before it is stopped."""

_names = (f"campaign-{number}" for number in itertools.count())


class Bench(Served):
    """One sandbox with MatCraft."""

    api = "matcraft"
    usual = "admin"
    SPHERE, LONG = SPHERE, LONG

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

    def read(self, path: str) -> Any:
        """The data at this path."""
        return self.data("GET", path)

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


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A sandbox whose quotas are out of the way."""
    names = ("requests_per_minute", "requests_per_hour", "campaigns_per_hour")
    with serving(Bench, dict.fromkeys(names, 1_000_000)) as one:
        yield one


@pytest.fixture
def fresh() -> Iterator[Bench]:
    """A sandbox that nobody has used, with the limits that it comes with."""
    with serving(Bench, {}) as one:
        yield one


QUICK = Policy(retry=Retry(base=0.01, cap=0.05, fast_base=0.01, jitter=None))
"""A policy whose retries take no time."""


class Driven(EitherWay):
    """A client of either world, or one of its resources or campaigns, whose methods are called the
    same way."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.it, name)
        if inspect.ismethod(found):
            return lambda *args, **how: self._driven(self.world.done(found(*args, **how)))
        is_part = type(found).__module__.startswith("failwell.apis.matcraft") and not isinstance(
            found, msgspec.Struct
        )
        return Driven(found, self.world) if is_part else found

    def _driven(self, answer: Any) -> Any:
        if isinstance(answer, (Campaign, AsyncCampaign)):
            return Driven(answer, self.world)
        return answer.of(self._driven) if isinstance(answer, Page) else answer


class Clients(World):
    """Makes clients of one world; `sleeps` are the pauses that patient ones would have made."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.sleeps: list[float] = []

    def __call__(self, bench: Bench, *, key: str = "admin", **how: Any) -> Any:
        return self.at(bench.base, bench.keys.get(key, key), **how)

    def at(self, base_url: str | None, key: str | None, **how: Any) -> Any:
        """A client of this service, whose retries are quick where nothing else is said."""
        kind = AsyncMatCraftClient if self.is_async else MatCraftClient
        how = {"policy": QUICK, "trust_env": False} | how
        return Driven(self.keep(kind(key, base_url=base_url, **how)), self)

    def patient(self, bench: Bench, **how: Any) -> Any:
        """A client that is given no policy, and whose pauses are written down, not made."""
        made = self(bench, policy=Policy(breaker=None, governor=None), **how)
        inner, sleep = made.it.client, self._anote if self.is_async else self._note
        rim = msgspec.structs.replace(inner.rim, sleep=sleep)
        inner._settings = msgspec.structs.replace(inner._settings, rim=rim)
        return made

    def _note(self, seconds: float) -> None:
        self.sleeps.append(seconds)

    async def _anote(self, seconds: float) -> None:
        self.sleeps.append(seconds)


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
