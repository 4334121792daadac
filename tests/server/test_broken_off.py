"""`on_error="release"`: an exception frees the key, unless a success had begun to leave.

Then its caller may have read that it is done; or has hung up, which the handler sees as an
exception that is not its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from failwell.contract import Contract
from failwell.sandbox.wire import running
from failwell.server import wsgi
from failwell.server.asgi import idempotent, wrap
from failwell.server.guard import single_tenant
from failwell.server.starlette import idempotent_route, install
from failwell.stores.memory import MemoryStore
from server.wsgi_servers import waitress


class Book:
    """A handler that counts its runs, and fails at once, or after the first piece of its answer."""

    def __init__(self) -> None:
        self.runs = 0

    def pieces(self) -> Iterator[bytes]:
        yield b"one;"
        yield b"two;"
        raise RuntimeError("it broke")

    async def serve(self, request: Request) -> StreamingResponse:
        self.runs += 1
        if request.url.path == "/at-once":
            raise RuntimeError("it broke")
        status = 201 if request.url.path == "/success" else 500
        return StreamingResponse(self.pieces(), status, media_type="text/plain")

    def call(self, environ: Any, start: Any) -> Iterator[bytes]:
        self.runs += 1
        if environ["PATH_INFO"] == "/at-once":
            raise RuntimeError("it broke")
        status = "201 Created" if environ["PATH_INFO"] == "/success" else "500 Oops"
        start(status, [("Content-Type", "text/plain")])
        return self.pieces()


PATHS = ("/at-once", "/success", "/failure")
SETTINGS: Any = {"caller": single_tenant, "on_error": "release"}


def at_the_edge(book: Book, contract: Contract) -> Any:
    routes = [Route(path, book.serve, methods=["POST"]) for path in PATHS]
    once = idempotent(contract, MemoryStore(), **SETTINGS)
    return running(wrap(once(Starlette(routes=routes)), contract))


def inside(book: Book, contract: Contract) -> Any:
    async def serve(request: Request) -> StreamingResponse:
        return await book.serve(request)

    marked = idempotent_route(serve, on_error="release")
    app = Starlette(routes=[Route(path, marked, methods=["POST"]) for path in PATHS])
    return running(install(app, contract, store=MemoryStore(), caller=single_tenant))


def blocking(book: Book, contract: Contract) -> Any:
    once = wsgi.idempotent(contract, MemoryStore(), **SETTINGS)
    return waitress(wsgi.wrap(once(book.call), contract))


@pytest.mark.parametrize("serving", [at_the_edge, inside, blocking])
@pytest.mark.parametrize(("path", "runs"), [("/at-once", 2), ("/failure", 2), ("/success", 1)])
def test_a_success_that_broke_off_frees_no_key(
    shop_contract: Contract, serving: Callable[..., Any], path: str, runs: int
) -> None:
    """What had failed runs again; what had begun as a 2xx does not, and stays unknown."""
    book = Book()
    with serving(book, shop_contract) as url, httpx2.Client(trust_env=False, timeout=10) as http:

        def write() -> httpx2.Response:
            return http.post(url + path, json={}, headers={"Idempotency-Key": "k"})

        with suppress(httpx2.TransportError):
            write()
        with suppress(httpx2.TransportError):
            again = write()
            if path == "/success":
                assert (again.status_code, again.headers["Failwell-Outcome"]) == (500, "unknown")
    assert book.runs == runs
