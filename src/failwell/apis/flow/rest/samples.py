"""Samples and what they may be."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.flow.access.guards import user_of
from failwell.apis.flow.desk import catalogue
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.records import SampleRow
from failwell.apis.flow.refusals import not_found
from failwell.apis.flow.rest.bodies import id_in, json_object, page_of, sample_json


class SampleRoutes:
    """The routes of samples."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_samples(self, request: Request) -> Response:
        asked = dict(request.query_params)
        where, values = self._desk.samples.seen(user_of(request.scope), asked)
        return JSONResponse(sample_page(self._desk, request, where, values))

    search_samples = list_samples

    async def create_sample(self, request: Request) -> Response:
        user = user_of(request.scope)
        draft = self._desk.samples.draft(user, await json_object(request))
        row = self._desk.samples.create(user.number, draft)
        return JSONResponse(sample_json(self._desk, row), 201)

    async def get_sample(self, request: Request) -> Response:
        row = self._desk.samples.found(id_in(request), user_of(request.scope))
        return JSONResponse(sample_json(self._desk, row))

    async def edit_sample(self, request: Request) -> Response:
        values = await json_object(request)
        row = self._desk.samples.edit(user_of(request.scope), id_in(request), values)
        return JSONResponse(sample_json(self._desk, row))

    async def delete_sample(self, request: Request) -> Response:
        self._desk.samples.delete(user_of(request.scope), id_in(request))
        return Response(status_code=204)

    async def share_sample(self, request: Request) -> Response:
        user, values = user_of(request.scope), await json_object(request)
        row = self._desk.samples.found(id_in(request), user)
        self._desk.samples.share(user, row, values)
        return JSONResponse(sample_json(self._desk, row))

    async def list_types(self, request: Request) -> Response:
        names = ("identifier", "name", "description")
        return JSONResponse(
            [{name: getattr(one, name) for name in names} for one in catalogue.SAMPLE_TYPES]
        )

    async def list_attributes(self, request: Request) -> Response:
        return JSONResponse([catalogue.attribute_json(one) for one in catalogue.ATTRIBUTES])

    async def list_options(self, request: Request) -> Response:
        attribute = catalogue.attribute(request.path_params["id"])
        if attribute is None:
            raise not_found("metadata", request.path_params["id"][:100])
        return JSONResponse({"options": [{"value": value} for value in attribute.options]})

    async def list_organisms(self, request: Request) -> Response:
        return JSONResponse([msgspec.structs.asdict(one) for one in catalogue.ORGANISMS])


def sample_page(desk: Desk, request: Request, where: str, values: dict[str, Any]) -> dict[str, Any]:
    """A page of the samples that meet a condition; `count` is the number of them all."""
    page, count = page_of(request)
    total = desk.database.value(f"SELECT count(*) FROM samples WHERE {where}", **values)
    window = f"{where} ORDER BY number LIMIT {count} OFFSET {(page - 1) * count}"
    rows = desk.database.all(SampleRow, window, **values)
    return {"count": total, "page": page, "samples": [sample_json(desk, row) for row in rows]}
