"""Which code each status returns, endpoint by endpoint: as OpenAPI 3.1 and as a page."""

from __future__ import annotations

import html
from typing import Any

from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.endpoints import BODIES, ENDPOINTS, Endpoint

__all__ = ["ENDPOINTS", "document", "page"]

_STRING = {"type": "string"}
_ISSUE = {
    "type": "object",
    "properties": {
        "path": _STRING,
        "message": _STRING,
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
                "message": _STRING,
                "details": {"type": "array", "items": _ISSUE},
                "request_id": _STRING,
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
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    bearer = {"type": "http", "scheme": "bearer", "description": "An API key: mc_live_…"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "MatCraft, re-created by failwell", "version": "v1"},
        "servers": [{"url": base_url}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ENVELOPE},
            "securitySchemes": {"apiKey": bearer},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    responses = {str(endpoint.status): _success(endpoint)}
    responses |= {
        str(status): _error(status, codes) for status, codes in _by_status(endpoint).items()
    }
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": f"{endpoint.summary} Needs the scope {endpoint.scope}.",
        "parameters": _parameters(endpoint),
        "responses": responses,
    }
    if endpoint.operation in BODIES:
        content = {
            media: {"schema": schema} for media, schema in BODIES[endpoint.operation].items()
        }
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    told: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.gives == "json":
        told["content"] = {"application/json": {"schema": _SUCCESS}}
    elif endpoint.gives == "csv":
        told["content"] = {"text/csv": {"schema": _STRING}}
    return told


def _by_status(endpoint: Endpoint) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for status, code in endpoint.errors:
        found.setdefault(status, []).append(code)
    return found


def _error(status: int, codes: list[str]) -> dict[str, Any]:
    entries = [MATCRAFT.entry(code, status) for code in codes]
    examples = {
        entry.code: {
            "value": {
                "error": {"code": entry.code, "message": entry.means, "request_id": "req_example"}
            }
        }
        for entry in entries
    }
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": " ".join(f"{entry.code}: {entry.means}" for entry in entries),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in endpoint.path:
        found.append({"name": "id", "in": "path", "required": True, "schema": _STRING})
    for name, schema in endpoint.query.items():
        found.append({"name": name, "in": "query", "schema": schema})
    found.append({"name": "X-Request-ID", "in": "header", "schema": _STRING})
    return found


def page() -> str:
    """The same as an HTML page: a table of errors under each endpoint."""
    sections = "".join(_section(endpoint) for endpoint in ENDPOINTS)
    return _PAGE.replace("@sections@", sections)


def _section(endpoint: Endpoint) -> str:
    rows = "".join(_row(status, code) for status, code in endpoint.errors)
    title = html.escape(f"{endpoint.method} {endpoint.path}")
    text = html.escape(f"{endpoint.summary} Answers {endpoint.status}.")
    return (
        f"<h2><code>{title}</code></h2><p>{text}</p>"
        f"<table><tr><th>Status<th>Code<th>Means<th>What to do</tr>{rows}</table>"
    )


def _row(status: int, code: str) -> str:
    entry = MATCRAFT.entry(code, status)
    cells = (str(status), code, entry.means, entry.advice or "")
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>MatCraft: errors by endpoint</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;
padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border:1px solid #8886;padding:.4rem;
text-align:left;vertical-align:top}</style><h1>MatCraft: errors by endpoint</h1>@sections@</html>"""
