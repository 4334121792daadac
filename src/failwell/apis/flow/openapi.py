"""Which code each route fails with: as OpenAPI 3.1 and as a page."""

from __future__ import annotations

import html
import re
from typing import Any

from failwell.apis.flow.contract import CODES, FLOW, FLOW_V2
from failwell.apis.flow.endpoints import ENDPOINTS, Endpoint
from failwell.apis.flow.shapes import BODIES, SUCCESSES
from failwell.contract import Code

_ID = {"type": "string", "pattern": "^[0-9]+$"}
_TEXT = {"type": "string"}
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
                "message": _TEXT,
                "details": {"type": "object"},
                "request_id": _TEXT,
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
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"enum": sorted({entry.code.lower() for entry in CODES})},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with the errors of every route."""
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    cookie = {"type": "apiKey", "in": "cookie", "name": "flow_refresh_token"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Flow, re-created by failwell", "version": "1"},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ENVELOPE, "Problem": _PROBLEM},
            "securitySchemes": {"token": token, "refresh": cookie},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": {str(endpoint.success): _success(endpoint), **_errors(endpoint)},
    }
    if endpoint.access == "user":
        operation["security"] = [{"token": []}]
    if endpoint.operation == "token":
        operation["security"] = [{"refresh": []}]
    if endpoint.operation in BODIES:
        media = "multipart/form-data" if endpoint.takes == "form" else "application/json"
        content = {media: {"schema": BODIES[endpoint.operation]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.success == 204:
        return {"description": "Done."}
    media = "application/octet-stream" if endpoint.operation == "download" else "application/json"
    schema = SUCCESSES.get(endpoint.operation, {})
    return {"description": endpoint.summary, "content": {media: {"schema": schema}}}


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
        said["content"] = {contract.dialect.media_type: {"schema": schema}}
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
    names = re.findall(r"{(\w+)}", endpoint.path)
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names
    ]
    found += [{"name": name, "in": "query", "schema": _QUERY[name]} for name in _asked(endpoint)]
    if "ALREADY_EXISTS" in endpoint.codes:
        key = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key})
    return [*found, {"name": "X-Request-ID", "in": "header", "schema": _TEXT}]


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
    "name": _TEXT,
    "filter": {"type": "string", "pattern": "^(id|name|organism|sample_type):.+$"},
    "project": _ID,
    "owned": {"type": "boolean"},
    "token": _TEXT,
}


def _asked(endpoint: Endpoint) -> tuple[str, ...]:
    return _ASKED.get(endpoint.operation, ())


def page() -> str:
    """The same as an HTML page: a table of errors under each route."""
    return _PAGE.replace("@sections@", "".join(_section(endpoint) for endpoint in ENDPOINTS))


def _section(endpoint: Endpoint) -> str:
    rows = "".join(_row(entry) for entry in entries_of(endpoint))
    title = html.escape(f"{endpoint.method} {endpoint.path}")
    text = html.escape(f"{endpoint.summary} {endpoint.success}.")
    return (
        f"<h2><code>{title}</code></h2><p>{text}</p>"
        f"<table><tr><th>Status<th>Code<th>Means<th>What to do</tr>{rows}</table>"
    )


def _row(entry: Code) -> str:
    cells = (str(entry.status), entry.code, entry.means, entry.advice or "")
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Flow: errors by route</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;
padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border:1px solid #8886;padding:.4rem;
text-align:left;vertical-align:top}</style><h1>Flow: errors by route</h1>@sections@</html>"""
