"""The endpoints as OpenAPI 3.1, with an example of every error of each."""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis.ionworks.contract import API_KEY_HEADER, IONWORKS
from failwell.apis.ionworks.endpoints import ENDPOINTS, KEYED, SIGNED, Endpoint
from failwell.server import openapi as errors


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with an example of every error of every endpoint."""
    bodies = [endpoint.body for endpoint in ENDPOINTS if endpoint.body is not None]
    _, components = msgspec.json.schema_components(
        bodies, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    described = {
        "openapi": "3.1.0",
        "info": {"title": "Ionworks, re-created by failwell", "version": "0"},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    by_operation = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    return errors.document(
        described, IONWORKS, lambda _, operation: by_operation[operation["operationId"]].entries()
    )


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary,
        "security": [{"key": []}, {"token": []}] if endpoint.access == KEYED else [],
        "parameters": _parameters(endpoint),
        "responses": {} if endpoint.success >= 400 else {str(endpoint.success): _success(endpoint)},
    }
    if endpoint.body is not None:
        schema = {"$ref": f"#/components/schemas/{endpoint.body.__name__}"}
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    elif endpoint.operation == "put_file":
        operation["requestBody"] = {"content": {"application/octet-stream": {}}}
    return operation


def _success(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.success in (204, 307):
        return {"description": {204: "Deleted", 307: "The file is at Location"}[endpoint.success]}
    media = "application/octet-stream" if endpoint.operation == "get_file" else "application/json"
    return {"description": endpoint.summary, "content": {media: {}}}


_TEXT = {"type": "string"}


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in endpoint.path.split("/") if part.startswith("{")]
    found = [_parameter(name, "path", _TEXT) for name in names]
    if endpoint.access == SIGNED:
        found.append(_parameter("token", "query", _TEXT))
    if endpoint.is_page:
        offset = "skip" if endpoint.operation == "list_pipelines" else "offset"
        whole = {"type": "integer", "minimum": 0}
        found.append(_parameter("limit", "query", {**whole, "minimum": 1, "maximum": 1000}))
        found.append(_parameter(offset, "query", whole))
        found.append(_parameter("order", "query", {"enum": ["asc", "desc"]}))
    return found


def _parameter(name: str, place: str, schema: dict[str, Any]) -> dict[str, Any]:
    required = place == "path" or name == "token"
    return {"name": name, "in": place, "required": required, "schema": schema}
