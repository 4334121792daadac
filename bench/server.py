"""What the server half costs, in process: no network to hide behind.

A success and an error go through an ASGI app; the bare case is Starlette alone. A keyed write is
claimed and completed in SQLite; the bare case is the same statements without failwell.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import slowapi
import slowapi.util
from asgi_correlation_id import CorrelationIdMiddleware
from slowapi.middleware import SlowAPIASGIMiddleware
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.rounds import Case, Repeat, Table, compare
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.policy.idempotency import Claim, Complete, Stored
from failwell.policy.quota import Window
from failwell.server.asgi import limited, wrap
from failwell.stores.memory import MemoryStore
from failwell.stores.sqlite import SQLiteStore
from failwell.stores.threaded import ThreadedStore

App = Callable[..., Awaitable[None]]
ROUNDS = 200
SUCCESS, QUOTA, ERROR, STORE, STORE_ASYNC = 1.5, 3.0, 2.0, 1.5, 6.0
FIELDS = [(b"host", b"api.example.org"), (b"accept", b"*/*"), (b"user-agent", b"bench")]
ANSWER = Stored(status=201, headers=(("content-type", "application/json"),), body=b'{"id":1}' * 12)


def tables() -> Iterator[Table]:
    """A success, an error and a keyed write."""
    yield _successes()
    yield _errors()
    yield _writes()


def _successes() -> Table:
    bare = _starlette(_ok)
    everyone = Window(10**9, 60.0)
    quota = limited(TOOLPATH, MemoryStore(), [everyone], caller=lambda scope: "me")
    cases = [
        Case("failwell", _served(wrap(bare, TOOLPATH)), SUCCESS),
        Case("failwell with a quota", _served(wrap(_starlette(_ok, quota), TOOLPATH)), QUOTA),
        Case("asgi-correlation-id", _served(CorrelationIdMiddleware(bare))),
        Case("slowapi", _served(_slow(_ok))),
        Case("both peers", _served(CorrelationIdMiddleware(_slow(_ok)))),
    ]
    return Table(
        "A success through the app", compare(Case("Starlette", _served(bare)), cases, ROUNDS)
    )


def _errors() -> Table:
    bare = Starlette(routes=[Route("/", _refused)], exception_handlers={HTTPException: _as_json})
    cases = [
        Case("failwell", _served(wrap(_starlette(_failed), TOOLPATH)), ERROR),
        Case("both peers", _served(CorrelationIdMiddleware(_slow(_refused)))),
    ]
    return Table("An error of the app", compare(Case("Starlette", _served(bare)), cases, ROUNDS))


def _writes() -> Table:
    folder = Path(tempfile.mkdtemp(prefix="failwell-bench-"))
    cases = [
        Case("failwell, one thread", _claimed(SQLiteStore(str(folder / "ours.db"))), STORE),
        Case("failwell, awaited", _awaited(SQLiteStore(str(folder / "async.db"))), STORE_ASYNC),
    ]
    bare = Case("the same SQL", _statements(folder / "bare.db"))
    return Table("A keyed write in SQLite", compare(bare, cases, ROUNDS))


async def _ok(request: Request) -> Response:
    return JSONResponse({"data": {"id": "part0001", "status": "ready"}})


async def _refused(request: Request) -> Response:
    raise HTTPException(404, "Part part0001 not found")


async def _failed(request: Request) -> Response:
    raise TOOLPATH.fail("not_found", message="Part part0001 not found")


async def _as_json(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {"error": {"code": "not_found", "message": error.detail, "requestId": "none"}}
    return JSONResponse(body, error.status_code)


def _starlette(endpoint: Callable[..., Any], *inside: Any) -> Starlette:
    middleware = [Middleware(one) for one in inside]
    return Starlette(routes=[Route("/", endpoint, middleware=middleware)])


def _slow(endpoint: Callable[..., Any]) -> Starlette:
    limiter = slowapi.Limiter(
        key_func=slowapi.util.get_remote_address, default_limits=["1000000000/minute"]
    )
    app = _starlette(endpoint)
    app.state.limiter = limiter
    app.add_middleware(SlowAPIASGIMiddleware)
    return app


def _served(app: App) -> Repeat:
    loop = asyncio.new_event_loop()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        pass

    async def many(count: int) -> None:
        for _ in range(count):
            await app(_scope(), receive, send)

    return lambda count: loop.run_until_complete(many(count))


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": FIELDS,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


def _changes(number: int) -> tuple[str, Claim, Complete]:
    token = f"{number:032x}"
    claim = Claim(fingerprint="f" * 64, token=token, lease=30.0, retention=86400.0)
    return f"key {number}", claim, Complete(token=token, answer=ANSWER, retention=86400.0)


def _claimed(store: SQLiteStore) -> Repeat:
    numbers = itertools.count()

    def many(count: int) -> None:
        for number in itertools.islice(numbers, count):
            key, claim, complete = _changes(number)
            store.update(key, claim)
            store.update(key, complete)

    return many


def _awaited(store: SQLiteStore) -> Repeat:
    loop, threaded, numbers = asyncio.new_event_loop(), ThreadedStore(store), itertools.count()

    async def many(count: int) -> None:
        for number in itertools.islice(numbers, count):
            key, claim, complete = _changes(number)
            await threaded.update(key, claim)
            await threaded.update(key, complete)

    return lambda count: loop.run_until_complete(many(count))


def _statements(path: Path) -> Repeat:
    """The work that the store must do: look, write, look, write, in two transactions."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE records (key TEXT PRIMARY KEY, record BLOB, ends REAL)")
    connection.execute("CREATE INDEX ends ON records (ends)")
    numbers, blob = itertools.count(), b"x" * 220

    def many(count: int) -> None:
        for number in itertools.islice(numbers, count):
            key = f"key {number}"
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("SELECT record, ends FROM records WHERE key = ?", (key,)).fetchone()
            connection.execute("INSERT INTO records VALUES (?, ?, ?)", (key, blob, 1e10))
            connection.execute("COMMIT")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("SELECT record, ends FROM records WHERE key = ?", (key,)).fetchone()
            connection.execute("UPDATE records SET record = ? WHERE key = ?", (blob * 2, key))
            connection.execute("COMMIT")

    return many
