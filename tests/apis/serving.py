"""The sandbox with one API in it, on a real port: a bare client to speak to it, its controls, and
what makes clients of either world."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

import httpx2

from failwell.sandbox.app import application, services
from failwell.sandbox.wire import running

S = TypeVar("S", bound="Served")

USUAL = "the key of the class"


class Served:
    """One service, called without any client's help, and its controls.

    A class says which `api` it is, the credential that calls have where they name none, and the
    header field that carries it.
    """

    api: ClassVar[str]
    usual: ClassVar[str] = "key"
    field: ClassVar[tuple[str, str]] = ("Authorization", "Bearer {}")

    def __init__(self, url: str, http: httpx2.Client, service: Any) -> None:
        self.url = url
        self.http = http
        self.service = service
        self.about: dict[str, Any] = self.control("GET", "/sandbox.json").json()["apis"][self.api]
        self.base: str = self.about["base_url"]
        self.keys: dict[str, Any] = self.about["credentials"]

    def control(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """Speak to the sandbox itself; "/limits" stands for this service's own."""
        if not path.startswith("/sandbox"):
            path = f"/sandbox/{self.api}{path}"
        return self.http.request(method, self.url + path, **request)

    def call(
        self, method: str, path: str, *, key: str | None = USUAL, **request: Any
    ) -> httpx2.Response:
        """Speak to the API; `key` names one of the credentials, or is a token itself."""
        fields = dict(request.pop("headers", {}))
        if key is not None:
            name, spelled = self.field
            key = self.usual if key is USUAL else key
            fields.setdefault(name, spelled.format(self.keys.get(key, key)))
        return self.http.request(method, self.base + path, headers=fields, **request)

    def read(self, path: str) -> Any:
        """What is at this path."""
        return self.call("GET", path).json()

    def when(self, path: str, holds: Callable[[Any], object]) -> dict[str, Any]:
        """What is at this path as soon as that holds of it."""
        ends = time.monotonic() + 60
        while not holds(told := self.read(path)):
            assert time.monotonic() < ends, told
            time.sleep(0.02)
        return dict(told)

    @property
    def effects(self) -> dict[str, Any]:
        """What was really created, and how many requests came."""
        return dict(self.control("GET", "/effects").json())

    @property
    def created(self) -> dict[str, int]:
        """What was really created."""
        return dict(self.effects["created"])

    def set(self, component: str, state: str) -> None:
        """Stop or start a component."""
        response = self.control("POST", f"/components/{component}", json={"state": state})
        assert response.json()["components"][component] == state

    @contextmanager
    def stopped(self, component: str) -> Iterator[None]:
        """Without this component for as long as the block runs."""
        self.set(component, "stopped")
        try:
            yield
        finally:
            self.set(component, "running")

    def limit(self, **limits: Any) -> None:
        """Change limits."""
        response = self.control("PUT", "/limits", json=limits)
        assert response.status_code == 200, response.text

    @contextmanager
    def limited(self, **limits: Any) -> Iterator[None]:
        """With other limits for as long as the block runs."""
        before = self.control("GET", "/limits").json()["limits"]
        self.limit(**limits)
        try:
            yield
        finally:
            self.limit(**{name: before[name] for name in limits})

    def suffer(self, *faults: dict[str, Any]) -> None:
        """Replace the list of faults."""
        response = self.control("PUT", "/faults", json=list(faults))
        assert response.status_code == 200, response.text


@contextmanager
def serving(
    kind: type[S],
    limits: dict[str, Any],
    around: Callable[[Any, Any], Any] = lambda app, service: app,
    **settings: Any,
) -> Iterator[S]:
    """A sandbox with this service alone, made with these settings, and with these limits; `around`
    may wrap the app."""
    (service,) = services((kind.api,), **settings)
    app = around(application([service], seed=1), service)
    with httpx2.Client(trust_env=False, timeout=60) as http, running(app) as url:
        served = kind(url, http, service)
        served.limit(**limits)
        yield served


class World:
    """One of the two worlds, "sync" or "async": what is made in it, and closed by its word."""

    def __init__(self, name: str) -> None:
        self.runner = asyncio.Runner() if name == "async" else None
        self._made: list[Any] = []

    @property
    def is_async(self) -> bool:
        return self.runner is not None

    def keep(self, client: Any) -> Any:
        """The client, which will be closed."""
        self._made.append(client)
        return client

    def done(self, answer: Any) -> Any:
        """The answer, awaited where it is to be."""
        if self.runner is None or not inspect.isawaitable(answer):
            return answer

        async def awaited() -> Any:
            return await answer

        return self.runner.run(awaited())

    def close(self) -> None:
        """Close all that was made."""
        for client in self._made:
            self.done(client.aclose() if self.is_async else client.close())
        if self.runner is not None:
            self.runner.close()


class Driven:
    """A client of either world, or a part of one, whose methods are called the same way."""

    def __init__(self, it: Any, world: World) -> None:
        self.it = it
        self.world = world

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.it, name)
        if callable(found):
            return lambda *args, **how: self.world.done(found(*args, **how))
        is_part = type(found).__module__.startswith("failwell.")
        return Driven(found, self.world) if is_part else found
