"""Pipelines and their executions."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.flow.access.guards import user_of
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.refusals import no_pipeline
from failwell.apis.flow.rest.bodies import (
    data_json,
    execution_json,
    id_in,
    json_object,
    pipeline_json,
)
from failwell.apis.flow.runner.pipelines import PIPELINES, Pipeline, found, numbered


class PipelineRoutes:
    """The routes of pipelines and executions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_pipelines(self, request: Request) -> Response:
        return JSONResponse(categories())

    async def get_pipeline(self, request: Request) -> Response:
        name = request.path_params["id"]
        pipeline = numbered(name)
        if pipeline is None:
            raise no_pipeline(name)
        return JSONResponse(pipeline_json(pipeline))

    async def get_version(self, request: Request) -> Response:
        name = request.path_params["id"]
        known = found(name)
        if known is None:
            raise no_pipeline(name)
        pipeline, version = known
        body = {"id": str(version.number), "name": version.name, "schema": version.schema}
        body["pipeline"] = {"id": str(pipeline.number), "name": pipeline.name}
        return JSONResponse(body)

    async def run_pipeline(self, request: Request) -> Response:
        user, name = user_of(request.scope), request.path_params["id"]
        row = self._desk.executions.start(user, name, await json_object(request))
        return JSONResponse(execution_json(self._desk, row), 201)

    async def get_execution(self, request: Request) -> Response:
        row = self._desk.executions.found(id_in(request), user_of(request.scope))
        return JSONResponse(execution_json(self._desk, row))

    async def get_outputs(self, request: Request) -> Response:
        row = self._desk.executions.found(id_in(request), user_of(request.scope))
        files = self._desk.executions.outputs(row)
        listed = [data_json(self._desk, file) for file in files]
        return JSONResponse({"status": row.status, "data": listed})

    async def cancel_execution(self, request: Request) -> Response:
        row = self._desk.executions.found(id_in(request), user_of(request.scope), "owner")
        return JSONResponse(execution_json(self._desk, await self._desk.executions.cancel(row)))


def categories() -> list[dict[str, Any]]:
    """The pipelines as a tree of categories and subcategories."""
    return [
        {"name": name, "subcategories": _subcategories(list(inside))}
        for name, inside in groupby(PIPELINES, lambda one: one.category)
    ]


def _subcategories(inside: list[Pipeline]) -> list[dict[str, Any]]:
    return [
        {"name": name, "pipelines": [pipeline_json(one) for one in pipelines]}
        for name, pipelines in groupby(inside, lambda one: one.subcategory)
    ]
