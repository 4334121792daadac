"""Specifications, lots and cells: what the clients do with them, told once for sync and async."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from failwell.apis.ionworks.client import answered, existing
from failwell.apis.ionworks.client.asked import fields, path, query, write
from failwell.apis.ionworks.client.records import (
    CellBatch,
    CellInstance,
    CellSpecification,
    Page,
)
from failwell.apis.operation import Ask, Operation, belonging_to, deleted
from failwell.errors import ConflictError, InvalidRequestError

T = TypeVar("T")

SPECS, BATCHES, CELLS = "cell_specifications", "cell_batches", "cell_instances"


def get(room: str, cls: type[T], identifier: str) -> Operation[T]:
    """The record with this id."""
    response, _ = yield from Ask("GET", path(room, identifier))
    return answered.read(response, cls)


def update(room: str, cls: type[T], identifier: str, data: Mapping[str, Any]) -> Operation[T]:
    """The record, with what is given changed."""
    response, _ = yield from write("PATCH", path(room, identifier), fields(data, "data"))
    return answered.read(response, cls)


def delete(room: str, identifier: str) -> Operation[None]:
    """Nothing; the record is gone, and all that belongs to it."""
    return deleted(path(room, identifier))


def listed(
    where: str, cls: type[T], asked: dict[str, str], key: str = "items"
) -> Operation[Page[T]]:
    """A page of records."""
    response, _ = yield from Ask("GET", where, params=asked)
    return answered.page(response, cls, key)


def create_spec(
    data: Mapping[str, Any], project: str | None, *, get_existing: bool = False
) -> Operation[CellSpecification]:
    """A new specification, in the client's project where none is named."""
    given = fields(data, "A cell specification")
    if given.get("project_id") is None and project is not None:
        given["project_id"] = project
    made = _made(SPECS, given, CellSpecification, get_existing)
    return _or_same(made, SPECS, CellSpecification) if get_existing else made


def list_specs(
    filters: Mapping[str, Any],
    project: str | None,
    *,
    project_id: str | None,
    **more: Any,
) -> Operation[Page[CellSpecification]]:
    """A page of specifications; an exact name is looked for in one project, the client's own
    where none is named, for elsewhere the same name may stand for another."""
    if "name_exact" in filters:
        project_id = project_id or project
    factor = more.pop("form_factor", None)
    asked = query(
        filters,
        project_id=project_id,
        form_factor=None if factor is None else f"eq.{factor}",
        **more,
    )
    return listed(SPECS, CellSpecification, asked)


def create_batch(
    spec: str, data: Mapping[str, Any], *, get_existing: bool = False
) -> Operation[CellBatch]:
    """A new lot of a specification."""
    given = fields(data, "A lot")
    made = _made(path(SPECS, spec, BATCHES), given, CellBatch, get_existing)
    return _or_same(made, BATCHES, CellBatch) if get_existing else made


def create_cell(
    spec: str, data: Mapping[str, Any], *, get_existing: bool = False
) -> Operation[CellInstance]:
    """A new cell of a specification."""
    given = _cell(data)
    made = _made(path(SPECS, spec, CELLS), given, CellInstance, get_existing)
    return _or_same(made, CELLS, CellInstance) if get_existing else made


def _made(where: str, given: dict[str, Any], cls: type[T], get_existing: bool) -> Operation[T]:
    response, _ = yield from write("POST", where, given, get_existing=get_existing)
    return answered.read(response, cls)


def _or_same(made: Operation[T], room: str, cls: type[T]) -> Operation[T]:
    """What is made, or the record of this name that is there, of which a warning tells where it is
    not what was given."""
    try:
        return (yield from made)
    except ConflictError as clash:
        identifier = existing.named_by(clash)
        if identifier is None:
            raise
        with belonging_to(clash):
            record = yield from get(room, cls, identifier)
        existing.warn(room.removesuffix("s").replace("_", " "), identifier, clash.issues)
        return record


def update_cell(cell: str, data: Mapping[str, Any]) -> Operation[CellInstance]:
    """The cell, with what is given changed."""
    return update(CELLS, CellInstance, cell, _cell(data))


def _cell(data: Mapping[str, Any]) -> dict[str, Any]:
    given = fields(data, "A cell")
    if "batch" in given:
        raise InvalidRequestError.of(
            "A cell has no 'batch' any more: make the lot with cell_batch.create_or_get(), and "
            "give its id as 'batch_id'"
        )
    return given
