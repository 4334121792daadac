"""Every endpoint of MatCraft as data: what it takes, what it answers, and its errors."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from failwell.apis import openapi
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.domains import DOMAINS
from failwell.contract import Code

Error = tuple[int, str]

_ALWAYS: tuple[Error, ...] = (
    (401, "UNAUTHORIZED"),
    (403, "FORBIDDEN"),
    (429, "RATE_LIMITED"),
    (500, "INTERNAL_ERROR"),
)
_MALFORMED: Error = (400, "INVALID_REQUEST")
_MISSING: Error = (404, "NOT_FOUND")
_INVALID: Error = (422, "VALIDATION_FAILED")
_TAKEN: Error = (409, "CONFLICT")

_STRING = {"type": "string"}
_PAGED: dict[str, Any] = {
    "page": {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1},
    "per_page": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    "sort": _STRING,
}


class Endpoint(openapi.Endpoint, frozen=True, kw_only=True):
    """The scope that an endpoint needs, what it answers, and its errors as (status, code)."""

    scope: str
    status: int = 200
    gives: Literal["json", "csv", "nothing"] = "json"
    query: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    errors: tuple[Error, ...]

    def entries(self) -> list[Code]:
        """Its errors in the catalogue."""
        return [MATCRAFT.entry(code, status) for status, code in self.errors]


def _errors(*more: Error) -> tuple[Error, ...]:
    return tuple(sorted({*_ALWAYS, *more}))


ENDPOINTS = (
    Endpoint(
        operation="create_campaign",
        method="POST",
        path="/campaigns",
        scope="campaigns:write",
        summary="Make a campaign of an MDL document.",
        status=201,
        errors=_errors(_MALFORMED, _MISSING, _TAKEN, _INVALID, (422, "DATASET_SCHEMA_MISMATCH")),
    ),
    Endpoint(
        operation="list_campaigns",
        method="GET",
        path="/campaigns",
        scope="campaigns:read",
        summary="List campaigns.",
        query={"status": _STRING, "domain": _STRING, "name": _STRING, **_PAGED},
        errors=_errors(_MALFORMED),
    ),
    Endpoint(
        operation="get_campaign",
        method="GET",
        path="/campaigns/{id}",
        scope="campaigns:read",
        summary="Read a campaign.",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="delete_campaign",
        method="DELETE",
        path="/campaigns/{id}",
        scope="campaigns:delete",
        summary="Delete a campaign; one that runs is stopped.",
        status=204,
        gives="nothing",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="start_campaign",
        method="POST",
        path="/campaigns/{id}/start",
        scope="campaigns:write",
        summary="Start a campaign; poll it, or its job.",
        status=202,
        errors=_errors(_MISSING, (400, "CAMPAIGN_NOT_STARTABLE"), (503, "WORKER_UNAVAILABLE")),
    ),
    Endpoint(
        operation="stop_campaign",
        method="POST",
        path="/campaigns/{id}/stop",
        scope="campaigns:write",
        summary="Stop a campaign; what it has found stays.",
        status=202,
        errors=_errors(_MISSING, (400, "CAMPAIGN_NOT_STOPPABLE")),
    ),
    Endpoint(
        operation="get_results",
        method="GET",
        path="/campaigns/{id}/results",
        scope="campaigns:read",
        summary="Read the Pareto set found so far, or why the campaign failed.",
        errors=_errors(_MISSING, (500, "EVALUATION_FAILED"), (500, "SURROGATE_TRAINING_FAILED")),
    ),
    Endpoint(
        operation="list_jobs",
        method="GET",
        path="/jobs",
        scope="campaigns:read",
        summary="List jobs.",
        query={"status": _STRING, "campaign_id": _STRING, **_PAGED},
        errors=_errors(_MALFORMED),
    ),
    Endpoint(
        operation="get_job",
        method="GET",
        path="/jobs/{id}",
        scope="campaigns:read",
        summary="Read a job and its progress.",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="get_logs",
        method="GET",
        path="/jobs/{id}/logs",
        scope="campaigns:read",
        summary="Read the end of a job's log.",
        query={
            "level": {"enum": ["debug", "info", "warning", "error"]},
            "since": _STRING,
            "tail": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100},
        },
        errors=_errors(_MALFORMED, _MISSING),
    ),
    Endpoint(
        operation="create_dataset",
        method="POST",
        path="/datasets",
        scope="datasets:write",
        summary="Upload a CSV file with a header.",
        status=201,
        errors=_errors(_MALFORMED, _TAKEN, _INVALID),
    ),
    Endpoint(
        operation="list_datasets",
        method="GET",
        path="/datasets",
        scope="datasets:read",
        summary="List datasets.",
        query={"name": _STRING, **_PAGED},
        errors=_errors(_MALFORMED),
    ),
    Endpoint(
        operation="get_dataset",
        method="GET",
        path="/datasets/{id}",
        scope="datasets:read",
        summary="Read a dataset and its first ten rows.",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="download_dataset",
        method="GET",
        path="/datasets/{id}/download",
        scope="datasets:read",
        summary="Read a dataset's file.",
        gives="csv",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="delete_dataset",
        method="DELETE",
        path="/datasets/{id}",
        scope="datasets:write",
        summary="Delete a dataset.",
        status=204,
        gives="nothing",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="list_templates",
        method="GET",
        path="/templates",
        scope="templates:read",
        summary="List templates.",
        query=_PAGED,
        errors=_errors(_MALFORMED),
    ),
    Endpoint(
        operation="get_template",
        method="GET",
        path="/templates/{id}",
        scope="templates:read",
        summary="Read a template.",
        errors=_errors(_MISSING),
    ),
    Endpoint(
        operation="evaluate",
        method="POST",
        path="/evaluate",
        scope="campaigns:read",
        summary="Compute a domain's properties for these parameters.",
        errors=_errors(_MALFORMED, _INVALID, (500, "EVALUATION_FAILED")),
    ),
)

_MDL = {
    "type": "object",
    "required": ["parameters", "objectives"],
    "properties": {
        "parameters": {"type": "array", "minItems": 1, "maxItems": 100},
        "objectives": {"type": "array", "minItems": 1, "maxItems": 5},
        "constraints": {"type": "array", "maxItems": 20},
        "optimizer": {"type": "object"},
    },
}
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"}
_DOMAIN = {"enum": list(DOMAINS)}
_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}

BODIES: dict[str, dict[str, Any]] = {
    "create_campaign": {
        "application/json": {
            "type": "object",
            "required": ["name", "mdl"],
            "properties": {
                "name": _NAME,
                "domain": _DOMAIN,
                "description": {"type": "string", "maxLength": 1024},
                "mdl": {
                    "anyOf": [_MDL, {"type": "string", "contentMediaType": "application/yaml"}]
                },
                "dataset_id": {"type": ["string", "null"]},
            },
        },
        "multipart/form-data": {
            "type": "object",
            "required": ["mdl_file"],
            "properties": {"mdl_file": _FILE, "name": _NAME, "dataset_id": _STRING},
        },
    },
    "create_dataset": {
        "multipart/form-data": {
            "type": "object",
            "required": ["file", "name"],
            "properties": {
                "file": _FILE,
                "name": {"type": "string", "minLength": 1, "maxLength": 128},
                "description": {"type": "string", "maxLength": 1024},
            },
        }
    },
    "evaluate": {
        "application/json": {
            "type": "object",
            "required": ["domain", "parameters"],
            "properties": {
                "domain": _DOMAIN,
                "parameters": {"type": "object", "additionalProperties": {"type": "number"}},
            },
        }
    },
}
"""The bodies that operations take, by media type."""
