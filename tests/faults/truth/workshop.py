"""A server whose handlers do as their request says, and whose effects are counted in a database.

Each request carries a plan in `X-Plan`, and its own name in `X-Attempt`. The plans are honest:
none does what the settings of its route say that it never does.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route

from failwell import stores
from failwell.contract import Code, Contract, Idempotency
from failwell.dialects.nested import Nested
from failwell.model import Outcome
from failwell.server import context, wsgi
from failwell.server.asgi import idempotent, wrap
from failwell.server.fastapi import idempotent_route, install, single_tenant

SECRET = "boom-s3cr3t"
LEASE, WAIT = 0.5, 0.15
"""Seconds. Routes whose author vouches for his exceptions have a lease that does not run out: of a
run that ended without one, he has said nothing."""

PAUSE = 0.03

WORKSHOP = Contract(
    name="workshop",
    dialect=Nested(request_id="requestId"),
    codes=(
        Code(code="bad_request", status=400, proves=Outcome.NOT_STARTED),
        Code(code="not_found", status=404, proves=Outcome.NOT_STARTED),
        Code(code="conflict", status=409),
        Code(code="too_large", status=413, proves=Outcome.NOT_STARTED),
        Code(code="unprocessable", status=422, proves=Outcome.NOT_STARTED),
        Code(code="failed", status=500),
        Code(code="away", status=503, proves=Outcome.ROLLED_BACK),
    ),
    idempotency=Idempotency(keys="required", mismatch=("unprocessable", 422)),
)

EFFECT, COMMIT = "effect", "commit"
PLANS = {
    "kept": (
        "effect answer", "effect pause answer", "pause effect answer", "effect empty",
        "effect stream", "effect broken_stream", "effect large", "effect raise", "raise",
        "pause raise", "effect fail", "refuse", "undo", "missing", "invalid", "effect cancel",
        "cancel", "effect http_500", "effect events", "large_500", "events_500", "large_400",
    ),
    "released": (
        "effect answer", "pause effect answer", "raise", "pause raise", "refuse", "undo",
        "missing", "fail", "cancel", "effect stream", "effect large",
    ),
    "joined": (
        "commit answer", "commit pause answer", "pause commit answer", "commit raise",
        "commit cancel", "commit fail", "commit http_500", "commit stream", "commit broken_stream",
        "torn raise", "torn cancel", "raise", "refuse", "undo", "fail", "missing",
        "cancel", "http_500", "commit empty", "pause raise", "commit large", "pause torn raise",
    ),
}  # fmt: skip
"""For each kind of route, what its handlers may do, word by word; `torn` is a transaction that is
undone after its `commit` was said in it."""


class Workshop:
    """The app, and what its handlers really did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store: Any = stores.open(f"sqlite:///{path}")
        with self._transaction() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE effects (key TEXT, attempt TEXT)")

    def effects(self, key: str) -> list[str]:
        """The attempt that each effect of this key was made by."""
        with self._transaction() as connection:
            found = connection.execute("SELECT attempt FROM effects WHERE key = ?", (key,))
            return [attempt for (attempt,) in found.fetchall()]

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            yield connection

    async def handle(self, request: Request) -> Response:
        """Do what the plan says, word by word."""
        key, attempt = request.headers["idempotency-key"], request.headers["x-attempt"]
        answer: Response = JSONResponse({"did": attempt}, 201)
        for word in request.headers["x-plan"].split():
            match word:
                case "effect" | "commit" | "torn":
                    await run_in_threadpool(self._write, key, attempt, word)
                case "pause":
                    await asyncio.sleep(PAUSE)
                case "stream" | "broken_stream":
                    answer = StreamingResponse(_pieces(attempt, word), 201)
                case "events":
                    answer = StreamingResponse(
                        _pieces(attempt, word), 201, None, "text/event-stream"
                    )
                case "large":
                    answer = JSONResponse({"did": attempt, "pad": "x" * 1_100_000}, 201)
                case "large_500" | "large_400":
                    answer = JSONResponse({"pad": "x" * 1_100_000}, int(word[-3:]))
                case "events_500":
                    answer = StreamingResponse(
                        _pieces(attempt, "events"), 500, None, "text/event-stream"
                    )
                case "empty":
                    answer = Response(status_code=204)
                case "http_500":
                    answer = JSONResponse({"oops": SECRET}, 500)
                case "cancel":
                    await _cancelled()
                case "missing":
                    raise HTTPException(404)
                case "answer":
                    pass
                case _:
                    _fail(word)
        return answer

    def _write(self, key: str, attempt: str, word: str) -> None:
        row = (key, attempt)
        try:
            with self._transaction() as connection:
                connection.execute("INSERT INTO effects VALUES (?, ?)", row)
                if word != "effect":
                    context.idempotency().commit(connection, 201, {"did": attempt})
                if word == "torn":
                    raise _TornError
        except _TornError:
            return

    def app(self) -> Any:
        """The routes: FastAPI's, whose claims are late, under `/`, and claims at the edge under
        `/edge`."""
        apps: dict[str, Any] = {}
        for kind in PLANS:
            inner, settings = FastAPI(), self._settings(kind)
            route = {name: settings[name] for name in ("transactional", "on_error")}
            inner.post(f"/{kind}")(idempotent_route(self._endpoint(), **route))
            apps[f"/{kind}"] = install(inner, WORKSHOP, max_body=100_000, **settings)
            edge = Starlette(routes=[Route(f"/edge/{kind}", self.handle, methods=["POST"])])
            apps[f"/edge/{kind}"] = wrap(idempotent(WORKSHOP, **settings)(edge), WORKSHOP)

        async def either(scope: Any, receive: Any, send: Any) -> None:
            await apps[scope.get("path", "/kept")](scope, receive, send)

        return cancelling(either)

    def wsgi(self) -> Any:
        """The same for a server that blocks, under `/wsgi`."""
        apps = {
            f"/wsgi/{kind}": wsgi.wrap(
                wsgi.idempotent(WORKSHOP, **self._settings(kind))(self._serve), WORKSHOP
            )
            for kind in PLANS
        }
        return lambda environ, start: apps[environ["PATH_INFO"]](environ, start)

    def _settings(self, kind: str) -> dict[str, Any]:
        return {
            "store": self.store, "caller": single_tenant, "wait": WAIT,
            "lease": LEASE,
            "transactional": kind == "joined",
            "on_error": "release" if kind == "released" else "keep",
        }  # fmt: skip

    def _serve(self, environ: Any, start: Any) -> Any:
        """What `handle` does, in a thread."""
        key, attempt = environ["HTTP_IDEMPOTENCY_KEY"], environ["HTTP_X_ATTEMPT"]
        status, media, pieces = 201, "application/json", [f'{{"did":"{attempt}"}}'.encode()]
        for word in environ["HTTP_X_PLAN"].split():
            match word:
                case "effect" | "commit" | "torn":
                    self._write(key, attempt, word)
                case "pause":
                    time.sleep(PAUSE)
                case "stream" | "broken_stream":
                    media, pieces = "text/plain", _blocking_pieces(attempt, word)
                case "events" | "events_500":
                    status = 500 if "500" in word else 201
                    media, pieces = "text/event-stream", _blocking_pieces(attempt, word)
                case "large" | "large_500" | "large_400":
                    status = int(word[-3:]) if "_" in word else 201
                    pieces = [b"x" * 1_100_000]
                case "empty":
                    status, pieces = 204, [b""]
                case "http_500":
                    status, pieces = 500, [SECRET.encode()]
                case "cancel":
                    raise SystemExit
                case "answer":
                    pass
                case _:
                    _fail(word)
        start(f"{status} Said", [("Content-Type", media)])
        return pieces

    def _endpoint(self) -> Any:
        async def endpoint(request: Request) -> Any:
            return await self.handle(request)

        return endpoint


