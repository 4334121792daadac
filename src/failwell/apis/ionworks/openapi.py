"""The endpoints as OpenAPI 3.1, with an example of every error of each."""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis import openapi
from failwell.apis.ionworks.contract import API_KEY_HEADER, IONWORKS
from failwell.apis.ionworks.endpoints import ENDPOINTS, KEYED, SIGNED, Endpoint
from failwell.apis.openapi import STRING
from failwell.server import openapi as errors


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with an example of every error of every endpoint."""
    bodies = [endpoint.body for endpoint in ENDPOINTS if endpoint.body is not None]
    _, components = msgspec.json.schema_components(
        bodies, ref_template="#/components/schemas/{name}"
    )
    described = openapi.document(
        ("Ionworks", "0"),
        base_url,
        openapi.paths(ENDPOINTS, _operation),
        schemas=components,
        security={
            "key": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
            "token": {"type": "http", "scheme": "bearer"},
        },
    )
    by_operation = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    return errors.document(
        described, IONWORKS, lambda _, operation: by_operation[operation["operationId"]].entries()
    )


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "security": [{"key": []}, {"token": []}] if endpoint.access == KEYED else [],
        "parameters": _parameters(endpoint),
        "responses": {} if endpoint.success >= 400 else {str(endpoint.success): _success(endpoint)},
    }
    if endpoint.body is not None:
        schema = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        operation["requestBody"] = openapi.body(openapi.content(schema))
    elif endpoint.operation == "put_file":
        operation["requestBody"] = {"content": {"application/octet-stream": {}}}
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.success in (204, 307):
        return {"description": {204: "Deleted", 307: "The file is at Location"}[endpoint.success]}
    media = "application/octet-stream" if endpoint.operation == "get_file" else "application/json"
    return {"description": endpoint.summary, "content": {media: {}}}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = openapi.in_path(endpoint.path)
    if endpoint.access == SIGNED:
        found.append(_in_query("token", STRING))
    if endpoint.is_page:
        offset = "skip" if endpoint.operation == "list_pipelines" else "offset"
        whole = {"type": "integer", "minimum": 0}
        found.append(_in_query("limit", {**whole, "minimum": 1, "maximum": 1000}))
        found.append(_in_query(offset, whole))
        found.append(_in_query("order", {"enum": ["asc", "desc"]}))
    return found


def _in_query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": name == "token", "schema": schema}
