"""Every route of Flow: what it does, what it answers, and which codes it can fail with."""

from __future__ import annotations

from typing import Literal

from failwell.apis import openapi

Access = Literal["public", "user"]
Takes = Literal["nothing", "json", "form"]

_ALWAYS = ("RATE_LIMITED", "SERVER_ERROR")
_USER = ("UNAUTHENTICATED", "TOKEN_EXPIRED", "TOKEN_INVALID")


class Endpoint(openapi.Endpoint, frozen=True, kw_only=True):
    """One route. `codes` are those that it has beside what every route of its kind has."""

    success: int = 200
    codes: tuple[str, ...] = ()
    access: Access = "user"
    takes: Takes = "nothing"

    @property
    def is_v2(self) -> bool:
        """Whether it answers failures with problem documents."""
        return self.path.startswith("/v2/")

    @property
    def errors(self) -> tuple[str, ...]:
        """All codes that it can fail with."""
        of_user = _USER if self.access == "user" else ()
        of_body = ("FILE_TOO_LARGE", "VALIDATION_ERROR") if self.takes != "nothing" else ()
        return tuple(dict.fromkeys((*_ALWAYS, *of_user, *of_body, *self.codes)))


_SEEN = ("FORBIDDEN", "NOT_FOUND")
_PAGED = ("VALIDATION_ERROR",)
_KEYED = ("ALREADY_EXISTS", "VALIDATION_ERROR")
_UPLOAD = ("INVALID_FORMAT", "MISSING_REQUIRED_FIELD", "UPLOAD_FAILED", "NOT_FOUND", *_KEYED)


def _get(operation: str, path: str, summary: str, *codes: str) -> Endpoint:
    return Endpoint(operation=operation, method="GET", path=path, summary=summary, codes=codes)


def _public(operation: str, path: str, summary: str, *codes: str) -> Endpoint:
    return Endpoint(
        operation=operation,
        method="GET",
        path=path,
        summary=summary,
        codes=codes,
        access="public",
    )


def _post(
    operation: str, path: str, summary: str, *codes: str, success: int = 200, takes: Takes = "json"
) -> Endpoint:
    return Endpoint(
        operation=operation,
        method="POST",
        path=path,
        summary=summary,
        codes=(*codes, *_KEYED),
        success=success,
        takes=takes,
    )


def _delete(operation: str, path: str, summary: str) -> Endpoint:
    codes = (*_SEEN, "RESOURCE_LOCKED")
    return Endpoint(
        operation=operation, method="DELETE", path=path, summary=summary, codes=codes, success=204
    )


ACCOUNTS = (
    Endpoint(
        operation="login",
        method="POST",
        path="/login",
        summary="Log in: an access token, and a refresh token as a cookie.",
        codes=("INVALID_CREDENTIALS",),
        access="public",
        takes="json",
    ),
    _public("token", "/token", "A new access token, for the cookie.", *_USER),
    Endpoint(
        operation="logout",
        method="POST",
        path="/logout",
        summary="End the session: its tokens are invalid from now on.",
        success=204,
    ),
    _get("me", "/me", "Who is logged in."),
)
SAMPLES = (
    _get("list_samples", "/samples", "List the samples that one may read.", *_PAGED),
    _get("search_samples", "/samples/search", "Search them.", *_PAGED),
    _post("create_sample", "/samples/create", "Create a sample.", *_SEEN, success=201),
    _public("list_types", "/samples/types", "List the sample types."),
    _public("list_attributes", "/samples/metadata", "List the metadata attributes."),
    _public("list_options", "/samples/metadata/{id}/options", "Options of one.", "NOT_FOUND"),
    _public("list_organisms", "/organisms", "List the organisms."),
    _get("get_sample", "/samples/{id}", "Read a sample.", *_SEEN),
    _post("edit_sample", "/samples/{id}/edit", "Change a sample.", *_SEEN, "RESOURCE_LOCKED"),
    _post("share_sample", "/samples/{id}/share", "Share a sample.", *_SEEN, "CANNOT_SHARE"),
    _delete("delete_sample", "/samples/{id}", "Delete a sample and its files."),
)
PROJECTS = (
    _get("list_owned", "/projects/owned", "List one's own projects.", *_PAGED),
    _get("search_projects", "/projects/search", "Search those that one may read.", *_PAGED),
    _post("create_project", "/projects/new", "Create a project.", success=201),
    _post("create_project_alias", "/projects/create", "Create a project.", success=201),
    _get("get_project", "/projects/{id}", "Read a project.", *_SEEN),
    _get("list_project_samples", "/projects/{id}/samples", "List its samples.", *_SEEN, *_PAGED),
    _post("share_project", "/projects/{id}/share", "Share a project.", *_SEEN, "CANNOT_SHARE"),
    _delete("delete_project", "/projects/{id}", "Delete a project; its samples stay."),
)
FILES = (
    _post("upload", "/upload", "Upload a chunk of a file.", *_UPLOAD, takes="form"),
    _post(
        "upload_sample",
        "/upload/sample",
        "Upload a chunk of a file of a sample; the last of the last file makes the sample.",
        *_UPLOAD,
        "FORBIDDEN",
        takes="form",
    ),
    _get("get_data", "/data/{id}", "Read about a file.", *_SEEN),
    _post(
        "create_link",
        "/data/{id}/download-link",
        "A link to download a file by, for a while.",
        *_SEEN,
        "VALIDATION_ERROR",
        success=201,
        takes="nothing",
    ),
    _public(
        "download",
        "/downloads/{id}/{filename}",
        "Download a file by its link.",
        "UNAUTHENTICATED",
        "TOKEN_INVALID",
        "DOWNLOAD_EXPIRED",
        "NOT_FOUND",
    ),
)
PIPELINES = (
    _public("list_pipelines", "/pipelines", "List the pipelines by category."),
    _public("get_pipeline", "/pipelines/{id}", "Read a pipeline.", "PIPELINE_NOT_FOUND"),
    _public(
        "get_version",
        "/pipelines/versions/{id}",
        "Read a version of a pipeline, by its id or the pipeline's name.",
        "PIPELINE_NOT_FOUND",
    ),
    _post(
        "run_pipeline",
        "/pipelines/versions/{id}/run",
        "Run a version of a pipeline, by its id or the pipeline's name.",
        *_SEEN,
        "NO_PIPELINE_PERMISSION",
        "PIPELINE_NOT_FOUND",
        "INCOMPATIBLE_SAMPLES",
        success=201,
    ),
    _get("get_execution", "/executions/{id}", "Read an execution.", *_SEEN),
    _get(
        "get_outputs",
        "/executions/{id}/outputs",
        "List the files that it made.",
        *_SEEN,
        "EXECUTION_FAILED",
    ),
    _post(
        "cancel_execution",
        "/executions/{id}/cancel",
        "End an execution.",
        *_SEEN,
        takes="nothing",
    ),
)
IMPORTS = (
    _post(
        "import_samples",
        "/v2/sample-imports",
        "Make samples of accessions of the archive, all or none.",
        *_SEEN,
        success=201,
    ),
    _get("get_import", "/v2/sample-imports/{id}", "Read an import.", "NOT_FOUND"),
)

ENDPOINTS = (*ACCOUNTS, *SAMPLES, *PROJECTS, *FILES, *PIPELINES, *IMPORTS)