class _TornError(Exception):
    """The transaction is undone."""


def _fail(word: str) -> None:
    match word:
        case "raise":
            raise RuntimeError(SECRET)
        case "missing":
            raise WORKSHOP.fail("not_found")
        case "invalid":
            raise WORKSHOP.fail("unprocessable")
        case "refuse":
            raise WORKSHOP.fail("bad_request")
        case "undo":
            raise WORKSHOP.fail("away")
        case "fail":
            raise WORKSHOP.fail("failed")
    raise AssertionError(word)


async def _cancelled() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def _pieces(attempt: str, word: str) -> AsyncIterator[bytes]:
    yield b"data: first\n\n"
    await asyncio.sleep(PAUSE)
    if word == "broken_stream":
        raise RuntimeError(SECRET)
    yield b"data: " + attempt.encode() + b"\n\n"


def _blocking_pieces(attempt: str, word: str) -> Iterator[bytes]:
    yield b"data: first\n\n"
    time.sleep(PAUSE)
    if word == "broken_stream":
        raise RuntimeError(SECRET)
    yield b"data: " + attempt.encode() + b"\n\n"


def cancelling(app: Any) -> Any:
    """The app, whose requests are cancelled after `X-Cancel-After` seconds: what a server does to
    them that shuts down, or whose client has hung up."""

    async def cancels(scope: Any, receive: Any, send: Any) -> None:
        fields = dict(scope.get("headers", ()))
        after = fields.get(b"x-cancel-after")
        if after is None:
            await app(scope, receive, send)
            return
        running = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait({running}, timeout=float(after))
        if not running.done():
            running.cancel()
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()

    return cancels
