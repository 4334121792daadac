"""Cell specifications, the lots made to them, and the single cells."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.ionworks import queries, schemas
from failwell.apis.ionworks.access import key_of
from failwell.apis.ionworks.bodies import answer, nothing
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.house import Handlers, House
from failwell.apis.ionworks.named import Named, Row
from failwell.apis.ionworks.storage import folder_of

_SPEC = "cell_specification_id"


class Specs:
    """The routes of cell specifications; a name is unique in its project."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "list_specs": self.page,
            "create_spec": self.create,
            "get_spec": self.get,
            "update_spec": self.update,
            "delete_spec": self.delete,
        }

    async def page(self, request: Request) -> Response:
        """A page of the caller's specifications, or of one project's."""
        key, given = key_of(request), request.query_params
        projects = key.projects
        if "project_id" in given:
            projects = frozenset({key.project_for(given["project_id"])})
        query = queries.read(given).where(*among("project", projects))
        if "form_factor" in given:
            factor = given["form_factor"].removeprefix("eq.")
            query.where("json_extract(fields, '$.form_factor') = ?", factor)
        found = self._house.specs.page(query)
        return answer(queries.whole([_spec(row) for row in found.items], found.total))

    async def create(self, request: Request) -> Response:
        """A new specification, in the key's own project where none is named."""
        new = await self._house.body(request, schemas.NewSpec)
        project = key_of(request).project_for(new.project_id)
        fields = schemas.fields_of(new, "project_id")
        return answer(_spec(self._house.specs.add(project, project, new.name, fields)), 201)

    async def get(self, request: Request) -> Response:
        """One specification."""
        return answer(_spec(spec_of(self._house, request)))

    async def update(self, request: Request) -> Response:
        """Change what is given."""
        row = spec_of(self._house, request)
        changes = await self._house.body(request, schemas.SpecChanges)
        return answer(_spec(changed(self._house.specs, row, changes)))

    async def delete(self, request: Request) -> Response:
        """Delete the specification, its lots, cells and measurements."""
        spec = spec_of(self._house, request)
        cells = "SELECT id FROM cell_instances WHERE scope = ?"
        files = measured(self._house, f"scope IN ({cells})", spec.id)
        self._house.specs.remove(spec)
        self._house.storage.remove(*files)
        return nothing()


def _spec(row: Row) -> dict[str, Any]:
    return row.shown("project_id")


def spec_of(house: House, request: Request) -> Row:
    """The specification that the path names. Raises the 404."""
    return house.specs.get(request.path_params["id"], key_of(request).projects)


def measured(house: House, where: str, scope: str) -> list[str]:
    """The folders of the measurements that go when their scope goes."""
    rows = house.records.rows(f"SELECT id FROM measurements WHERE {where}", [scope])
    return [folder_of(row["id"]) for row in rows]


def changed(records: Named, row: Row, changes: Any) -> Row:
    """The record, with what was given."""
    name = changes.name if isinstance(changes.name, str) else None
    return records.change(row, name, schemas.fields_of(changes))


def among(column: str, values: frozenset[str]) -> tuple[str, *tuple[str, ...]]:
    """The condition that a column has one of these values."""
    marks = ", ".join("?" * len(values))
    return (f"{column} IN ({marks})", *sorted(values))


