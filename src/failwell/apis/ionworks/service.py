"""Ionworks, re-created locally: its routes, its store, its solver, and a true cause for each code.

The order of checks is: route, method, API key, organization, rate limit, size, body, project or
resource, state, solver. A write is one transaction: where the store fails, nothing is left behind.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from failwell.actions import Store
from failwell.apis.bounded import bounded
from failwell.apis.ionworks import openapi
from failwell.apis.ionworks.access import caller_of, minted_keys
from failwell.apis.ionworks.bodies import answer, too_large
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.endpoints import ENDPOINTS, KEYED, Endpoint
from failwell.apis.ionworks.house import BASE_PATH, Handlers, House, Limits, origin
from failwell.apis.ionworks.records import minted
from failwell.apis.ionworks.routes.account import Account
from failwell.apis.ionworks.routes.cells import Batches, Instances, Specs
from failwell.apis.ionworks.routes.jobs import JobRoutes
from failwell.apis.ionworks.routes.measurements import Measurements
from failwell.apis.ionworks.routes.pipelines import Pipelines
from failwell.apis.ionworks.routes.simulations import Simulations
from failwell.apis.ionworks.routes.uploads import Uploads
from failwell.apis.service import LocalService
from failwell.model import Outcome
from failwell.policy.quota import Window
from failwell.server.asgi import App, Receive, Scope, SendMessage, limited, wrap

_ROOMS = (
    *(Account, Specs, Batches, Instances, Measurements, Uploads),
    *(Simulations, Pipelines, JobRoutes),
)


class IonworksService(LocalService[Limits]):
    """The service and its controls."""

    name = "ionworks"
    base_path = BASE_PATH
    contract = IONWORKS

    def __init__(self, store: Store | None = None) -> None:
        super().__init__(Limits(), store)
        self._house = House(self._here, self._allowed)
        self.parts = {"store": self._house.records, "solver": self._house.solver}
        self.project_id = minted()
        self._keys = minted_keys(self.project_id)
        self._quota = limited(IONWORKS, self.store, self._windows, caller=caller_of)
        self.app: App = wrap(self._starlette(), IONWORKS)

    async def start(self) -> None:
        """Open an empty database and let jobs be handed out; the solver's process starts with the
        first of them."""
        await super().start()
        for key in self._keys.values():
            self._house.access.add(key)
        await self._house.dispatch.start()

    async def stop(self) -> None:
        """Stop the solver, close the database and forget everything."""
        await self._house.dispatch.stop()
        await super().stop()

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start the solver, or close or open the database."""
        await super().set_component(name, state)
        self._house.dispatch.nudge()

    @property
    def solver_pid(self) -> int | None:
        """The id of the solver's process; None before it is needed."""
        return self._house.solver.pid

    def credentials(self) -> dict[str, Any]:
        """The API keys, by what is good or bad about them."""
        return {name: key.token for name, key in self._keys.items()}

    def extra(self) -> dict[str, Any]:
        """The project that the good key belongs to."""
        return {"project_id": self.project_id}

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": self._house.records.created()}

    def _here(self) -> Path:
        return self.folder

    def _allowed(self) -> Limits:
        return self.allowed

    def _starlette(self) -> Starlette:
        handlers: Handlers = {}
        for room in _ROOMS:
            handlers |= room(self._house).handlers()
        by_path: dict[str, list[Endpoint]] = {}
        for endpoint in ENDPOINTS:
            by_path.setdefault(endpoint.path, []).append(endpoint)
        routes = [self._route(path, together, handlers) for path, together in by_path.items()]
        app = Starlette(routes=[*routes, Route(BASE_PATH + "/openapi.json", _openapi)])
        app.router.redirect_slashes = False
        return app

    def _route(self, path: str, endpoints: list[Endpoint], handlers: Handlers) -> Route:
        """One route for all methods of a path, so that a 405 names every one of them."""
        by_method = {endpoint.method: handlers[endpoint.operation] for endpoint in endpoints}

        async def handle(request: Request) -> Response:
            return await by_method["GET" if request.method == "HEAD" else request.method](request)

        guards: tuple[Any, ...] = (_undone,)
        if endpoints[0].access == KEYED:
            small = bounded(lambda: self.allowed.max_body_bytes, _too_large)
            guards += (self._house.access.authenticated, self._counted, small)
        return Route(
            BASE_PATH + path.replace("{path}", "{path:path}"),
            handle,
            methods=list(by_method),
            middleware=[Middleware(guard) for guard in guards],
        )

    def _windows(self) -> tuple[Window, ...]:
        most = self.allowed.requests_per_minute
        return () if most is None else (Window(most, 60.0),)

    def _counted(self, app: App) -> App:
        """The rate limit, while there is one."""
        limited_app = self._quota(app)

        async def counted(scope: Scope, receive: Receive, send: SendMessage) -> None:
            here = limited_app if self._windows() else app
            await here(scope, receive, send)

        return counted


def _undone(app: App) -> App:
    """A failure of the store as Ionworks' own: every write is one transaction, so it is undone."""

    async def inside(scope: Scope, receive: Receive, send: SendMessage) -> None:
        try:
            await app(scope, receive, send)
        except sqlite3.Error as error:
            raise IONWORKS.fail("INTERNAL_ERROR", outcome=Outcome.ROLLED_BACK) from error

    return inside


def _too_large(most: int, _: int) -> Exception:
    return too_large(most)


async def _openapi(request: Request) -> Response:
    return answer(openapi.document(origin(request)))
