"""Pipelines: what the clients do with them, told once for sync and async."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failwell.apis.ionworks.client import answered
from failwell.apis.ionworks.client.asked import fields, path, write
from failwell.apis.ionworks.client.records import Pipeline, PipelineElement, PipelineResult
from failwell.apis.operation import Ask, Operation
from failwell.errors import InvalidRequestError

PIPELINES = "pipelines"


def create(config: object, project: str | None, **said: Any) -> Operation[Pipeline]:
    """A new pipeline of these elements, in the client's project where none is named; what is
    `said` beside the configuration beats what it says itself."""
    given = {**_config(config), **{name: v for name, v in said.items() if v is not None}}
    if not isinstance(given.get("elements"), Mapping):
        raise InvalidRequestError.of("A pipeline needs its elements, by name")
    body: dict[str, Any] = {"project_id": project, **given, "options": given.get("options") or {}}
    sent = {name: value for name, value in body.items() if value is not None}
    response, _ = yield from write("POST", PIPELINES, sent)
    return answered.read(response, Pipeline)


def _config(config: object) -> dict[str, Any]:
    """The configuration by name; `ionworks_schema`'s own object spells itself."""
    spell: Any = getattr(config, "to_config", None)
    return fields(config if spell is None else spell(), "A pipeline")


def update(pipeline: str, **said: str | None) -> Operation[Pipeline]:
    """The pipeline, under another name or with another description."""
    changes = {name: value for name, value in said.items() if value is not None}
    if not changes:
        raise InvalidRequestError.of("Give a name or a description")
    response, _ = yield from write("PATCH", path(PIPELINES, pipeline), changes)
    return answered.read(response, Pipeline)


def cancel(pipeline: str) -> Operation[Pipeline]:
    """The pipeline, ended; one that is over stays as it is."""
    response, _ = yield from Ask("POST", path(PIPELINES, pipeline, "cancel"))
    return answered.read(response, Pipeline)


def result(pipeline: str) -> Operation[PipelineResult]:
    """What it found."""
    response, _ = yield from Ask("GET", path(PIPELINES, pipeline, "result"))
    return answered.read(response, PipelineResult)


def elements(pipeline: str) -> Operation[list[PipelineElement]]:
    """Its elements, in their order."""
    response, _ = yield from Ask("GET", path(PIPELINES, pipeline, "elements"))
    return answered.read(response, list[PipelineElement])
