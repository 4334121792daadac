"""MatCraft, re-created locally: its routes, its workers, and a true cause for each of its codes.

The order of checks is: body size as it arrives, rate limit, route, method, API key, scope, body,
MDL, dataset, name, campaign quota. Campaigns run in processes of their own, started when the first
one is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from failwell.actions import Store
from failwell.apis import docs
from failwell.apis.matcraft import openapi
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.foreman import Foreman
from failwell.apis.matcraft.guards import Counter, Gate, authorised
from failwell.apis.matcraft.routes import catalogue
from failwell.apis.matcraft.routes.campaigns import CampaignRoutes
from failwell.apis.matcraft.routes.datasets import DatasetRoutes
from failwell.apis.matcraft.routes.jobs import JobRoutes
from failwell.apis.matcraft.state import keys
from failwell.apis.matcraft.state.database import Database
from failwell.apis.matcraft.state.keys import Key
from failwell.apis.service import LocalService
from failwell.policy.quota import Window
from failwell.server.asgi import Scope, wrap

BASE_PATH = "/matcraft/v1"

_CREATED = ("campaigns", "jobs", "datasets")

Handler = Callable[[Request, Key], Awaitable[Response]]
_Positive = Annotated[int, msgspec.Meta(ge=1)]


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """What the service allows, of each key; the figures are those of the Pro plan. Sizes are in
    bytes: `max_body_bytes` of JSON and MDL, `max_upload_bytes` of a dataset."""

    requests_per_minute: _Positive = 300
    requests_per_hour: _Positive = 10_000
    campaigns_per_hour: _Positive = 50
    max_body_bytes: _Positive = 1024 * 1024
    max_upload_bytes: _Positive = 100 * 1024 * 1024


class MatCraftService(LocalService[Limits]):
    """The service and its controls. Its components are `store`, a database, and `worker`, the
    processes that run campaigns."""

    name = "matcraft"
    base_path = BASE_PATH
    aliases = ("/matcraft/api/v1",)
    contract = MATCRAFT

    def __init__(self, store: Store | None = None) -> None:
        super().__init__(Limits(), store)
        self._keys = keys.minted()
        self._database = Database(lambda: self.folder)
        self._foreman = Foreman(self._database)
        self.parts = {"store": self._database, "worker": self._foreman.pool}
        requests = Counter(self.store, "all", self._request_windows)
        self._new_campaigns = Counter(self.store, "campaigns", self._campaign_windows)
        gate = Gate(self._database, requests, self._most_bytes)
        self.app = wrap(gate(self._starlette()), MATCRAFT)

    async def start(self) -> None:
        """Open a fresh database with the keys in it; workers start when they are needed."""
        await super().start()
        for key in self._keys.values():
            keys.add(self._database, key)

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start the database or the workers; what waits goes on when both are
        there."""
        await super().set_component(name, state)
        self._foreman.catch_up()

    def credentials(self) -> dict[str, Any]:
        """The API keys, by what is good or bad about them."""
        return {name: key.token for name, key in self._keys.items()}

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": self._database.created(_CREATED)}

    def _starlette(self) -> Starlette:
        handlers = self._handlers()
        routes = [
            Route(
                BASE_PATH + endpoint.path,
                _guarded(handlers[endpoint.operation], endpoint.scope),
                methods=[endpoint.method],
            )
            for endpoint in openapi.ENDPOINTS
        ]
        routes += docs.routes(BASE_PATH, openapi.document, openapi.page)
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        return app

    def _handlers(self) -> dict[str, Handler]:
        campaigns = CampaignRoutes(self._database, self._foreman, self._count_campaign)
        jobs, datasets = JobRoutes(self._database), DatasetRoutes(self._database)
        return {
            "create_campaign": campaigns.create,
            "list_campaigns": campaigns.list,
            "get_campaign": campaigns.get,
            "delete_campaign": campaigns.delete,
            "start_campaign": campaigns.start,
            "stop_campaign": campaigns.stop,
            "get_results": campaigns.results,
            "list_jobs": jobs.list,
            "get_job": jobs.get,
            "get_logs": jobs.logs,
            "create_dataset": datasets.create,
            "list_datasets": datasets.list,
            "get_dataset": datasets.get,
            "download_dataset": datasets.download,
            "delete_dataset": datasets.delete,
            "list_templates": catalogue.list_templates,
            "get_template": catalogue.get_template,
            "evaluate": catalogue.evaluate,
        }

    async def _count_campaign(self, caller: str) -> None:
        await self._new_campaigns.spend(caller, show=False)

    def _request_windows(self) -> tuple[Window, ...]:
        return (
            Window(self.allowed.requests_per_minute, 60.0, "minute"),
            Window(self.allowed.requests_per_hour, 3600.0, "hour"),
        )

    def _campaign_windows(self) -> tuple[Window, ...]:
        return (Window(self.allowed.campaigns_per_hour, 3600.0, "hour"),)

    def _most_bytes(self, scope: Scope) -> int:
        is_upload = scope["path"] == BASE_PATH + "/datasets"
        return self.allowed.max_upload_bytes if is_upload else self.allowed.max_body_bytes


def _guarded(handler: Handler, scope: str) -> Callable[[Request], Awaitable[Response]]:
    """The handler, for callers whose key has the scope."""

    async def guarded(request: Request) -> Response:
        return await handler(request, authorised(request, scope))

    return guarded
