"""The app: every route behind its guards, every part in its own dialect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, request_response

from failwell.actions import Store
from failwell.apis import docs
from failwell.apis.flow import openapi
from failwell.apis.flow.access.guards import Guards
from failwell.apis.flow.access.keyed import keyed
from failwell.apis.flow.contract import FLOW, FLOW_GRAPHQL, FLOW_V2
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.endpoints import ENDPOINTS, Endpoint
from failwell.apis.flow.refusals import fail
from failwell.apis.flow.rest.accounts import AccountRoutes
from failwell.apis.flow.rest.files import FileRoutes
from failwell.apis.flow.rest.pipelines import PipelineRoutes
from failwell.apis.flow.rest.projects import ProjectRoutes
from failwell.apis.flow.rest.samples import SampleRoutes
from failwell.apis.flow.v2.routes import ImportRoutes
from failwell.contract import Contract
from failwell.server.asgi import App, wrap
from failwell.server.types import Receive, Scope, SendMessage

BASE_PATH = "/flow"

Handler = Callable[[Request], Awaitable[Response]]


def application(desk: Desk, guards: Guards, store: Store) -> App:
    """The whole service as an app; `store` is where idempotency records are kept."""
    by_path: dict[str, dict[str, App]] = {}
    for endpoint in ENDPOINTS:
        handler = _handler(desk, endpoint)
        app = _guarded(request_response(handler), endpoint, guards, store)
        by_path.setdefault(endpoint.path, {})[endpoint.method] = app
    graphql = guards.bounded_chunk(request_response(_graphql(desk)))
    by_path["/graphql"] = {"POST": graphql}
    routes = [Route(BASE_PATH + path, _ByMethod(apps)) for path, apps in by_path.items()]
    routes += docs.routes(BASE_PATH, openapi.document, openapi.page)
    inner = Starlette(routes=routes)
    inner.router.redirect_slashes = False
    inner.router.default = _nowhere
    return _each_in_its_dialect(guards.around_all(inner))


def _handler(desk: Desk, endpoint: Endpoint) -> Handler:
    """The method that is named as the operation is."""
    rooms = (
        AccountRoutes(desk),
        SampleRoutes(desk),
        ProjectRoutes(desk),
        FileRoutes(desk, BASE_PATH),
        PipelineRoutes(desk),
        ImportRoutes(desk),
    )
    handler: Handler = next(
        getattr(room, endpoint.operation) for room in rooms if hasattr(room, endpoint.operation)
    )
    return handler


def _guarded(app: App, endpoint: Endpoint, guards: Guards, store: Store) -> App:
    """The route behind log-in, the size of its body, and its key, where it has them."""
    if endpoint.access == "user" and endpoint.method == "POST":
        app = keyed(app, store, guards.name_of)
    app = guards.bounded_chunk(app) if endpoint.takes == "form" else guards.bounded(app)
    return guards.logged_in(app) if endpoint.access == "user" else app


class _ByMethod:
    """The apps of one path, so that a wrong method is told all the right ones."""

    def __init__(self, apps: dict[str, App]) -> None:
        self._apps = apps | ({"HEAD": apps["GET"]} if "GET" in apps else {})

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        app = self._apps.get(scope["method"])
        if app is None:
            raise HTTPException(405, headers={"Allow": ", ".join(self._apps)})
        await app(scope, receive, send)


def _graphql(desk: Desk) -> Handler:
    """The handler of GraphQL, whose library is loaded when it is first asked for."""
    made: list[Any] = []

    async def answer(request: Request) -> Response:
        if not made:
            from failwell.apis.flow.graphql.endpoint import Endpoint

            made.append(Endpoint(desk))
        response: Response = await made[0].answer(request)
        return response

    return answer


def _each_in_its_dialect(app: App) -> App:
    """The app, whose failures are spelled as each part of Flow spells them."""
    wrapped = {contract: wrap(app, contract) for contract in (FLOW, FLOW_GRAPHQL, FLOW_V2)}

    async def speaking(scope: Scope, receive: Receive, send: SendMessage) -> None:
        await wrapped[contract_at(scope.get("path", ""))](scope, receive, send)

    return speaking


def contract_at(path: str) -> Contract:
    """The contract that a path answers under: each has a dialect of its own."""
    below = path.removeprefix(BASE_PATH)
    if below == "/graphql":
        return FLOW_GRAPHQL
    return FLOW_V2 if below.startswith("/v2/") else FLOW


async def _nowhere(scope: Scope, receive: Receive, send: SendMessage) -> None:
    details = {"resource_type": "route", "resource_id": None}
    raise fail("NOT_FOUND", message="No such route", details=details)
