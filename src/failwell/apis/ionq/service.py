"""IonQ, re-created locally: its routes, its simulator, and a true cause for each of its codes.

The order of checks is: route, method, API key, rate limit, size, body, right, resource, state,
simulator. Hardware is played by the simulator: what tells a QPU apart are its caps, its gates, its
price, and who may use it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from failwell.actions import Store
from failwell.apis import docs
from failwell.apis.bounded import bounded
from failwell.apis.ionq import access, openapi
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.database import Database
from failwell.apis.ionq.jobs import Jobs
from failwell.apis.ionq.queue import Queue
from failwell.apis.ionq.refusals import too_large
from failwell.apis.ionq.routes.jobs import JobRoutes
from failwell.apis.ionq.routes.machines import MachineRoutes
from failwell.apis.ionq.routes.sessions import SessionRoutes
from failwell.apis.ionq.routes.usage import UsageRoutes
from failwell.apis.ionq.sessions import Sessions
from failwell.apis.ionq.simulator import Simulator
from failwell.apis.service import LocalService
from failwell.policy.quota import Window
from failwell.server.asgi import App, limited, wrap

BASE_PATH = "/ionq/v0.4"

_Count = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """What the service allows: requests of a key, gates and bytes of a job, the seconds that the
    simulator gives it, and the US dollars that a project has for hardware (None: without end)."""

    requests_per_minute: _Count = 60
    max_gates: _Count = 150_000
    max_body_bytes: _Count = 10 * 1024 * 1024
    simulation_seconds: Annotated[float, msgspec.Meta(gt=0, le=600)] = 20.0
    project_credit: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None


class IonQService(LocalService[Limits]):
    """The service and its controls; `seconds_per_job` is a pause before each job is run."""

    name = "ionq"
    base_path = BASE_PATH
    contract = IONQ
    lazy = frozenset({"simulator"})

    def __init__(self, *, seconds_per_job: float = 0.0, store: Store | None = None) -> None:
        super().__init__(Limits(), store)
        self._database = Database(lambda: self.folder)
        self._simulator = Simulator()
        self.parts = {"store": self._database, "simulator": self._simulator}
        self._keys = access.minted()
        self._jobs = Jobs(self._database)
        self._sessions = Sessions(self._database, self._jobs)
        self._queue = Queue(
            self._jobs, self._simulator, self._seconds, self._credit, seconds_per_job
        )
        self.app: App = wrap(self._starlette(), IONQ)

    async def start(self) -> None:
        """Open a fresh database with the keys in it; the simulator waits for the first job."""
        await super().start()
        await self._simulator.start()
        for key in self._keys.values():
            self._database.insert("keys", msgspec.structs.asdict(key))
        self._queue.start()

    async def stop(self) -> None:
        """Stop everything and forget all state."""
        await self._queue.stop()
        await super().stop()

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start a component; what waited for it goes on."""
        await super().set_component(name, state)
        self._queue.wake()

    def credentials(self) -> dict[str, Any]:
        """The API keys, by what is good or bad about them."""
        return {name: key.token for name, key in self._keys.items()}

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": {"jobs": self._jobs.created(), "sessions": self._sessions.created()}}

    def _seconds(self) -> float:
        return self.allowed.simulation_seconds

    def _credit(self) -> float | None:
        return self.allowed.project_credit

    def _starlette(self) -> Starlette:
        def windows() -> tuple[Window]:
            return (Window(self.allowed.requests_per_minute, 60.0),)

        handlers = self._handlers()
        guards = (
            access.authenticated(self._database),
            limited(IONQ, self.store, windows, caller=access.caller),
            bounded(lambda: self.allowed.max_body_bytes, _too_large),
        )
        guarded = [Middleware(guard) for guard in guards]
        routes = [
            Route(
                BASE_PATH + path,
                _by_method({each.method: handlers[each.operation] for each in endpoints}),
                methods=[each.method for each in endpoints],
                middleware=[] if endpoints[0].public else guarded,
            )
            for path, endpoints in openapi.by_path().items()
        ]
        app = Starlette(routes=[*routes, *docs.routes(BASE_PATH, openapi.document)])
        app.router.redirect_slashes = False
        return app

    def _handlers(self) -> dict[str, openapi.Handler]:
        jobs = JobRoutes(
            self._database,
            self._jobs,
            self._sessions,
            self._queue,
            self._simulator,
            lambda: self.allowed.max_gates,
        )
        rooms = (jobs, SessionRoutes(self._sessions), MachineRoutes(), UsageRoutes(self._jobs))
        return {name: handler for room in rooms for name, handler in room.handlers.items()}


def _by_method(handlers: dict[str, openapi.Handler]) -> openapi.Handler:
    async def dispatch(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](request)

    return dispatch


def _too_large(most: int, _: int) -> Exception:
    return too_large(f"The body is over {most} bytes")
