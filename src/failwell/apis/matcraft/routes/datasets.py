"""Datasets: uploaded, listed, read, downloaded, deleted."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.matcraft import tables
from failwell.apis.matcraft.answers import (
    answer,
    asked_page,
    filters,
    invalid,
    page_of,
    taken,
    unknown,
)
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.mdl import MalformedError, MistakesError
from failwell.apis.matcraft.state.campaigns import NameTakenError
from failwell.apis.matcraft.state.database import Database
from failwell.apis.matcraft.state.datasets import ORDERS, Dataset, Datasets
from failwell.apis.matcraft.state.keys import Key
from failwell.apis.matcraft.submissions import upload
from failwell.apis.matcraft.tables import Table

_PREVIEWED = 10


class DatasetRoutes:
    """Reads and writes of datasets."""

    def __init__(self, database: Database) -> None:
        self._datasets = Datasets(database)

    async def create(self, request: Request, key: Key) -> Response:
        """POST /datasets"""
        new = await upload(request)
        table = await run_in_threadpool(_checked, new.content)
        columns, rows = table.columns, table.rows
        try:
            dataset = self._datasets.add(
                key.account, new.name, new.description, columns, rows, new.content
            )
        except NameTakenError:
            raise taken("dataset", new.name) from None
        return answer(_told(dataset), 201)

    async def list(self, request: Request, key: Key) -> Response:
        """GET /datasets"""
        page = asked_page(request, ORDERS)
        rows, total = self._datasets.page(key.account, filters(request, "name"), page)
        return page_of([_told(row) for row in rows], total, page)

    async def get(self, request: Request, key: Key) -> Response:
        """GET /datasets/{id}"""
        dataset = self._dataset(request, key)
        return answer(_told(dataset) | {"preview": tables.preview(dataset.content, _PREVIEWED)})

    async def download(self, request: Request, key: Key) -> Response:
        """GET /datasets/{id}/download"""
        dataset = self._dataset(request, key)
        named = {"Content-Disposition": f'attachment; filename="{dataset.id}.csv"'}
        return Response(dataset.content, media_type="text/csv", headers=named)

    async def delete(self, request: Request, key: Key) -> Response:
        """DELETE /datasets/{id}"""
        self._datasets.delete(self._dataset(request, key).id)
        return Response(status_code=204)

    def _dataset(self, request: Request, key: Key) -> Dataset:
        identifier: str = request.path_params["id"]
        try:
            return self._datasets.get(key.account, identifier)
        except LookupError:
            raise unknown("Dataset", identifier) from None


def _checked(content: bytes) -> Table:
    try:
        return tables.check(content)
    except MalformedError as error:
        raise invalid(str(error)) from None
    except MistakesError as error:
        message, details = str(error), error.details
        raise MATCRAFT.fail("VALIDATION_FAILED", message=message, details=details) from None


def _told(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description,
        "rows": dataset.rows,
        "columns": msgspec.Raw(dataset.columns),
        "size_bytes": len(dataset.content),
        "created_at": dataset.created_at,
    }
