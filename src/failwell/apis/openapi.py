"""What each re-created system says of its endpoints: the frame of its OpenAPI 3.1 document.

A system keeps its data: its endpoints, its schemas, and which entries of its catalogue each
endpoint can fail with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from failwell.contract import Code

JSON = "application/json"
STRING = {"type": "string"}

E = TypeVar("E", bound="Endpoint")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint; each system says beside this what it answers, needs and refuses."""

    operation: str
    method: str
    path: str
    summary: str


def document(
    info: tuple[str, str],
    base_url: str,
    paths: dict[str, Any],
    *,
    schemas: Mapping[str, Any],
    security: Mapping[str, Any],
) -> dict[str, Any]:
    """The document; `info` is the system's name and version, `security` its schemes by name."""
    name, version = info
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{name}, re-created by failwell", "version": version},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": security},
    }


def paths(endpoints: Iterable[E], operation: Callable[[E], dict[str, Any]]) -> dict[str, Any]:
    """The operations by path and method; to what each has in common comes what `operation`
    tells of it."""
    found: dict[str, Any] = {}
    for endpoint in endpoints:
        common = {"operationId": endpoint.operation, "summary": endpoint.summary}
        found.setdefault(endpoint.path, {})[endpoint.method.lower()] = common | operation(endpoint)
    return found


def body(content: dict[str, Any]) -> dict[str, Any]:
    """A body that an operation must be given."""
    return {"required": True, "content": content}


def content(schema: Any, media: str = JSON, **shown: Any) -> dict[str, Any]:
    """What a body looks like; `shown` are its `example` or `examples`."""
    return {media: {"schema": schema, **shown}}


def error(entries: Iterable[Code], **shown: Any) -> dict[str, Any]:
    """What a status means: its entries of the catalogue, in the envelope of the schema `Error`."""
    envelope = {"$ref": "#/components/schemas/Error"}
    return {
        "description": " ".join(f"{entry.code}: {entry.means}" for entry in entries),
        "content": content(envelope, **shown),
    }


def in_path(path: str) -> list[dict[str, Any]]:
    """The parameters of a path, each a string."""
    return [
        {"name": name, "in": "path", "required": True, "schema": STRING}
        for name in re.findall(r"{(\w+)}", path)
    ]


def given(place: str, schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parameters that may be left out: of the `query`, or in a `header`."""
    return [{"name": name, "in": place, "schema": schema} for name, schema in schemas.items()]