class Batches:
    """The routes of lots; a name is unique in its specification, whatever the case."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "list_batches": self.page,
            "create_batch": self.create,
            "get_batch": self.get,
            "update_batch": self.update,
            "delete_batch": self.delete,
        }

    async def page(self, request: Request) -> Response:
        """A page of a specification's lots."""
        spec = spec_of(self._house, request)
        query = queries.read(request.query_params).where("scope = ?", spec.id)
        found = self._house.batches.page(query)
        return answer(queries.whole([self._shown(row) for row in found.items], found.total))

    async def create(self, request: Request) -> Response:
        """A new lot of a specification."""
        spec = spec_of(self._house, request)
        new = await self._house.body(request, schemas.NewBatch)
        fields = schemas.fields_of(new)
        row = self._house.batches.add(spec.project, spec.id, new.name, fields)
        return answer(self._shown(row), 201)

    async def get(self, request: Request) -> Response:
        """One lot."""
        return answer(self._shown(self._batch(request)))

    async def update(self, request: Request) -> Response:
        """Change what is given."""
        row = self._batch(request)
        changes = await self._house.body(request, schemas.BatchChanges)
        return answer(self._shown(changed(self._house.batches, row, changes)))

    async def delete(self, request: Request) -> Response:
        """Delete the lot; its cells stay, without one."""
        row, records = self._batch(request), self._house.records
        with records.transaction():
            records.write(
                "UPDATE cell_instances SET fields = json_remove(fields, '$.batch_id')"
                " WHERE json_extract(fields, '$.batch_id') = ?",
                row.id,
            )
            self._house.batches.remove(row)
        return nothing()

    def _batch(self, request: Request) -> Row:
        return self._house.batches.get(request.path_params["id"], key_of(request).projects)

    def _shown(self, row: Row) -> dict[str, Any]:
        (count,) = self._house.records.rows(
            "SELECT count(*) FROM cell_instances WHERE json_extract(fields, '$.batch_id') = ?",
            [row.id],
        )[0]
        return {**row.shown(_SPEC), "instance_count": count}


class Instances:
    """The routes of single cells; a name is unique in its specification."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "list_instances": self.page,
            "create_instance": self.create,
            "get_instance": self.get,
            "update_instance": self.update,
            "delete_instance": self.delete,
        }

    async def page(self, request: Request) -> Response:
        """A page of a specification's cells."""
        spec = spec_of(self._house, request)
        query = queries.read(request.query_params).where("scope = ?", spec.id)
        batch = request.query_params.get("batch_id")
        if batch is not None:
            query.where("json_extract(fields, '$.batch_id') = ?", batch)
        found = self._house.instances.page(query)
        return answer(queries.whole([self._shown(row) for row in found.items], found.total))

    async def create(self, request: Request) -> Response:
        """A new cell of a specification."""
        spec = spec_of(self._house, request)
        new = await self._house.body(request, schemas.NewInstance)
        self._check_batch(new.batch_id, spec.id)
        fields = schemas.fields_of(new)
        row = self._house.instances.add(spec.project, spec.id, new.name, fields)
        return answer(self._shown(row), 201)

    async def get(self, request: Request) -> Response:
        """One cell."""
        return answer(self._shown(instance_of(self._house, request)))

    async def update(self, request: Request) -> Response:
        """Change what is given."""
        row = instance_of(self._house, request)
        changes = await self._house.body(request, schemas.InstanceChanges)
        self._check_batch(changes.batch_id, row.scope)
        return answer(self._shown(changed(self._house.instances, row, changes)))

    async def delete(self, request: Request) -> Response:
        """Delete the cell and its measurements."""
        cell = instance_of(self._house, request)
        files = measured(self._house, "scope = ?", cell.id)
        self._house.instances.remove(cell)
        self._house.storage.remove(*files)
        return nothing()

    def _check_batch(self, batch: object, spec: str) -> None:
        if isinstance(batch, str) and self._batch_name(batch, spec) is None:
            message = f"batch_id {batch[:80]!r} is no lot of this cell specification"
            raise IONWORKS.fail("BAD_REQUEST", message=message)

    def _batch_name(self, batch: str, spec: str) -> str | None:
        row = self._house.records.row(
            "SELECT name FROM cell_batches WHERE id = ? AND scope = ?", batch, spec
        )
        return None if row is None else row["name"]

    def _shown(self, row: Row) -> dict[str, Any]:
        batch = row.fields.get("batch_id")
        name = self._batch_name(batch, row.scope) if batch else None
        return {**row.shown(_SPEC), "batch_id": batch, "batch_name": name}


def instance_of(house: House, request: Request) -> Row:
    """The cell that the path names. Raises the 404."""
    return house.instances.get(request.path_params["id"], key_of(request).projects)
