"""Which code each route fails with: as OpenAPI 3.1 and as a page."""

from __future__ import annotations

from typing import Any

from failwell.apis import docs, openapi
from failwell.apis.flow.contract import CODES, FLOW, FLOW_V2
from failwell.apis.flow.endpoints import ENDPOINTS, Endpoint
from failwell.apis.flow.shapes import BODIES, SUCCESSES
from failwell.apis.openapi import STRING
from failwell.contract import Code

_ID = {"type": "string", "pattern": "^[0-9]+$"}
_ENVELOPE = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id", "timestamp"],
            "additionalProperties": False,
            "properties": {
                "code": {"enum": sorted({entry.code for entry in CODES})},
                "message": STRING,
                "details": {"type": "object"},
                "request_id": STRING,
                "timestamp": {"type": "string", "format": "date-time"},
            },
        },
        "result": {"description": "With a used Idempotency-Key: what the first answer said."},
    },
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": STRING,
        "title": STRING,
        "status": {"type": "integer"},
        "detail": STRING,
        "code": {"enum": sorted({entry.code.lower() for entry in CODES})},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with the errors of every route."""
    token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    cookie = {"type": "apiKey", "in": "cookie", "name": "flow_refresh_token"}
    return openapi.document(
        ("Flow", "1"),
        base_url,
        openapi.paths(ENDPOINTS, _operation),
        schemas={"Error": _ENVELOPE, "Problem": _PROBLEM},
        security={"token": token, "refresh": cookie},
    )


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.success): _success(endpoint), **_errors(endpoint)},
    }
    if endpoint.access == "user":
        operation["security"] = [{"token": []}]
    if endpoint.operation == "token":
        operation["security"] = [{"refresh": []}]
    if endpoint.operation in BODIES:
        media = "multipart/form-data" if endpoint.takes == "form" else "application/json"
        content = openapi.content(BODIES[endpoint.operation], media)
        operation["requestBody"] = openapi.body(content)
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.success == 204:
        return {"description": "Done."}
    media = "application/octet-stream" if endpoint.operation == "download" else "application/json"
    schema = SUCCESSES.get(endpoint.operation, {})
    return {"description": endpoint.summary, "content": openapi.content(schema, media)}


def _errors(endpoint: Endpoint) -> dict[str, Any]:
    """The errors of a route by status, with an example of each code."""
    contract, name = (FLOW_V2, "Problem") if endpoint.is_v2 else (FLOW, "Error")
    found: dict[str, Any] = {}
    for entry in entries_of(endpoint):
        failure = contract.refusal(entry).failure
        rendered = contract.dialect.render(failure)
        said = found.setdefault(str(rendered.status), {"description": "", "content": {}})
        said["description"] += f"{entry.code}: {entry.means}. "
        schema = {"$ref": f"#/components/schemas/{name}"}
        said["content"] = openapi.content(schema, contract.dialect.media_type)
    return dict(sorted(found.items()))


def entries_of(endpoint: Endpoint) -> list[Code]:
    """The entries of the catalogue that a route can fail with, by their statuses."""
    skipped = {("VALIDATION_ERROR", 405), ("VALIDATION_ERROR", 422)}
    found = [
        one
        for one in CODES
        if one.code in endpoint.errors and (one.code, one.status) not in skipped
    ]
    return sorted(found, key=lambda entry: entry.status)


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = openapi.in_path(endpoint.path)
    found += openapi.given("query", {name: _QUERY[name] for name in _asked(endpoint)})
    if "ALREADY_EXISTS" in endpoint.codes:
        key = {"type": "string", "minLength": 1, "maxLength": 255}
        found += openapi.given("header", {"Idempotency-Key": key})
    return found + openapi.given("header", {"X-Request-ID": STRING})


_PAGES = ("page", "count")
_ASKED = {
    "list_samples": (*_PAGES, "name", "filter", "project", "owned"),
    "search_samples": (*_PAGES, "name", "filter", "project", "owned"),
    "list_owned": _PAGES,
    "search_projects": (*_PAGES, "name"),
    "list_project_samples": _PAGES,
    "download": ("token",),
}
_QUERY: dict[str, dict[str, Any]] = {
    "page": {"type": "integer", "minimum": 1, "maximum": 10**6, "default": 1},
    "count": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
    "name": STRING,
    "filter": {"type": "string", "pattern": "^(id|name|organism|sample_type):.+$"},
    "project": _ID,
    "owned": {"type": "boolean"},
    "token": STRING,
}


def _asked(endpoint: Endpoint) -> tuple[str, ...]:
    return _ASKED.get(endpoint.operation, ())


def page() -> str:
    """The same as an HTML page: a table of errors under each route."""
    return docs.page("Flow: errors by route", map(_section, ENDPOINTS))


def _section(endpoint: Endpoint) -> str:
    text = f"{endpoint.summary} {endpoint.success}."
    return docs.section(endpoint, text, entries_of(endpoint))
