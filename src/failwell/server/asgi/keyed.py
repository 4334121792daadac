"""Keyed writes that run once, for ASGI."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Literal

from failwell.actions import AsyncStore, Send, Store
from failwell.contract import Contract
from failwell.drive import Rim, adrive
from failwell.flows.serve import BrokenOffError, serve
from failwell.model import Request, Response
from failwell.server.asgi.lease import renewed
from failwell.server.asgi.leaving import Leaving, give
from failwell.server.context import writing
from failwell.server.guard import Asked, Guard, outcome_of
from failwell.server.kept import close_of, closing, kept
from failwell.server.outage import Outage
from failwell.server.stray import unless_cancelled
from failwell.server.types import App, Message, Receive, Scope, SendMessage
from failwell.stores.threaded import unblocked

logger = logging.getLogger("failwell.server")


class idempotent:  # noqa: N801
    """Makes keyed writes run once: call it with the app (or use it as a Starlette middleware).

    `store` is an object or a URL. `caller(scope)` names who is asking: the same key of two callers
    is two keys (`single_tenant` where there is only one). `lease` is how long, in seconds, a
    running write holds its key without a sign of life (it is renewed while the handler runs),
    `wait` how long a second request waits for the first one's answer.

    `transactional=True` says that the handler commits its answer with its effects, by
    `context.idempotency().commit(...)`: then a claim without an answer is proof that nothing was
    left, and after a crash the request runs again. `on_error="release"` says, without that, that
    an exception undoes everything. `on_outage` is what happens while the store is down: "refuse"
    (503, and nothing was started) or "run" (without protection).

    A key that is missing where it is required, malformed, used with another body or still running
    raises the contract's own failure, for `wrap` to render.

    Raises `ValueError` for a setting that is out of range, and for a contract whose catalogue
    lacks the codes that its `idempotency` names.
    """

    def __init__(
        self,
        contract: Contract,
        store: Store | AsyncStore | str,
        *,
        caller: Callable[[Scope], str],
        lease: float = 30.0,
        wait: float = 10.0,
        transactional: bool = False,
        on_error: Literal["keep", "release"] = "keep",
        on_outage: Literal["refuse", "run"] = "refuse",
    ) -> None:
        self._guard = Guard(
            contract,
            lease=lease,
            wait=wait,
            transactional=transactional,
            on_error=on_error,
            on_outage=on_outage,
        )
        self._caller = caller
        self._outage = Outage(logger, "the store of idempotent writes")
        held = kept(store, self._outage)
        self._store = unblocked(held)
        self._close = close_of(held)
        self._rim = Rim(sleep=asyncio.sleep, store=self._store, hooks=(self._outage,))

    def __call__(self, app: App) -> App:
        """The app, whose keyed writes run once."""

        async def once(scope: Scope, receive: Receive, send: SendMessage) -> None:
            is_http = scope["type"] == "http"
            key = self._guard.key_of(scope["method"], scope["headers"]) if is_http else None
            if key is None:
                is_life = scope["type"] == "lifespan"
                await app(scope, receive, closing(send, self._close) if is_life else send)
                return
            await self._once(app, scope, receive, send, key)

        return once

    async def _once(
        self, app: App, scope: Scope, receive: Receive, send: SendMessage, key: str
    ) -> None:
        body = await _read(receive)
        if body is None:
            raise self._guard.cut_off()
        terms = self._guard.terms(self._asked(scope, key, body))
        handler = _Handler(app, scope, receive, send, body)

        async def run(action: Send) -> Response:
            if action.request.key is None:
                return await handler.run()
            write = self._guard.write(terms, action.request.key)
            async with renewed(terms, self._store, self._outage):
                with writing(write):
                    return await handler.run()

        request = Request(method=scope["method"], url=scope["path"], key=key)
        served = await adrive(serve(request, terms, time.monotonic()), run, self._rim)
        if served.from_record and not handler.answer.flows:
            await give(served, send)
        elif served.error is not None:
            raise served.error
        else:
            await handler.answer.finish(outcome_of(served))

    def _asked(self, scope: Scope, key: str, body: bytes) -> Asked:
        fields = {k.lower(): v.decode("latin-1") for k, v in scope["headers"]}
        return Asked(
            caller=self._caller(scope),
            method=scope["method"],
            path=scope["path"],
            query=scope.get("query_string", b"").decode("latin-1"),
            media=fields.get(b"content-type", ""),
            body=body,
            key=key,
        )


class _Handler:
    """The app behind a key, and its answer on its way out."""

    def __init__(
        self, app: App, scope: Scope, receive: Receive, send: SendMessage, body: bytes
    ) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._unread: bytes | None = body
        self.answer = Leaving(send)

    async def run(self) -> Response:
        """The app's answer, as far as it is to be kept."""
        try:
            await unless_cancelled(self._app(self._scope, self._next, self.answer.take))
        except Exception as error:
            if self.answer.has_begun:
                raise BrokenOffError(error) from error
            raise
        return self.answer.response()

    async def _next(self) -> Message:
        if self._unread is None:
            return self.answer.heard(await self._receive())
        body, self._unread = self._unread, None
        return {"type": "http.request", "body": body, "more_body": False}


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where the client has gone before it was whole."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
