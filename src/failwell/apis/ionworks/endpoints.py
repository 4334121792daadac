"""The endpoints: what each takes, answers and refuses.

Source: the calls of the Python client `ionworks-api` 0.38.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.apis import openapi
from failwell.apis.ionworks import orders, schemas
from failwell.apis.ionworks.contract import IONWORKS
from failwell.contract import Code
from failwell.server.openapi import named

OPEN, KEYED, SIGNED = "open", "keyed", "signed"
"""Who may call: anybody, whoever has a key, whoever has a signed link."""


class Endpoint(openapi.Endpoint, frozen=True, kw_only=True):
    """One endpoint. `codes` are its errors beside those that its `access`, its body and its
    method bring along."""

    success: int = 200
    body: type[msgspec.Struct] | None = None
    codes: tuple[str, ...] = ()
    access: str = KEYED
    is_page: bool = False

    def entries(self) -> list[Code]:
        """All of its errors."""
        names = [*self.codes, "INTERNAL_ERROR"]
        if self.access == KEYED:
            names += ["UNAUTHORIZED", "FORBIDDEN", "RATE_LIMITED", "PAYLOAD_TOO_LARGE"]
        if self.access == SIGNED:
            names += ["FORBIDDEN", "GONE"]
        if self.body is not None:
            names += ["BAD_REQUEST", "VALIDATION_ERROR"]
        if self.is_page:
            names += ["VALIDATION_ERROR"]
        if "{" in self.path:
            names += ["NOT_FOUND"]
        return named(IONWORKS, dict.fromkeys(names))


_SPEC, _CELL, _DATA = "/cell_specifications", "/cell_instances", "/cell_measurements"


def _named(word: str, path: str, **bodies: type[msgspec.Struct]) -> tuple[Endpoint, ...]:
    """Read, change and delete one record that has a name."""
    what = path.strip("/").rstrip("s").replace("_", " ")
    return (
        Endpoint(operation=f"get_{word}", method="GET", path=path + "/{id}", summary=f"A {what}"),
        Endpoint(
            operation=f"update_{word}",
            method="PATCH",
            path=path + "/{id}",
            summary=f"Change what is given of a {what}",
            body=bodies["changes"],
            codes=("CONFLICT",),
        ),
        Endpoint(
            operation=f"delete_{word}",
            method="DELETE",
            path=path + "/{id}",
            summary=f"Delete a {what} and all that belongs to it",
            success=204,
        ),
    )


def _listed(
    words: tuple[str, str], path: str, new: type[msgspec.Struct], summary: str
) -> tuple[Endpoint, ...]:
    """List and create records that have a name."""
    many, one = words
    return (
        Endpoint(operation=f"list_{many}", method="GET", path=path, summary="A page", is_page=True),
        Endpoint(
            operation=f"create_{one}",
            method="POST",
            path=path,
            summary=summary,
            success=201,
            body=new,
            codes=("CONFLICT",),
        ),
    )


def _get(operation: str, path: str, summary: str, **more: Any) -> Endpoint:
    return Endpoint(operation=operation, method="GET", path=path, summary=summary, **more)


def _post(operation: str, path: str, summary: str, **more: Any) -> Endpoint:
    return Endpoint(operation=operation, method="POST", path=path, summary=summary, **more)


_CELLS = (
    *_listed(("specs", "spec"), _SPEC, schemas.NewSpec, "A new cell specification"),
    *_named("spec", _SPEC, changes=schemas.SpecChanges),
    *_listed(("batches", "batch"), _SPEC + "/{id}/cell_batches", schemas.NewBatch, "A new lot"),
    *_named("batch", "/cell_batches", changes=schemas.BatchChanges),
    *_listed(
        ("instances", "instance"),
        _SPEC + "/{id}/cell_instances",
        schemas.NewInstance,
        "A new cell",
    ),
    *_named("instance", _CELL, changes=schemas.InstanceChanges),
)
_MEASUREMENTS = (
    _get("list_measurements", _CELL + "/{id}/cell_measurements", "A page", is_page=True),
    _post(
        "create_measurement",
        _CELL + "/{id}/cell_measurements/create",
        "A new measurement that is properties alone",
        success=201,
        body=schemas.NewProperties,
        codes=("CONFLICT",),
    ),
    _post(
        "initiate_upload",
        _CELL + "/{id}/cell_measurements/initiate-upload",
        "Signed links for the files of a new measurement",
        body=schemas.NewUpload,
        codes=("CONFLICT",),
    ),
    _post(
        "confirm_upload",
        _DATA + "/{id}/confirm-upload",
        "Make the measurement of what was uploaded",
        success=201,
        body=schemas.Confirmation,
        codes=("CONFLICT",),
    ),
    *_named("measurement", _DATA, changes=schemas.MeasurementChanges),
    _get("get_steps_and_cycles", _DATA + "/{id}/steps_and_cycles", "Steps and cycles by column"),
    _get("get_cycles", _DATA + "/{id}/cycles", "Cycles by column"),
    _get("download_series", _DATA + "/{id}/time_series/download", "To the file", success=307),
    _get("download_steps", _DATA + "/{id}/steps/download", "To the file", success=307),
    _get("list_files", _DATA + "/{id}/files", "The names of its files"),
    _get("download_file", _DATA + "/{id}/files/{filename}", "To the file", success=307),
    Endpoint(
        operation="put_file",
        method="PUT",
        path="/storage/{path}",
        summary="Keep a file; the link's token is the permission",
        access=SIGNED,
        codes=("PAYLOAD_TOO_LARGE",),
    ),
    _get("get_file", "/storage/{path}", "A file, whole or a range of it", access=SIGNED),
)
_JOBS = (
    _post(
        "parse_protocol",
        "/protocols/parse-to-template",
        "A template of a protocol in YAML",
        success=201,
        body=orders.NewTemplate,
    ),
    _post(
        "create_simulations",
        "/simulations/with-template/batch",
        "Simulate, once for each run",
        success=201,
        body=orders.NewSimulations,
        codes=("NOT_FOUND", "SERVICE_UNAVAILABLE"),
    ),
    _post("get_statuses", "/simulations/statuses", "How far each is", body=orders.StatusesAsked),
    _get("list_simulations", "/simulations", "A page", is_page=True),
    _get("get_simulation", "/simulations/{id}", "A simulation"),
    Endpoint(
        operation="delete_simulation",
        method="DELETE",
        path="/simulations/{id}",
        summary="Delete a simulation and its files",
        success=204,
    ),
    _get(
        "download_simulation_series",
        "/simulations/{id}/time_series/download",
        "To the file",
        success=307,
    ),
    _get(
        "download_simulation_steps", "/simulations/{id}/steps/download", "To the file", success=307
    ),
    *_listed(("pipelines", "pipeline"), "/pipelines", orders.NewPipeline, "Run a pipeline"),
    *_named("pipeline", "/pipelines", changes=orders.PipelineChanges),
    _get("get_pipeline_result", "/pipelines/{id}/result", "What it found"),
    _get("list_elements", "/pipelines/{id}/elements", "Its elements and how far each is"),
    _post("cancel_pipeline", "/pipelines/{id}/cancel", "End it"),
    _get("list_jobs", "/jobs/", "The newest jobs"),
    _post("create_job", "/jobs/", "No longer accepted", success=410, codes=("GONE",)),
    _get("get_job", "/jobs/{id}", "A job"),
    _post("cancel_job", "/jobs/{id}/cancel", "End it"),
)
ENDPOINTS = (
    _get("health", "/healthz", "Whether it is up", access=OPEN),
    _get("whoami", "/users/me", "Who the key belongs to"),
    *_CELLS,
    *_MEASUREMENTS,
    *_JOBS,
)
