"""The bodies that the REST interface takes and gives. Ids are strings of digits."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from starlette.requests import Request

from failwell.apis.flow.desk import catalogue
from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.desk.fields import number_of
from failwell.apis.flow.records import (
    DataRow,
    ExecutionRow,
    ProjectRow,
    SampleRow,
    UserRow,
)
from failwell.apis.flow.refusals import invalid, wrong
from failwell.apis.flow.runner.pipelines import VERSIONS, Pipeline

MOST = 100
"""Items of a page."""


async def json_object(request: Request) -> dict[str, Any]:
    """The body, an object. Raises VALIDATION_ERROR."""
    return decoded_object(await request.body())


def decoded_object(body: bytes) -> dict[str, Any]:
    """The object that JSON spells. Raises VALIDATION_ERROR."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(message=f"The body is not a JSON object: {error}") from None


def id_in(request: Request, name: str = "id") -> int | None:
    """The id in the path; None for what is none."""
    return number_of(request.path_params[name])


def page_of(request: Request) -> tuple[int, int]:
    """Which page, from 1, of how many items. Raises VALIDATION_ERROR."""
    said = (("page", 1, 10**6), ("count", 10, MOST))
    found, issues = list[int](), list[Any]()
    for name, default, most in said:
        text = request.query_params.get(name)
        number = default if text is None else number_of(text)
        if number is None or number > most:
            issues.append(wrong(name, f"Give a whole number from 1 to {most}", parameter=True))
        found.append(number or default)
    if issues:
        raise invalid(*issues)
    return found[0], found[1]


def user_json(user: UserRow) -> dict[str, Any]:
    """A user, as they see themselves."""
    return {
        "id": str(user.number),
        "username": user.username,
        "name": user.name,
        "can_run_pipelines": bool(user.can_run_pipelines),
    }


def brief_user(desk: Desk, number: int) -> dict[str, Any]:
    """A user, as others see them."""
    user = desk.database.get(UserRow, number)
    return {"id": str(user.number), "username": user.username, "name": user.name}


def organism_json(identifier: str | None) -> dict[str, Any] | None:
    """An organism, as it is given."""
    found = catalogue.organism(identifier)
    return None if found is None else msgspec.structs.asdict(found)


def project_json(desk: Desk, row: ProjectRow) -> dict[str, Any]:
    """A project, as it is given."""
    return {
        "id": str(row.number),
        "name": row.name,
        "description": row.description,
        "organism": organism_json(row.organism),
        "is_public": bool(row.is_public),
        "created": row.created,
        "owner": brief_user(desk, row.owner),
    }


def sample_json(desk: Desk, row: SampleRow) -> dict[str, Any]:
    """A sample, as it is given; it is private unless its project is public."""
    project = row.project and desk.database.one(ProjectRow, "number = ?", row.project)
    brief = {"id": str(project.number), "name": project.name} if project else None
    return {
        "id": str(row.number),
        "name": row.name,
        "created": row.created,
        "private": not (project and project.is_public),
        "organism": organism_json(row.organism),
        "sample_type": row.sample_type,
        "project": brief,
        "metadata": row.attributes,
        "owner": brief_user(desk, row.owner),
        "data": [
            {"id": str(one.number), "filename": one.filename}
            for one in desk.uploads.of_sample(row.number)
        ],
    }


def data_json(desk: Desk, row: DataRow) -> dict[str, Any]:
    """A file, as it is given; `size` is in bytes."""
    return {
        "id": str(row.number),
        "filename": row.filename,
        "data_type": row.data_type,
        "size": row.size,
        "md5": row.md5,
        "reads": row.reads,
        "complete": bool(row.complete),
        "is_directory": bool(row.is_directory),
        "created": row.created,
        "sample": None if row.sample is None else str(row.sample),
        "owner": brief_user(desk, row.owner),
    }


def pipeline_json(one: Pipeline) -> dict[str, Any]:
    """A pipeline with its versions, as it is given."""
    versions = [{"id": str(version.number), "name": version.name} for version in one.versions]
    return {
        "id": str(one.number),
        "name": one.name,
        "description": one.description,
        "versions": versions,
        "version": versions[-1],
    }


def execution_json(desk: Desk, row: ExecutionRow) -> dict[str, Any]:
    """An execution, as it is given; `status` is empty until it has ended."""
    pipeline, version = VERSIONS[row.version]
    return {
        "id": str(row.number),
        "identifier": f"flow_{row.number:06d}",
        "status": row.status,
        "pipeline": {"id": str(pipeline.number), "name": pipeline.name},
        "pipeline_version": {"id": str(version.number), "name": version.name},
        "nextflow_version": row.nextflow_version,
        "params": decoded(row.params),
        "data_params": decoded(row.data_params),
        "csv_params": decoded(row.sample_params),
        "samples": [str(number) for number in row.sample_numbers],
        "created": row.created,
        "started": row.started,
        "finished": row.finished,
        "failed_process": row.failed_process,
        "error": row.error,
        "process_executions": [
            {
                "id": str(one.number),
                "name": one.name,
                "status": one.status,
                "started": one.started,
                "finished": one.finished,
                "exit_code": one.exit_code,
                "stdout": one.stdout,
                "stderr": one.stderr,
            }
            for one in desk.executions.processes(row.number)
        ],
        "owner": brief_user(desk, row.owner),
    }


def decoded(text: str) -> dict[str, Any]:
    """The object in a column."""
    return cast("dict[str, Any]", msgspec.json.decode(text))
