"""The bodies that the routes take and give, as JSON Schema, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from failwell.apis.flow.desk.catalogue import ATTRIBUTES, DATA_TYPES, SAMPLE_TYPES
from failwell.apis.flow.desk.sharing import LEVELS

_ID: dict[str, Any] = {"type": "string", "pattern": "^[0-9]+$"}
_TEXT: dict[str, Any] = {"type": "string"}
_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
_OBJECT: dict[str, Any] = {"type": "object"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_TYPE: dict[str, Any] = {"enum": [one.identifier for one in SAMPLE_TYPES]}


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _page(items: str) -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    listed = {"type": "array", "items": _object(("id", "name"), id=_ID, name=_TEXT)}
    return _object(("count", "page", items), count=count, page=count, **{items: listed})


_SAMPLE = {"name": _NAME, "organism": _TEXT, "sample_type": _TYPE, "project": _ID}
_METADATA = {
    "type": "object",
    "properties": {
        one.identifier: {"enum": list(one.options)} if one.options else _TEXT for one in ATTRIBUTES
    },
}
_CHUNK: dict[str, Any] = {
    "filename": {"type": "string", "pattern": r"^[A-Za-z0-9._-]{1,200}$"},
    "expected_file_size": {"type": "string", "pattern": "^[0-9]{1,15}$"},
    "is_last": {"enum": ["true", "false"]},
    "data": {"type": "string", "pattern": "^[0-9]*$"},
    "blob": {"type": "string", "format": "binary"},
    "md5": _TEXT,
    "file_size": {"type": "string", "pattern": "^[0-9]{1,15}$"},
}
_SHARED = _object(
    ("users",),
    users={"type": "array", "minItems": 1, "items": _TEXT},
    permission={"enum": list(LEVELS)},
)
_PROJECT = _object(("name",), name=_NAME, organism=_TEXT, description=_TEXT, is_public=_FLAG)

BODIES: dict[str, dict[str, Any]] = {
    "login": _object(("username", "password"), username=_NAME, password=_TEXT),
    "create_sample": _object(("name",), **_SAMPLE, metadata=_METADATA),
    "edit_sample": _object((), **_SAMPLE, metadata=_METADATA),
    "share_sample": _SHARED,
    "share_project": _SHARED,
    "create_project": _PROJECT,
    "create_project_alias": _PROJECT,
    "upload": _object(
        ("blob",), **_CHUNK, data_type={"enum": list(DATA_TYPES)}, is_directory=_FLAG
    ),
    "upload_sample": _object(
        ("blob", "sample_type", "sample_name"),
        **_CHUNK,
        sample_name=_NAME,
        sample_type=_TYPE,
        organism=_TEXT,
        project=_ID,
        is_last_sample={"enum": ["true", "false"]},
        previous_data={"type": "array", "items": _ID},
    ),
    "run_pipeline": _object(
        (),
        params=_OBJECT,
        data_params=_OBJECT,
        csv_params=_OBJECT,
        nextflow_version=_TEXT,
        samples={"type": "array", "items": _ID},
    ),
    "import_samples": _object(
        ("imports",),
        imports={
            "type": "array",
            "minItems": 1,
            "items": _object(
                ("accession", "sample_type"), accession=_TEXT, **_SAMPLE, metadata=_METADATA
            ),
        },
    ),
}
"""What is sent, by operation."""

_ONE_SAMPLE = _object(("id", "name", "created", "sample_type"), id=_ID, name=_TEXT)
_ONE_PROJECT = _object(("id", "name", "description"), id=_ID, name=_TEXT, description=_TEXT)
_EXECUTION = _object(("id", "identifier", "status"), id=_ID, status=_TEXT)
_TOKEN = _object(("token", "access_token"), token=_TEXT, access_token=_TEXT)
_LIST = {"type": "array", "items": _OBJECT}

SUCCESSES: dict[str, dict[str, Any]] = {
    "login": _TOKEN,
    "token": _TOKEN,
    "me": _object(("id", "username", "name", "can_run_pipelines"), id=_ID),
    "list_samples": _page("samples"),
    "search_samples": _page("samples"),
    "list_project_samples": _page("samples"),
    "create_sample": _ONE_SAMPLE,
    "get_sample": _ONE_SAMPLE,
    "edit_sample": _ONE_SAMPLE,
    "share_sample": _ONE_SAMPLE,
    "list_types": _LIST,
    "list_attributes": _LIST,
    "list_organisms": _LIST,
    "list_options": _object(("options",), options=_LIST),
    "list_owned": _page("projects"),
    "search_projects": _page("projects"),
    "create_project": _ONE_PROJECT,
    "create_project_alias": _ONE_PROJECT,
    "get_project": _ONE_PROJECT,
    "share_project": _ONE_PROJECT,
    "upload": _object(("id", "data_id"), id=_ID, data_id=_ID),
    "upload_sample": _object(("data_id", "sample_id"), data_id=_ID),
    "get_data": _object(("id", "filename", "size"), id=_ID),
    "create_link": _object(("url", "expires_at"), url=_TEXT, expires_at=_TEXT),
    "list_pipelines": _LIST,
    "get_pipeline": _object(("id", "name", "versions"), id=_ID),
    "get_version": _object(("id", "name", "schema"), id=_ID),
    "run_pipeline": _EXECUTION,
    "get_execution": _EXECUTION,
    "cancel_execution": _EXECUTION,
    "get_outputs": _object(("status", "data"), data=_LIST),
    "import_samples": _object(("id", "status", "accessions"), id=_ID),
    "get_import": _object(("id", "status", "accessions"), id=_ID),
}
"""What is answered, by operation."""
