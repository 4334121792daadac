"""The server half for FastAPI: `install` does all of it, `idempotent_route` marks the writes that
run once, `responses` documents what a route may raise.

app = install(FastAPI(), CONTRACT, store="sqlite:///writes.db", caller=who_asks)
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Annotated, Any, Literal, Unpack, cast

from fastapi import BackgroundTasks, Depends, FastAPI, Header, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from failwell.actions import AsyncStore, Store
from failwell.contract import Contract
from failwell.journal import Journal
from failwell.server import starlette
from failwell.server.asgi.late import Terms, claim_of
from failwell.server.fastapi.errors import invalid, refused
from failwell.server.fastapi.openapi import KEY, describe
from failwell.server.guard import Settings, single_tenant
from failwell.server.openapi import Named, responses
from failwell.server.starlette.keyed import called, keyed
from failwell.server.types import App

__all__ = ["idempotent_route", "install", "responses", "single_tenant", "transaction_scope"]


def install(
    app: FastAPI,
    contract: Contract,
    *,
    store: Store | AsyncStore | str | None = None,
    caller: starlette.Caller | None = None,
    journal: Journal | str | None = None,
    max_body: int | None = None,
    everywhere: Collection[Named] = (),
    harmless: Collection[str] = (),
    **settings: Unpack[Settings],
) -> App:
    """The app to serve: every failure of `app` leaves it in the contract's envelope, and its
    OpenAPI document says so.

    `everywhere` names the codes that every operation may raise, beside those that its route names
    with `responses`. `harmless` names the fields whose value a validation error may repeat, as
    `body.items.unit`. The rest is as `failwell.server.starlette.install` has it. Handlers that
    the app has for its own exceptions are still asked first.
    """
    served = starlette.install(
        app, contract, store=store, caller=caller, journal=journal, max_body=max_body, **settings
    )
    handlers = app.exception_handlers
    if handlers.get(HTTPException) is http_exception_handler:
        app.add_exception_handler(HTTPException, refused)
    if handlers.get(RequestValidationError) is request_validation_exception_handler:
        app.add_exception_handler(RequestValidationError, functools.partial(invalid, harmless))
    is_refusing = store is not None and settings.get("on_outage") != "run"
    describe(app, contract, everywhere, is_bounded=max_body is not None, is_refusing=is_refusing)
    return served


def transaction_scope(dependency: Callable[..., Any]) -> Any:
    """`Depends(dependency)` for one that yields and then commits: it ends before the answer leaves.

    FastAPI's default lets the answer leave first, so that a COMMIT that fails is a success to the
    caller.
    """
    return Depends(dependency, scope="function")


def idempotent_route(
    endpoint: Callable[..., Any] | None = None,
    *,
    transactional: bool = False,
    on_error: Literal["keep", "release"] = "keep",
) -> Any:
    """Mark an endpoint, below the route's decorator: its keyed writes then run once.

    The key is claimed when all dependencies are solved, so that nobody gets an answer, a kept one
    either, who may not ask. `transactional` and `on_error` are those of `Settings`.
    """
    terms = Terms(transactional=transactional, on_error=on_error)
    return functools.partial(_marked, terms) if endpoint is None else _marked(terms, endpoint)


async def _asked(
    request: Request,
    tasks: BackgroundTasks,
    failwell_key: Annotated[
        str | None, Header(alias="Idempotency-Key", json_schema_extra=KEY)
    ] = None,
) -> tuple[Request, BackgroundTasks]:
    return request, tasks


def _marked(terms: Terms, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    call = called(endpoint)

    @functools.wraps(endpoint)
    async def once(*, failwell_asked: tuple[Request, BackgroundTasks], **given: Any) -> Any:
        request, tasks = failwell_asked

        async def run() -> Any:
            answer = await call(**given)
            claim_of(request.scope).leaves_early = bool(tasks.tasks)
            return answer

        return await keyed(request, run, terms)

    signature = _signature(endpoint)
    kind = inspect.Parameter.KEYWORD_ONLY
    own = inspect.Parameter("failwell_asked", kind, annotation=Annotated[Any, Depends(_asked)])
    parameters = [*signature.parameters.values(), own]
    cast("Any", once).__signature__ = signature.replace(parameters=parameters)
    return once


def _signature(endpoint: Callable[..., Any]) -> inspect.Signature:
    """With annotations that are strings read where the endpoint was written, if they can be."""
    try:
        return inspect.signature(endpoint, eval_str=True)
    except NameError:
        return inspect.signature(endpoint)
