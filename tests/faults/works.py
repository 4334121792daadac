"""Run as a program: a server whose handler commits its effect and its answer in one transaction.

It is forked from a process that has everything imported, so that it serves again within moments
of a `kill -9`. It prints its URL once, and the id of each serving process. `rng` scatters pauses
over the handler, so that a kill at random finds every instant of it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from failwell.contract import Code, Contract, Idempotency
from failwell.dialects.nested import Nested
from failwell.model import Outcome
from failwell.sandbox.wire import HOST, Server
from failwell.server import context
from failwell.server.asgi import idempotent, wrap

WORKS = Contract(
    name="works",
    dialect=Nested(request_id="requestId"),
    codes=(
        Code(code="bad_request", status=400, proves=Outcome.NOT_STARTED),
        Code(code="conflict", status=409),
        Code(code="failed", status=500),
        Code(code="away", status=503),
    ),
    idempotency=Idempotency.classic(),
    reads_json=True,
)
TABLE = "CREATE TABLE IF NOT EXISTS effects (tag TEXT)"


@contextmanager
def transaction(database: str) -> Iterator[Any]:
    """A connection in a transaction of its own."""
    if database.startswith("sqlite"):
        path = database.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
            yield connection
        return
    with psycopg.connect(database, connect_timeout=5) as connection:
        yield connection


def effects(database: str) -> list[str]:
    """The tag of each effect."""
    with transaction(database) as connection:
        return [tag for (tag,) in connection.execute("SELECT tag FROM effects").fetchall()]


def app(database: str, store: Any = None, *, lease: float = 1.0) -> Any:
    """`POST /` writes one effect with the tag in its body."""
    rng = random.Random(os.getpid())

    async def serve(request: Request) -> Response:
        tag = (await request.json())["tag"]
        await asyncio.sleep(rng.random() * 0.02)
        await run_in_threadpool(write, tag)
        await asyncio.sleep(rng.random() * 0.02)
        return JSONResponse({"tag": tag}, 201)

    def write(tag: str) -> None:
        with transaction(database) as connection:
            connection.execute(f"INSERT INTO effects (tag) VALUES ('{tag}')")
            context.idempotency().commit(connection, 201, {"tag": tag})

    once = idempotent(
        WORKS,
        database if store is None else store,
        caller=lambda _: "ann",
        lease=lease,
        transactional=True,
    )
    return wrap(once(Starlette(routes=[Route("/", serve, methods=["POST"])])), WORKS)


def main(database: str) -> None:
    """Serve the app over this database, again and again."""
    with transaction(database) as connection:
        connection.execute(TABLE)
    reborn(lambda _: app(database))


def reborn(made: Callable[[int], Any]) -> None:
    """Fork a server, and again whenever it has died: of the app that is made for its first life,
    its second, and so on."""
    with closing(socket.create_server((HOST, 0))) as free:
        port = free.getsockname()[1]
    print(f"http://{HOST}:{port}", flush=True)
    for life in itertools.count():
        child = os.fork()
        if child == 0:
            server = Server(made(life), port=port)
            asyncio.run(server.serve(lambda _: print(os.getpid(), flush=True)))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1])
