"""The sandbox: the systems under their own paths, and the controls over what makes them fail."""

from __future__ import annotations

import contextlib
import importlib
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from failwell.contract import Code, Contract
from failwell.dialects.problem import Problem
from failwell.model import Failure, Outcome, kind_of
from failwell.sandbox.faults import FaultError, FaultList, decode
from failwell.sandbox.service import Service
from failwell.sandbox.wire import FaultMiddleware
from failwell.server.asgi import App, Receive, Scope, SendMessage, wrap
from failwell.server.context import RequestContext
from failwell.server.exchange import request_id

CONTROLS = Contract(
    name="sandbox",
    dialect=Problem(),
    codes=(
        Code(code="bad_request", status=400, proves=Outcome.NOT_STARTED, means="Malformed"),
        Code(code="not_found", status=404, proves=Outcome.NOT_STARTED, means="No such thing here"),
    ),
)

Handler = Callable[["_Mounted", Request], Coroutine[Any, Any, Response]]


SYSTEMS = {
    "ionworks": "IonworksService",
    "ionq": "IonQService",
    "flow": "FlowService",
    "toolpath": "ToolpathService",
    "matcraft": "MatCraftService",
}
"""The systems that can be re-created, each by its class in `failwell.apis.<name>.service`."""


def services(only: Sequence[str] = (), **settings: Any) -> list[Service]:
    """The systems that the sandbox can re-create, or those of them that are named.

    Raises `ValueError` for a name that it does not know.
    """
    unknown = [name for name in only if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"the sandbox has no {', '.join(unknown)}: it has {', '.join(SYSTEMS)}")
    return [_service(name, settings) for name in only or SYSTEMS]


def _service(name: str, settings: dict[str, Any]) -> Service:
    module = importlib.import_module(f"failwell.apis.{name}.service")
    make: Callable[..., Service] = getattr(module, SYSTEMS[name])
    return make(**settings)


def application(systems: Sequence[Service], *, seed: int | None = None) -> App:
    """The ASGI app that serves these systems and their controls; it starts and stops them.

    `seed` makes faults that come by chance repeat.
    """
    mounted = [_Mounted(system, random.Random(seed)) for system in systems]
    controls = wrap(_controls(mounted), CONTROLS)

    async def dispatch(scope: Scope, receive: Receive, send: SendMessage) -> None:
        for system in mounted:
            own = system.own(scope)
            if own is not None:
                system.requests += 1
                await system.app(own, receive, send)
                return
        await controls(scope, receive, send)

    return dispatch


class _Mounted:
    """A system in the sandbox: with the faults that are on for it, and the requests it got."""

    def __init__(self, system: Service, rng: random.Random) -> None:
        self.system = system
        self.base_path = system.base_path
        self.aliases: tuple[str, ...] = getattr(system, "aliases", ())
        self.faults = FaultList()
        self.requests = 0
        self.app = _faulty(system, self.faults, rng)

    def own(self, scope: Scope) -> Scope | None:
        """A request to this system, as if it came by its base path; None for any other."""
        path: str = scope.get("path", "")
        for base in (self.base_path, *self.aliases):
            if path == base or path.startswith(base + "/"):
                return {**scope, "path": self.base_path + path.removeprefix(base)}
        return None


def _faulty(system: Service, faults: FaultList, rng: random.Random) -> App:
    def render(status: int, retry_after: str | None, scope: Any) -> Any:
        contract = _spoken(system, scope["path"])
        entry = contract.of_status(status)
        header = contract.request_ids.header
        known_as = request_id(contract, scope["headers"])
        failure = Failure(
            kind=entry.kind or kind_of(status),
            status=status,
            code=entry.code,
            message=entry.means or entry.code,
        )
        signed = RequestContext(known_as, scope["headers"], contract).signed(failure)
        answer = contract.dialect.render(signed)
        named = {**answer.headers, header.lower(): known_as}
        return [(name.encode(), value.encode()) for name, value in named.items()], answer.body

    faulted: Any = FaultMiddleware(system.app, faults, system.base_path, render, rng)
    app: App = faulted
    return app


def _spoken(system: Service, path: str) -> Contract:
    """The contract that a path answers under, where a system has more than one."""
    chosen: Callable[[str], Contract] | None = getattr(system, "spoken", None)
    return system.contract if chosen is None else chosen(path)


def _controls(mounted: Sequence[_Mounted]) -> Starlette:
    by_name = {one.system.name: one for one in mounted}

    async def sandbox(request: Request) -> Response:
        origin = str(request.base_url).rstrip("/")
        return JSONResponse(
            {"apis": {name: _described(one.system, origin) for name, one in by_name.items()}}
        )

    def on(handler: Handler) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            name = request.path_params["api"]
            if name not in by_name:
                known = ", ".join(by_name)
                raise CONTROLS.fail("not_found", message=f"No api {name!r} here: {known}")
            with _told():
                return await handler(by_name[name], request)

        return handle

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for one in mounted:
                await one.system.start()
                stack.push_async_callback(one.system.stop)
            yield

    routes = [
        Route("/sandbox.json", sandbox),
        Route("/sandbox/{api}/components/{name}", on(_set_component), methods=["POST"]),
        Route("/sandbox/{api}/limits", on(_limits), methods=["GET", "PUT"]),
        Route("/sandbox/{api}/faults", on(_faults), methods=["GET", "PUT"]),
        Route("/sandbox/{api}/effects", on(_effects)),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


@contextlib.contextmanager
def _told() -> Any:
    try:
        yield
    except LookupError as error:
        raise CONTROLS.fail("not_found", message=str(error.args[0])) from None
    except (FaultError, ValueError) as error:
        raise CONTROLS.fail("bad_request", message=str(error)) from None


def _described(system: Service, origin: str) -> dict[str, Any]:
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


async def _set_component(one: _Mounted, request: Request) -> Response:
    state = (await _object(request)).get("state")
    if not isinstance(state, str):
        raise ValueError('give {"state": "running"} or {"state": "stopped"}')
    await one.system.set_component(request.path_params["name"], state)
    return JSONResponse({"components": one.system.components()})


async def _limits(one: _Mounted, request: Request) -> Response:
    if request.method == "PUT":
        one.system.set_limits(await _object(request))
    return JSONResponse({"limits": one.system.limits()})


async def _faults(one: _Mounted, request: Request) -> Response:
    if request.method == "PUT":
        one.faults.replace(decode(await request.body()))
    listed = msgspec.to_builtins(one.faults.listed)
    return JSONResponse({"faults": listed, "used": one.faults.used})


async def _effects(one: _Mounted, request: Request) -> Response:
    return JSONResponse({**one.system.effects(), "requests": one.requests})
