"""Which code each status returns, endpoint by endpoint: as OpenAPI 3.1 and as a page."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from failwell.apis import docs, openapi
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.endpoints import BODIES, ENDPOINTS, Endpoint
from failwell.apis.openapi import STRING
from failwell.contract import Code

__all__ = ["ENDPOINTS", "document", "page"]

_ISSUE = {
    "type": "object",
    "properties": {
        "path": STRING,
        "message": STRING,
        "value": {},
        "code": {"type": "string", "description": "The rule that is broken."},
        "line": {"type": "integer", "description": "Of the YAML, from 1."},
    },
}
_ENVELOPE = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "additionalProperties": False,
            "properties": {
                "code": {"enum": sorted({entry.code for entry in MATCRAFT.codes})},
                "message": STRING,
                "details": {"type": "array", "items": _ISSUE},
                "request_id": STRING,
            },
        }
    },
}
_SUCCESS = {
    "type": "object",
    "required": ["data", "meta"],
    "properties": {
        "data": {"type": ["object", "array"]},
        "meta": {"type": "object", "required": ["request_id", "timestamp"]},
    },
}


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with an example of every error of every endpoint."""
    bearer = {"type": "http", "scheme": "bearer", "description": "An API key: mc_live_…"}
    described = openapi.document(
        ("MatCraft", "v1"),
        base_url,
        openapi.paths(ENDPOINTS, _operation),
        schemas={"Error": _ENVELOPE},
        security={"apiKey": bearer},
    )
    return described | {"security": [{"apiKey": []}]}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": f"{endpoint.summary} Needs the scope {endpoint.scope}.",
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.status): _success(endpoint), **_errors(endpoint)},
    }
    if endpoint.operation in BODIES:
        taken = BODIES[endpoint.operation].items()
        operation["requestBody"] = openapi.body(
            {media: {"schema": schema} for media, schema in taken}
        )
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    told: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.gives == "json":
        told["content"] = openapi.content(_SUCCESS)
    elif endpoint.gives == "csv":
        told["content"] = openapi.content(STRING, "text/csv")
    return told


def _errors(endpoint: Endpoint) -> dict[str, Any]:
    by_status = groupby(endpoint.entries(), lambda entry: entry.status)
    return {str(status): _error(list(entries)) for status, entries in by_status}


def _error(entries: list[Code]) -> dict[str, Any]:
    examples = {entry.code: {"value": {"error": _told(entry)}} for entry in entries}
    return openapi.error(entries, examples=examples)


def _told(entry: Code) -> dict[str, Any]:
    return {"code": entry.code, "message": entry.means, "request_id": "req_example"}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    asked = openapi.given("query", endpoint.query)
    traced = openapi.given("header", {"X-Request-ID": STRING})
    return [*openapi.in_path(endpoint.path), *asked, *traced]


def page() -> str:
    """The same as an HTML page: a table of errors under each endpoint."""
    return docs.page("MatCraft: errors by endpoint", map(_section, ENDPOINTS))


def _section(endpoint: Endpoint) -> str:
    text = f"{endpoint.summary} Answers {endpoint.status}."
    return docs.section(endpoint, text, endpoint.entries())
