"""Pipelines: entries, calculations, fits and validations, run as one job."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.ionworks import orders, queries, schemas
from failwell.apis.ionworks.access import key_of
from failwell.apis.ionworks.bodies import Wrong, answer, nothing, unprocessable
from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.house import Handlers, House
from failwell.apis.ionworks.jobs import Job
from failwell.apis.ionworks.records import minted, timestamp
from failwell.apis.ionworks.routes.cells import among
from failwell.apis.ionworks.solver import PipelineTask, Ran
from failwell.apis.ionworks.storage import SERIES, folder_of

KINDS: dict[str, dict[str, type]] = {
    "entry": {"values": dict},
    "calculation": {"type": str},
    "data_fit": {"objectives": dict, "parameters": dict},
    "validation": {"objectives": dict},
}
"""What an element of each kind must hold."""

_DONE_TYPES = {
    "entry": "Direct Entry",
    "calculation": "Calculation",
    "data_fit": "Data Fit",
    "validation": "Validation",
}


class Pipelines:
    """The routes of pipelines."""

    def __init__(self, house: House) -> None:
        self._house = house

    def handlers(self) -> Handlers:
        """Its routes, by operation."""
        return {
            "create_pipeline": self.create,
            "list_pipelines": self.page,
            "get_pipeline": self.get,
            "update_pipeline": self.update,
            "delete_pipeline": self.delete,
            "cancel_pipeline": self.cancel,
            "get_pipeline_result": self.result,
            "list_elements": self.elements,
        }

    async def create(self, request: Request) -> Response:
        """A new pipeline, pending."""
        new = await self._house.body(request, orders.NewPipeline)
        key = key_of(request)
        project = key.project_for(new.project_id)
        problems = list(_problems(new.elements))
        if problems:
            raise unprocessable(problems)
        self._house.dispatch.require_solver()
        identifier = self._add(project, new, self._measurements(new.elements, key.projects))
        self._house.dispatch.nudge()
        return answer(self._shown(*self._found(identifier, key.projects)), 201)

    def _add(self, project: str, new: orders.NewPipeline, series: dict[str, str]) -> str:
        identifier, now = minted(), timestamp()
        name = new.name if isinstance(new.name, str) else f"Pipeline {now}"
        with self._house.records.transaction():
            task = PipelineTask(new.elements, series)
            job = self._house.jobs.add(project, "pipeline", identifier, task)
            self._house.records.insert(
                "pipelines",
                id=identifier,
                project=project,
                created=now,
                updated=now,
                name=name,
                job=job,
                fields=msgspec.json.encode(
                    {
                        "description": new.description if new.description else None,
                        "elements": {n: e["element_type"] for n, e in new.elements.items()},
                    }
                ).decode(),
            )
        return identifier

    def _measurements(
        self, elements: dict[str, dict[str, Any]], projects: frozenset[str]
    ) -> dict[str, str]:
        """The file of each measurement that the elements name and the caller may read."""
        found: dict[str, str] = {}
        for identifier in _named(elements):
            row = self._house.records.row(
                "SELECT project FROM measurements WHERE id = ?", identifier
            )
            if row is not None and row["project"] in projects:
                file = self._house.storage.file(f"{folder_of(identifier)}/{SERIES}")
                found[identifier] = str(file)
        return found

    async def page(self, request: Request) -> Response:
        """A page of a project's pipelines."""
        given, key = request.query_params, key_of(request)
        project = key.project_for(given.get("project_id"))
        query = queries.read(given, offset="skip").where("project = ?", project)
        if "status" in given:
            status = given["status"].removeprefix("eq.")
            statuses = status.removeprefix("in.(").removesuffix(")").split(",")
            condition, *values = among("status", frozenset(statuses))
            query.where(f"job IN (SELECT id FROM jobs WHERE {condition})", *values)
        if "description" in given:
            said = "json_extract(fields, '$.description')"
            query.where(*queries.matching(said, given["description"]))
        found, total = query.run(self._house.records, "pipelines")
        shown = [self._shown(row, self._house.jobs.get(row["job"])) for row in found]
        return answer(queries.whole(shown, total, "pipelines"))

    async def get(self, request: Request) -> Response:
        """One pipeline; `error` is the solver's traceback where it failed."""
        return answer(self._shown(*self._pipeline(request)))

    async def update(self, request: Request) -> Response:
        """Another name or description."""
        row, _ = self._pipeline(request)
        changes = await self._house.body(request, orders.PipelineChanges)
        fields = msgspec.json.decode(row["fields"]) | schemas.fields_of(changes)
        name = changes.name if isinstance(changes.name, str) else row["name"]
        self._house.records.write(
            "UPDATE pipelines SET name = ?, fields = ?, updated = ? WHERE id = ?",
            *(name, msgspec.json.encode(fields).decode(), timestamp(), row["id"]),
        )
        return answer(self._shown(*self._pipeline(request)))

    async def cancel(self, request: Request) -> Response:
        """End it, also in the middle; one that is over stays as it is."""
        row, job = self._pipeline(request)
        job = self._house.jobs.cancel(job)
        await self._house.dispatch.let_go(job)
        return answer(self._shown(row, job))

    async def delete(self, request: Request) -> Response:
        """End it and forget it."""
        row, job = self._pipeline(request)
        with self._house.records.transaction():
            self._house.records.write("DELETE FROM pipelines WHERE id = ?", row["id"])
            self._house.jobs.remove(job.id)
        await self._house.dispatch.let_go(job)
        return nothing()

    async def result(self, request: Request) -> Response:
        """What a completed pipeline found: all parameters, and each element's own result."""
        row, job = self._pipeline(request)
        if job.status != "completed":
            message = f"This pipeline has no result: it is {job.status}"
            raise IONWORKS.fail("NOT_FOUND", message=message)
        ran = msgspec.json.decode(row["result"], type=Ran)
        result = {"parameter_values": ran.parameter_values}
        return answer({"result": result, "element_results": ran.element_results})

    async def elements(self, request: Request) -> Response:
        """The elements in their order, and how far each is."""
        row, job = self._pipeline(request)
        ran = None if row["result"] is None else msgspec.json.decode(row["result"], type=Ran)
        kinds: dict[str, str] = msgspec.json.decode(row["fields"])["elements"]
        return answer(
            [
                {
                    "name": name,
                    "element_type": _DONE_TYPES[kind],
                    "job_id": job.id,
                    "status": _status(name, job, ran),
                    "error": ran.error if ran and ran.failed == name else None,
                    "progress": None,
                }
                for name, kind in kinds.items()
            ]
        )

    def _pipeline(self, request: Request) -> tuple[sqlite3.Row, Job]:
        return self._found(request.path_params["id"], key_of(request).projects)

    def _found(self, identifier: str, projects: frozenset[str]) -> tuple[sqlite3.Row, Job]:
        row = self._house.records.row("SELECT * FROM pipelines WHERE id = ?", identifier)
        if row is None or row["project"] not in projects:
            raise IONWORKS.fail("NOT_FOUND", message=f"There is no pipeline {identifier[:80]}")
        return row, self._house.jobs.get(row["job"])

    def _shown(self, row: sqlite3.Row, job: Job) -> dict[str, Any]:
        told = job.shown()
        return {
            "id": row["id"],
            "name": row["name"],
            "description": msgspec.json.decode(row["fields"])["description"],
            "project_id": row["project"],
            "created_at": row["created"],
            "updated_at": max(row["updated"], job.updated),
            **{name: told[name] for name in ("status", "error", "is_terminal", "is_failed")},
        }


def _status(name: str, job: Job, ran: Ran | None) -> str:
    if ran is not None and name in ran.element_results:
        return "completed"
    if ran is not None:
        return "failed" if name == ran.failed else "pending"
    return job.status


def _problems(elements: dict[str, dict[str, Any]]) -> Iterator[Wrong]:
    for name, element in elements.items():
        kind = element.get("element_type")
        wanted = KINDS.get(kind) if isinstance(kind, str) else None
        where = ("body", "elements", name)
        if wanted is None:
            yield Wrong((*where, "element_type"), f"Must be one of {', '.join(KINDS)}", "enum")
            continue
        for field, cls in wanted.items():
            if field not in element:
                yield Wrong((*where, field), "Field required", "missing")
            elif not isinstance(element[field], cls):
                yield Wrong((*where, field), f"Must be {_WORDS[cls]}", "type_error")


_WORDS: dict[type, str] = {dict: "an object", str: "a string"}


def _named(elements: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The ids of the measurements whose data the elements use."""
    for element in elements.values():
        given: Any = element.get("objectives")
        objectives = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        for objective in objectives.values():
            match objective:
                case {"data": str(data)}:
                    yield data.removeprefix("db:")
                case _:
                    pass
