"""Projects."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.flow.access.guards import user_of
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.sharing import SEEN_PROJECTS
from failwell.apis.flow.records import ProjectRow
from failwell.apis.flow.rest.bodies import id_in, json_object, page_of, project_json
from failwell.apis.flow.rest.samples import sample_page


class ProjectRoutes:
    """The routes of projects."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_owned(self, request: Request) -> Response:
        return self._page(request, "owner = :user", {"user": user_of(request.scope).number})

    async def search_projects(self, request: Request) -> Response:
        name = request.query_params.get("name", "")[:200]
        values = {"user": user_of(request.scope).number, "name": f"%{name}%"}
        return self._page(request, f"{SEEN_PROJECTS} AND name LIKE :name", values)

    async def create_project(self, request: Request) -> Response:
        values = await json_object(request)
        row = self._desk.projects.create(user_of(request.scope), values)
        return JSONResponse(project_json(self._desk, row), 201)

    create_project_alias = create_project

    async def get_project(self, request: Request) -> Response:
        row = self._desk.projects.found(id_in(request), user_of(request.scope))
        return JSONResponse(project_json(self._desk, row))

    async def delete_project(self, request: Request) -> Response:
        self._desk.projects.delete(user_of(request.scope), id_in(request))
        return Response(status_code=204)

    async def share_project(self, request: Request) -> Response:
        user, values = user_of(request.scope), await json_object(request)
        row = self._desk.projects.found(id_in(request), user)
        self._desk.samples.share(user, row, values)
        return JSONResponse(project_json(self._desk, row))

    async def list_project_samples(self, request: Request) -> Response:
        user = user_of(request.scope)
        row = self._desk.projects.found(id_in(request), user)
        where, values = self._desk.samples.seen(user, {"project": str(row.number)})
        return JSONResponse(sample_page(self._desk, request, where, values))

    def _page(self, request: Request, where: str, values: dict[str, Any]) -> Response:
        page, count = page_of(request)
        database = self._desk.database
        total = database.value(f"SELECT count(*) FROM projects WHERE {where}", **values)
        window = f"{where} ORDER BY number LIMIT {count} OFFSET {(page - 1) * count}"
        rows = database.all(ProjectRow, window, **values)
        listed = [project_json(self._desk, row) for row in rows]
        return JSONResponse({"count": total, "page": page, "projects": listed})
