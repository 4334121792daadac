"""The journal keeps the route of a request, with names where its path has ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from failwell import journal as journals
from failwell.contract import Contract
from failwell.sandbox.wire import running
from failwell.server.fastapi import install
from failwell.server.routing import template


async def broken(_: Request) -> Response:
    raise RuntimeError("no")


def shop() -> FastAPI:
    """Routers in routers, mounted apps, and each of their routes broken."""
    app, outer, inner, below = (
        FastAPI(),
        APIRouter(prefix="/v1"),
        APIRouter(prefix="/u/{user}"),
        FastAPI(),
    )
    for one in (app, inner, below):
        one.get("/orders/{number}")(_order)
        one.get("/files/{rest:path}")(_file)
    outer.include_router(inner)
    app.include_router(outer)
    app.mount("/below", below)
    plain = Starlette(routes=[Route("/s/{id}", broken), Mount("/raw", app=_raw)])
    app.mount("/of/{who}", plain)
    return app


def _order(number: int) -> None:
    raise RuntimeError("no")


def _file(rest: str) -> None:
    raise RuntimeError("no")


async def _raw(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("no")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[journals.Journal]:
    journal = journals.Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    yield journal
    journal.close()


ROUTES = {
    "/orders/7": "/orders/{number}",
    "/orders/ann": "/orders/{number}",
    "/files/a/b/c": "/files/{rest:path}",
    "/v1/u/ann/orders/7": "/v1/u/{user}/orders/{number}",
    "/below/orders/7": "/below/orders/{number}",
    "/below/files/a/b": "/below/files/{rest:path}",
    "/of/ann/s/7": "/of/{who}/s/{id}",
    "/of/ann/raw/x": "/of/ann/raw/x",
    "/nowhere/7": "/nowhere/7",
}


def test_the_journal_has_the_route(shop_contract: Contract, journal: journals.Journal) -> None:
    """Of an exception, a refused parameter and a wrong method, also inside routers and mounted
    apps; the path itself where no route was found."""
    with running(install(shop(), shop_contract, journal=journal)) as url:
        for number, path in enumerate(ROUTES):
            httpx2.get(url + path, headers={"X-Request-Id": f"r-{number}"}, trust_env=False)
        httpx2.put(url + "/orders/7", headers={"X-Request-Id": "r-405"}, trust_env=False)
    journal.flush()
    found = {entry.request_id: entry.route for entry in journal.backend.search()}
    assert found.pop("r-405") == "/orders/{number}"
    assert found == {f"r-{number}": route for number, route in enumerate(ROUTES.values())}


@pytest.mark.parametrize("scope", [{}, {"route": None}, {"route": "/orders"}, {"route": object()}])
def test_another_framework_leaves_no_route(scope: dict[str, Any]) -> None:
    """What is not a route of Starlette's kind is not taken for one."""
    assert template({"path": "/orders/7", **scope}) is None
