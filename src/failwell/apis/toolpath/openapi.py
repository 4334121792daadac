"""Which code each status returns, endpoint by endpoint: as OpenAPI 3.1 and as a page."""

from __future__ import annotations

from typing import Any

from failwell.apis import docs, openapi
from failwell.apis.openapi import STRING
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.contract import Code

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


class Endpoint(openapi.Endpoint, frozen=True, kw_only=True):
    """What an endpoint answers, and its errors as (status, code)."""

    success: dict[int, str]
    errors: tuple[tuple[int, str], ...]

    def entries(self) -> list[Code]:
        """Its errors in the catalogue."""
        return [TOOLPATH.entry(code, status) for status, code in self.errors]


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
                "message": STRING,
                "requestId": STRING,
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
        "properties": {"partId": STRING, "cutConfigId": {"type": ["string", "null"]}},
    },
}


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with an example of every error of every endpoint."""
    bearer = {"type": "http", "scheme": "bearer", "description": "An API key: tp_live_…"}
    described = openapi.document(
        ("Toolpath", "v0"),
        base_url,
        openapi.paths(ENDPOINTS, _operation),
        schemas={"Error": _ENVELOPE},
        security={"apiKey": bearer},
    )
    return described | {"security": [{"apiKey": []}]}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {"description": text, "content": openapi.content(_DATA)}
        for status, text in endpoint.success.items()
    }
    responses |= {str(entry.status): _error(entry) for entry in endpoint.entries()}
    operation: dict[str, Any] = {"parameters": _parameters(endpoint), "responses": responses}
    if endpoint.operation in _BODIES:
        operation["requestBody"] = openapi.body(openapi.content(_BODIES[endpoint.operation]))
    return operation


_DATA = {"type": "object", "required": ["data"], "properties": {"data": {"type": "object"}}}
_AN_ID = "7c0c1e9b-4a55-4c39-9d8e-6f1b2a3c4d5e"


def _error(entry: Code) -> dict[str, Any]:
    told = {"code": entry.code, "message": entry.means, "requestId": _AN_ID}
    return openapi.error([entry], example={"error": told})


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = openapi.in_path(endpoint.path)
    if endpoint.operation == "get_estimate":
        timings = {"enum": ["fast", "refined"], "default": "fast"}
        found += openapi.given("query", {"timings": timings})
    if endpoint.method == "POST":
        schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
        found += [{"name": "Idempotency-Key", "in": "header", "required": True, "schema": schema}]
    return found + openapi.given("header", {"X-Request-Id": STRING})


def page() -> str:
    """The same as an HTML page: a table of errors under each endpoint."""
    return docs.page("Toolpath: errors by endpoint", map(_section, ENDPOINTS))


def _section(endpoint: Endpoint) -> str:
    answers = ", ".join(f"{status} {text}" for status, text in endpoint.success.items())
    return docs.section(endpoint, f"{endpoint.summary} {answers}", endpoint.entries())
