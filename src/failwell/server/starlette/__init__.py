"""The server half for Starlette: `install` does all of it, `idempotent_route` marks the writes that
run once.

app = install(Starlette(...), CONTRACT, store="sqlite:///writes.db", caller=who_asks)
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Unpack

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request

from failwell.actions import AsyncStore, Store
from failwell.contract import Contract
from failwell.journal import Journal
from failwell.policy.disclosure import foreign
from failwell.server.asgi import wrap
from failwell.server.asgi.late import Claims
from failwell.server.guard import Settings, single_tenant
from failwell.server.kept import closing
from failwell.server.starlette.keyed import idempotent_route
from failwell.server.types import App, Message, Receive, Scope, SendMessage

__all__ = ["idempotent_route", "install", "single_tenant"]

Caller = Callable[[Request], str | Awaitable[str]]


def install(
    app: Starlette,
    contract: Contract,
    *,
    store: Store | AsyncStore | str | None = None,
    caller: Caller | None = None,
    journal: Journal | str | None = None,
    max_body: int | None = None,
    **settings: Unpack[Settings],
) -> App:
    """The app to serve: every failure of `app` leaves it in the contract's envelope.

    A layer inside the app's own middlewares answers for routes, so that what those middlewares
    add (CORS) is on errors too; one around everything answers for the middlewares. With a `store`
    (an object or a URL), `idempotent_route` marks writes that run once; `caller(request)` names
    who is asking, and is called when authentication is over. `journal` is an object or a URL.
    What was opened by its URL is closed when the app shuts down.
    A request of more than `max_body` bytes is refused while it arrives.

    Raises `ValueError` for a store without a `caller` and where `Settings` are out of range,
    `RuntimeError` for an app that serves already.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("install the contract before the app serves its first request")
    closers: tuple[Callable[[], object], ...] = ()
    if isinstance(journal, str):
        journal = Journal(journal)
        closers = (journal.flush, journal.backend.close)
    layers: list[Callable[[App], App]] = [functools.partial(_wrapped, contract, journal)]
    if max_body is not None:
        layers.append(functools.partial(_bounded, most=max_body))
    if store is not None:
        if caller is None:
            raise ValueError("say whose keys they are: caller=..., or caller=single_tenant")
        layers.append(Claims(contract, store, caller, **settings).edge)
    app.user_middleware += [Middleware(layer) for layer in layers]
    outer = _translated(app, contract, closers)
    if max_body is not None:
        outer = _bounded(outer, max_body, is_outer=True)
    return wrap(outer, contract, journal=journal)


def _wrapped(contract: Contract, journal: Journal | None, app: App) -> App:
    return wrap(app, contract, journal=journal)


def _translated(app: App, contract: Contract, closers: tuple[Callable[[], object], ...]) -> App:
    """The app, whose middlewares may raise `HTTPException` as its handlers may; `closers` are
    called when it shuts down."""

    async def translated(scope: Scope, receive: Receive, send: SendMessage) -> None:
        if scope["type"] == "lifespan":
            send = closing(send, *closers)
        try:
            await app(scope, receive, send)
        except HTTPException as error:
            if scope["type"] != "http":
                raise
            said = error.detail if error.status_code < 500 else ""
            raise contract.error(foreign(contract, error.status_code, said)) from error

    return translated


def _bounded(app: App, most: int, *, is_outer: bool = False) -> App:
    """The app, whose requests are refused as soon as they are longer than they may be.

    The outer one, for middlewares that read, lets the piece pass that is too much, so that the
    inner one refuses it where the app's exceptions are handled.
    """

    async def bounded(scope: Scope, receive: Receive, send: SendMessage) -> None:
        said = [value for name, value in scope.get("headers", ()) if name == b"content-length"]
        announced = int(said[0]) if said and said[0].isdigit() and not is_outer else 0
        came = 0

        async def counting() -> Message:
            nonlocal came
            if max(announced, came) <= most:
                message = await receive()
                came += len(message.get("body", b""))
                if came <= most or is_outer:
                    return message
            raise HTTPException(413, f"The body is over {most} bytes")

        await app(scope, counting, send)

    return bounded
