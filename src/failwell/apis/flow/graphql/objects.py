"""Rows as GraphQL sees them: each field a value, or a function that is called when it is asked for,
so that nothing is read that no query wants.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.records import (
    DataRow,
    ExecutionRow,
    ProcessRow,
    ProjectRow,
    SampleRow,
    UserRow,
)
from failwell.apis.flow.rest.bodies import brief_user, organism_json
from failwell.apis.flow.runner.pipelines import PIPELINES, VERSIONS, Pipeline, Version

Object = Mapping[str, Any]


class Objects:
    """Makes the objects of rows, for a user who may see them."""

    def __init__(self, desk: Desk, user: UserRow | None = None) -> None:
        self._desk = desk
        self._user = user

    def user(self, row: UserRow) -> Object:
        """A user, as they see themselves."""
        can = bool(row.can_run_pipelines)
        return {**brief_user(self._desk, row.number), "canRunPipelines": can}

    def project(self, row: ProjectRow) -> Object:
        """A project."""
        return {
            "id": row.number,
            "name": row.name,
            "description": row.description,
            "created": row.created,
            "owner": lambda: brief_user(self._desk, row.owner),
        }

    def sample(self, row: SampleRow) -> Object:
        """A sample."""
        said = row.attributes
        project = self._desk.database.one(ProjectRow, "number = ?", row.project)
        return {
            "id": row.number,
            "name": row.name,
            "private": not (project and project.is_public),
            "created": row.created,
            "sampleType": row.sample_type,
            "owner": lambda: brief_user(self._desk, row.owner),
            "organism": _organism(row.organism),
            "project": project and self.project(project),
            "initialData": lambda: [
                {"id": one.number, "created": one.created, "data": self.data(one)}
                for one in self._desk.uploads.of_sample(row.number)
            ],
            **{_camel(name): value for name, value in said.items()},
        }

    def data(self, row: DataRow) -> Object:
        """A file."""
        return {
            "id": row.number,
            "filename": row.filename,
            "filetype": row.data_type,
            "size": row.size,
            "created": row.created,
            "isDirectory": bool(row.is_directory),
            "isBinary": row.filename.endswith((".gz", ".bam", ".zip", ".tar")),
            "private": True,
            "isRemoved": False,
            "owner": lambda: brief_user(self._desk, row.owner),
            "sample": lambda: self._maybe(SampleRow, row.sample),
            "upstreamProcessExecution": lambda: self._maybe(ProcessRow, row.process),
        }

    def execution(self, row: ExecutionRow) -> Object:
        """An execution."""
        processes = functools.cache(lambda: self._desk.executions.processes(row.number))
        is_owner = self._user is not None and row.owner == self._user.number
        return {
            "id": row.number,
            "identifier": f"flow_{row.number:06d}",
            "status": row.status,
            "pipelineVersion": lambda: version_object(*VERSIONS[row.version]),
            "nextflowVersion": row.nextflow_version,
            "canEdit": is_owner,
            "canShare": is_owner,
            "created": row.created,
            "started": row.started,
            "finished": row.finished,
            "taskStarted": row.started,
            "taskFinished": row.finished,
            "private": True,
            "hasReport": False,
            "params": row.params,
            "dataParams": row.data_params,
            "sampleParams": row.sample_params,
            "stdout": lambda: "".join(one.stdout for one in processes()),
            "stderr": lambda: "".join(one.stderr for one in processes()),
            "dependent": False,
            "command": lambda: "\n".join(one.command for one in processes()),
            "log": row.error or "",
            "upstreamData": lambda: self._files(row.data_numbers),
            "upstreamSamples": lambda: self._samples(row.sample_numbers),
            "owner": lambda: brief_user(self._desk, row.owner),
            "processExecutions": lambda: [self.process(one) for one in processes()],
        }

    def process(self, row: ProcessRow) -> Object:
        """A process of an execution."""
        made_by = self._desk.executions.made_by
        of = self._desk.database.get
        return {
            "id": row.number,
            "identifier": f"{row.execution:06d}/{row.number:06d}",
            "name": row.name,
            "processName": row.name,
            "started": row.started,
            "finished": row.finished,
            "stdout": row.stdout,
            "stderr": row.stderr,
            "bash": row.command,
            "status": row.status,
            "exitCode": row.exit_code,
            "upstreamData": lambda: self._files(of(ExecutionRow, row.execution).data_numbers),
            "upstreamSamples": lambda: self._samples(
                of(ExecutionRow, row.execution).sample_numbers
            ),
            "downstreamData": lambda: [self.data(one) for one in made_by(row.number)],
            "execution": lambda: self.execution(of(ExecutionRow, row.execution)),
        }

    def _files(self, numbers: list[int]) -> list[Object]:
        return [found for number in numbers if (found := self._maybe(DataRow, number))]

    def _samples(self, numbers: list[int]) -> list[Object]:
        return [found for number in numbers if (found := self._maybe(SampleRow, number))]

    def _maybe(self, cls: Any, number: int | None) -> Object | None:
        """The object of a row that may be gone."""
        row = self._desk.database.one(cls, "number = ?", number)
        make: Any = {SampleRow: self.sample, DataRow: self.data, ProcessRow: self.process}[cls]
        return None if row is None else make(row)


def category_objects() -> list[Object]:
    """The pipelines as a tree of categories and subcategories."""
    tree: dict[str, dict[str, list[Object]]] = {}
    for one in PIPELINES:
        inside = tree.setdefault(one.category, {}).setdefault(one.subcategory, [])
        inside.append(pipeline_object(one))
    return [
        {
            "id": number,
            "name": name,
            "subcategories": [
                {"id": f"{number}.{at}", "name": sub, "pipelines": pipelines}
                for at, (sub, pipelines) in enumerate(inside.items(), 1)
            ],
        }
        for number, (name, inside) in enumerate(tree.items(), 1)
    ]


def pipeline_object(one: Pipeline) -> Object:
    """A pipeline with its versions."""
    return {
        "id": one.number,
        "name": one.name,
        "description": one.description,
        "version": lambda: version_object(one, one.version),
        "versions": lambda: [version_object(one, version) for version in one.versions],
    }


def version_object(pipeline: Pipeline, version: Version) -> Object:
    """A version of a pipeline."""
    return {
        "id": version.number,
        "name": version.name,
        "description": pipeline.description,
        "schema": msgspec.json.encode(version.schema).decode(),
        "pipeline": lambda: pipeline_object(pipeline),
    }


def _organism(identifier: str | None) -> Object | None:
    found = organism_json(identifier)
    return None if found is None else {**found, "latinName": found["latin_name"]}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
