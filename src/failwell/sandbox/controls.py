"""The controls over what makes the systems fail, under `/sandbox.json` and `/sandbox/…`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from failwell.contract import Code, Contract
from failwell.dialects.problem import Problem
from failwell.model import Outcome
from failwell.sandbox.faults import FaultError, decode
from failwell.sandbox.mounted import Mounted
from failwell.sandbox.service import Service

CONTROLS = Contract(
    name="sandbox",
    dialect=Problem(),
    codes=(
        Code(code="bad_request", status=400, proves=Outcome.NOT_STARTED, means="Malformed"),
        Code(code="not_found", status=404, proves=Outcome.NOT_STARTED, means="No such thing here"),
        Code(
            code="method_not_allowed",
            status=405,
            proves=Outcome.NOT_STARTED,
            means="This path does not take this method",
        ),
    ),
)
"""What the controls themselves promise about failing."""

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]
Handler = Callable[[Mounted, Request], Coroutine[Any, Any, Response]]


class Controls:
    """The controls of these systems, which are started and stopped with them."""

    def __init__(self, mounted: Sequence[Mounted]) -> None:
        self._by_name = {one.system.name: one for one in mounted}

    def app(self) -> Starlette:
        """The app that serves them."""
        routes = [
            Route("/sandbox.json", self._described),
            Route("/sandbox/{api}/components/{name}", self._on(_set_component), methods=["POST"]),
            Route("/sandbox/{api}/limits", self._on(_limits), methods=["GET", "PUT"]),
            Route("/sandbox/{api}/faults", self._on(_faults), methods=["GET", "PUT"]),
            Route("/sandbox/{api}/effects", self._on(_effects)),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for one in self._by_name.values():
                await one.system.start()
                stack.push_async_callback(one.system.stop)
            yield

    async def _described(self, request: Request) -> Response:
        origin = str(request.base_url).rstrip("/")
        systems = self._by_name.items()
        return JSONResponse({"apis": {name: _facts(one.system, origin) for name, one in systems}})

    def _on(self, handler: Handler) -> Endpoint:
        """The handler, for the system that the path names."""

        async def handle(request: Request) -> Response:
            name = request.path_params["api"]
            if name not in self._by_name:
                known = ", ".join(self._by_name)
                raise CONTROLS.fail("not_found", message=f"No api {name!r} here: {known}")
            with _told():
                return await handler(self._by_name[name], request)

        return handle


@contextlib.contextmanager
def _told() -> Generator[None]:
    try:
        yield
    except LookupError as error:
        raise CONTROLS.fail("not_found", message=str(error.args[0])) from None
    except (FaultError, ValueError) as error:
        raise CONTROLS.fail("bad_request", message=str(error)) from None


def _facts(system: Service, origin: str) -> dict[str, Any]:
    extra: Callable[[], dict[str, Any]] = getattr(system, "extra", dict)
    return {
        "base_url": origin + system.base_path,
        "credentials": system.credentials(),
        "components": system.components(),
        "limits": system.limits(),
        **extra(),
    }


async def _object(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await request.body(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ValueError(f"The body must be a JSON object: {error}") from None


async def _set_component(one: Mounted, request: Request) -> Response:
    state = (await _object(request)).get("state")
    if not isinstance(state, str):
        raise ValueError('give {"state": "running"} or {"state": "stopped"}')
    await one.system.set_component(request.path_params["name"], state)
    return JSONResponse({"components": one.system.components()})


async def _limits(one: Mounted, request: Request) -> Response:
    if request.method == "PUT":
        one.system.set_limits(await _object(request))
    return JSONResponse({"limits": one.system.limits()})


async def _faults(one: Mounted, request: Request) -> Response:
    if request.method == "PUT":
        one.faults.replace(decode(await request.body()))
    listed = msgspec.to_builtins(one.faults.listed)
    return JSONResponse({"faults": listed, "used": one.faults.used})


async def _effects(one: Mounted, request: Request) -> Response:
    return JSONResponse({**one.system.effects(), "requests": one.requests})
