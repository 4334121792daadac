"""Toolpath, re-created locally: its routes, its Engine, and a true cause for each of its codes.

The order of checks is: route, method, API key, scope, rate limit, Idempotency-Key, replay or
collision, body, resource, state, Engine.
"""

from __future__ import annotations

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


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """What the service allows; times in seconds, sizes in bytes."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=1)] = 120
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 25 * 1024 * 1024


class ToolpathService(LocalService[Limits]):
    """The service and its controls. Its components are `engine`, a process, and `store`, a
    database; `seconds_per_task` is the Engine's pace."""

    name = "toolpath"
    base_path = BASE_PATH
    contract = TOOLPATH

    def __init__(self, store: Store | None = None, *, seconds_per_task: float = 0.05) -> None:
        super().__init__(Limits(), store)
        self._keys = keys.minted()
        self._records = Records(lambda: self.folder)
        self._workshop = Workshop(self._records, seconds_per_task=seconds_per_task)
        self.parts = {"engine": self._workshop.engine, "store": self._records}
        self._quota = limited(TOOLPATH, self.store, self._windows, caller=keys.caller_of)
        self.app = wrap(self._starlette(), TOOLPATH)

    async def start(self) -> None:
        """Open a fresh database with the keys in it, and start the Engine."""
        await super().start()
        for key in self._keys.values():
            self._records.add_key(key)

    async def stop(self) -> None:
        """Stop the Engine and forget everything."""
        await self._workshop.close()
        await super().stop()

    async def set_component(self, name: str, state: str) -> None:
        """Really stop or start the Engine's process or the database; what waits goes on when both
        are there."""
        await super().set_component(name, state)
        await self._workshop.catch_up()

    def credentials(self) -> dict[str, Any]:
        """The API keys, by what is good or bad about them."""
        return {name: key.token for name, key in self._keys.items()}

    def effects(self) -> dict[str, Any]:
        """What was really created, whatever anybody was told."""
        return {"created": self._records.created()}

    def _starlette(self) -> Starlette:
        handlers = Routes(self._workshop).handlers()
        once = idempotent(TOOLPATH, self.store, caller=keys.caller_of, on_error="release")
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
