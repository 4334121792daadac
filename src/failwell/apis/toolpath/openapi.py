"""Which code each status returns, endpoint by endpoint: as OpenAPI 3.1 and as a page."""

from __future__ import annotations

import html
from typing import Any

import msgspec

from failwell.apis.toolpath.contract import TOOLPATH

_READ = ((401, "unauthorized"), (404, "not_found"), (429, "rate_limited"), (500, "internal_error"))
_WRITE = (
    (400, "invalid_request"),
    (401, "unauthorized"),
    (403, "forbidden"),
    (409, "conflict"),
    (429, "rate_limited"),
    (500, "internal_error"),
    (503, "internal_error"),
)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint: what it does, what it answers, and its errors as (status, code)."""

    operation: str
    method: str
    path: str
    summary: str
    success: dict[int, str]
    errors: tuple[tuple[int, str], ...]


ENDPOINTS = (
    Endpoint(
        operation="create_part",
        method="POST",
        path="/parts",
        summary="Upload a STEP file; the Engine measures it in the background.",
        success={202: "Taken; poll the URL in Location."},
        errors=_WRITE,
    ),
    Endpoint(
        operation="get_part",
        method="GET",
        path="/parts/{id}",
        summary="Read a part.",
        success={200: "Ready or failed.", 202: "Still processing."},
        errors=_READ,
    ),
    Endpoint(
        operation="create_program",
        method="POST",
        path="/programs",
        summary="Have a program made for a part that is ready.",
        success={202: "Taken; poll the URL in Location."},
        errors=tuple(sorted((*_WRITE, (404, "not_found")))),
    ),
    Endpoint(
        operation="get_program",
        method="GET",
        path="/programs/{id}",
        summary="Read a program.",
        success={200: "Ready or failed.", 202: "Still processing."},
        errors=_READ,
    ),
    Endpoint(
        operation="get_estimate",
        method="GET",
        path="/programs/{id}/estimate",
        summary="Read cost (US cents) and time (seconds); timings=fast or refined.",
        success={200: "The estimate.", 202: "Still processing."},
        errors=tuple(sorted((*_READ, (400, "invalid_request"), (422, "internal_error")))),
    ),
    Endpoint(
        operation="list_cut_configs",
        method="GET",
        path="/cut-configs",
        summary="List the cut configurations.",
        success={200: "The list."},
        errors=tuple(error for error in _READ if error[0] != 404),
    ),
)

_STRING = {"type": "string"}
_ENVELOPE = {
    "type": "object",
    "required": ["error"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "requestId"],
            "additionalProperties": False,
            "properties": {
                "code": {"enum": sorted({entry.code for entry in TOOLPATH.codes})},
                "message": _STRING,
                "requestId": _STRING,
            },
        }
    },
}
_BODIES: dict[str, dict[str, Any]] = {
    "create_part": {
        "type": "object",
        "required": ["name", "units", "stepFile"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "units": {"enum": ["mm", "in"]},
            "stepFile": {"type": "string", "minLength": 1},
            "stepFileCompression": {"enum": ["gzip+base64", None]},
            "sourceFile": {"type": ["string", "null"]},
        },
    },
    "create_program": {
        "type": "object",
        "required": ["partId"],
        "properties": {"partId": _STRING, "cutConfigId": {"type": ["string", "null"]}},
    },
}


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with an example of every error of every endpoint."""
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    bearer = {"type": "http", "scheme": "bearer", "description": "An API key: tp_live_…"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Toolpath, re-created by failwell", "version": "v0"},
        "servers": [{"url": base_url}],
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ENVELOPE},
            "securitySchemes": {"apiKey": bearer},
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {"description": text, "content": {"application/json": {"schema": _DATA}}}
        for status, text in endpoint.success.items()
    }
    responses |= {str(status): _error(status, code) for status, code in endpoint.errors}
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": responses,
    }
    if endpoint.operation in _BODIES:
        schema = _BODIES[endpoint.operation]
        content = {"application/json": {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


_DATA = {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}


def _error(status: int, code: str) -> dict[str, Any]:
    entry = TOOLPATH.entry(code, status)
    example = {"error": {"code": code, "message": entry.means, "requestId": "7c0c1e9b-example"}}
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        "description": f"{code}: {entry.means}",
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in endpoint.path:
        found.append({"name": "id", "in": "path", "required": True, "schema": _STRING})
    if endpoint.operation == "get_estimate":
        timings = {"enum": ["fast", "refined"], "default": "fast"}
        found.append({"name": "timings", "in": "query", "schema": timings})
    if endpoint.method == "POST":
        schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
        found.append(
            {"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema}
        )
    found.append({"name": "X-Request-Id", "in": "header", "schema": _STRING})
    return found


def page() -> str:
    """The same as an HTML page: a table of errors under each endpoint."""
    sections = "".join(_section(endpoint) for endpoint in ENDPOINTS)
    return _PAGE.replace("@sections@", sections)


def _section(endpoint: Endpoint) -> str:
    rows = "".join(_row(status, code) for status, code in endpoint.errors)
    answers = ", ".join(f"{status} {text}" for status, text in endpoint.success.items())
    title = html.escape(f"{endpoint.method} {endpoint.path}")
    text = html.escape(f"{endpoint.summary} {answers}")
    return (
        f"<h2><code>{title}</code></h2><p>{text}</p>"
        f"<table><tr><th>Status<th>Code<th>Means<th>What to do</tr>{rows}</table>"
    )


def _row(status: int, code: str) -> str:
    entry = TOOLPATH.entry(code, status)
    cells = (str(status), code, entry.means, entry.advice or "")
    return "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells) + "</tr>"


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Toolpath: errors by endpoint</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;
padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{border:1px solid #8886;padding:.4rem;
text-align:left;vertical-align:top}</style><h1>Toolpath: errors by endpoint</h1>@sections@</html>"""
