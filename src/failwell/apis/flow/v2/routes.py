"""Imports of samples from an archive."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.flow.access.guards import user_of
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.imports import import_json
from failwell.apis.flow.rest.bodies import id_in, json_object


class ImportRoutes:
    """The routes of imports."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def import_samples(self, request: Request) -> Response:
        values = await json_object(request)
        row = self._desk.imports.start(user_of(request.scope), values)
        return JSONResponse(import_json(row), 201)

    async def get_import(self, request: Request) -> Response:
        row = self._desk.imports.found(id_in(request), user_of(request.scope))
        return JSONResponse(import_json(row))
