"""Runs the Python in the README and the docs; `api.example.org` is a server on loopback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, chdir
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import failwell
from failwell.apis import flow
from failwell.apis.toolpath import Toolpath
from failwell.sandbox import app
from failwell.sandbox.wire import WIRE, running

pytest_plugins = ["official"]

HERE = Path(__file__).parent
DATA = HERE / "src" / "failwell" / "sandbox" / "data"


async def _part(request: Request) -> Response:
    if request.path_params["id"] == "part0001":
        return JSONResponse({"id": "part0001"})
    error = {"code": "not_found", "message": "There is no such part", "request_id": "req_1"}
    return JSONResponse({"error": error}, 404)


async def _new_part(request: Request) -> Response:
    return JSONResponse({"id": "part0001", **await request.json()}, 201)


async def _delete_part(request: Request) -> Response:
    return Response(status_code=204)


async def _upload(request: Request) -> Response:
    await request.body()
    return JSONResponse({"id": "7", "data_id": "7"})


async def _lost(request: Request) -> Response:
    await request.body()
    await request.scope["extensions"][WIRE].reset()
    return Response()


class _Specs:
    """Records whose names are taken once."""

    def __init__(self) -> None:
        self._made: list[dict[str, Any]] = []

    async def create(self, request: Request) -> Response:
        sent = await request.json()
        for record in self._made:
            if record["name"] == sent["name"]:
                details = {"existing_id": record["id"]}
                error = {"code": "taken", "message": "The name is in use", "details": details}
                return JSONResponse({"error": error}, 409)
        self._made.append({"id": f"spec{len(self._made) + 1:04}", **sent})
        return JSONResponse(self._made[-1], 201)

    async def read(self, request: Request) -> Response:
        found = next(one for one in self._made if one["id"] == request.path_params["id"])
        return JSONResponse(found)


class _Flaky:
    asked = 0

    async def __call__(self, request: Request) -> Response:
        _Flaky.asked += 1
        if _Flaky.asked % 2:
            return JSONResponse({"message": "Try later"}, 503, {"Retry-After": "0"})
        return JSONResponse({"ok": True})


async def _new_job(request: Request) -> Response:
    created = {"id": "job0001", "status": "queued"}
    return JSONResponse(created, 202, {"Location": "/jobs/job0001", "Retry-After": "0"})


class _Jobs:
    """Jobs that are asked about twice before they end, by their ids well or badly."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}

    async def __call__(self, request: Request) -> Response:
        job = request.path_params["id"]
        self._asked[job] = self._asked.get(job, 0) + 1
        if self._asked[job] <= 2:
            return JSONResponse({"id": job, "status": "running"}, 202, {"Retry-After": "0"})
        if job == "bad0001":
            return JSONResponse({"id": job, "status": "failed", "error": "ValueError: no shots"})
        return JSONResponse({"id": job, "status": "completed", "result": 42})


class _Session:
    """A log-in whose access tokens are over as soon as another one was got."""

    valid = "access-0"

    async def refresh(self, request: Request) -> Response:
        number = int(self.valid.rpartition("-")[2]) + 1
        self.valid = f"access-{number}"
        found = {"access_token": self.valid, "expires_in": 1800, "refresh_token": f"next-{number}"}
        return JSONResponse(found)

    async def read(self, request: Request) -> Response:
        if request.headers.get("authorization") == f"Bearer {self.valid}":
            return JSONResponse({"name": "adam"})
        error = {"code": "token_expired", "message": "The token has expired"}
        return JSONResponse({"error": error}, 401)


@asynccontextmanager
async def _lifespan(_: Starlette) -> AsyncIterator[None]:
    yield


def _example() -> Starlette:
    session, specs = _Session(), _Specs()
    routes = [
        Route("/specs", specs.create, methods=["POST"]),
        Route("/specs/{id}", specs.read),
        Route("/token", session.refresh, methods=["POST"]),
        Route("/me", session.read),
        Route("/parts/lost-answer", _lost, methods=["POST"]),
        Route("/parts", _new_part, methods=["POST"]),
        Route("/parts/{id}", _part),
        Route("/parts/{id}", _delete_part, methods=["DELETE"]),
        Route("/upload", _upload, methods=["POST"]),
        Route("/flaky", _Flaky().__call__),
        Route("/jobs", _new_job, methods=["POST"]),
        Route("/jobs/{id}", _Jobs().__call__),
    ]
    return Starlette(routes=routes, lifespan=_lifespan)


def _route_to(url: str) -> tuple[Any, Any]:
    """Send what is meant for api.example.org to `url`; what to put back afterwards."""
    sent, target = httpx2.HTTPTransport.handle_request, httpx2.URL(url)

    def rerouted(self: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "api.example.org":
            request.url = request.url.copy_with(scheme="http", host=target.host, port=target.port)
        return sent(self, request)

    httpx2.HTTPTransport.handle_request = rerouted  # type: ignore[method-assign]
    return httpx2.HTTPTransport, sent


def _set_up(namespace: dict[str, Any]) -> None:
    stack = namespace["_stack"] = ExitStack()
    transport, sent = _route_to(stack.enter_context(running(_example())))
    stack.callback(setattr, transport, "handle_request", sent)
    sandbox = stack.enter_context(running(app.application(app.services())))
    apis = httpx2.get(sandbox + "/sandbox.json").json()["apis"]
    about = apis["toolpath"]
    namespace["base_url"] = about["base_url"]
    namespace["api_key"] = about["credentials"]["read_write"]
    namespace["flow_url"] = apis["flow"]["base_url"]
    namespace["flow_user"] = apis["flow"]["credentials"]["alice"]
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    shutil.copy(DATA / "angle_bracket.step", folder / "bracket.step")
    (folder / "reads.fastq").write_text("@read1\nACGT\n+\nIIII\n" * 100)
    stack.enter_context(chdir(folder))


def _tear_down(namespace: dict[str, Any]) -> None:
    for value in namespace.values():
        if isinstance(value, (failwell.Client, Toolpath, flow.Client)):
            value.close()
    namespace["_stack"].close()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "CONTRIBUTING.md", "docs/*.md"],
    setup=_set_up,
    teardown=_tear_down,
).pytest()
