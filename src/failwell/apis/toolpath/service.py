"""Toolpath, re-created locally: its routes, its Engine, and a true cause for each of its codes.

The order of checks is: route, method, API key, scope, rate limit, Idempotency-Key, replay or
collision, body, resource, state, Engine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from failwell.actions import Store
from failwell.apis import docs
from failwell.apis.bounded import bounded
from failwell.apis.service import LocalService
from failwell.apis.toolpath import keys, openapi
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.records import Records
from failwell.apis.toolpath.routes import BASE_PATH, Routes
from failwell.apis.toolpath.workshop import Workshop
from failwell.policy.quota import Window
from failwell.server.asgi import App, Receive, Scope, SendMessage, idempotent, limited, wrap

fail = TOOLPATH.fail

LEASE = 2.0
"""Seconds after which the key of a write that was killed is free again. It may be short: who holds
a key for longer renews it, and a transaction that comes too late is rolled back."""


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """What the service allows; times in seconds, sizes in bytes."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=1)] = 120
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 25 * 1024 * 1024


class ToolpathService(LocalService[Limits]):
    """The service and its controls. Its components are `engine`, a process, and `store`, a
    database; `seconds_per_task` is the Engine's pace.

    The answers to keyed writes are in that database, not in the `store` that it is given: each is
    committed with its part or program, so that after `kill -9` the same key has its answer or runs
    anew. With a `folder` the database lives on, with the API keys in it.
    """

    name = "toolpath"
    base_path = BASE_PATH
    contract = TOOLPATH

    def __init__(
        self,
        store: Store | None = None,
        *,
        seconds_per_task: float = 0.05,
        folder: Path | None = None,
    ) -> None:
        super().__init__(Limits(), store, folder)
        self._keys = keys.minted()
        self._records = Records(lambda: self.folder)
        self._workshop = Workshop(self._records, seconds_per_task=seconds_per_task)
        self.parts = {"engine": self._workshop.engine, "store": self._records}
        self._quota = limited(TOOLPATH, self.store, self._windows, caller=keys.caller_of)
        self.app = wrap(self._starlette(), TOOLPATH)

    async def start(self) -> None:
        """Open the database, start the Engine, and give it what a former life has left undone."""
        await super().start()
        self._keys = self._records.keys(self._keys)
        await self._workshop.catch_up()

    async def stop(self) -> None:
        """Stop the Engine and the database."""
        await self._workshop.close()
        await super().stop()

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start the Engine's process or the database; what waits goes on when both
        are there."""
        await super().set_component(name, state)
        await self._workshop.catch_up()

    def credentials(self) -> dict[str, Any]:
        """The API keys, by what is good or bad about them."""
        return {key.name: key.token for key in self._keys}

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": self._records.created()}

    def _starlette(self) -> Starlette:
        handlers = Routes(self._workshop).handlers()
        once = idempotent(
            TOOLPATH, self._records, caller=keys.caller_of, lease=LEASE, transactional=True
        )
        small = bounded(lambda: self.allowed.max_body_bytes, _too_large)
        guards = (self._authenticated, self._quota, small, once)
        guarded = [Middleware(guard) for guard in guards]
        routes = [
            Route(
                BASE_PATH + endpoint.path,
                handlers[endpoint.operation],
                methods=[endpoint.method],
                middleware=guarded,
            )
            for endpoint in openapi.ENDPOINTS
        ]
        routes += docs.routes(BASE_PATH, openapi.document, openapi.page)
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        return app

    def _authenticated(self, app: App) -> App:
        """API key and scope."""

        async def authenticated(scope: Scope, receive: Receive, send: SendMessage) -> None:
            key = keys.authenticated(scope, self._records)
            if scope["method"] not in TOOLPATH.safe and key.scope == "read_only":
                await self._quota.show(scope)
                raise fail("forbidden", message="This API key is read_only: it may not write")
            await app(scope, receive, send)

        return authenticated

    def _windows(self) -> tuple[Window]:
        return (Window(self.allowed.requests_per_minute, 60.0),)


def _too_large(most: int, _: int) -> Exception:
    return fail("invalid_request", 400, message=f"The body is over {most} bytes")
