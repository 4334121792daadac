"""Which errors each operation gives, as a table and as OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from failwell.apis import openapi
from failwell.apis.ionq.contract import IONQ
from failwell.apis.ionq.schemas import BODIES, ERROR, PARAMETERS, QUERIES, SUCCESSES

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_KEYED = (401, 429, 500)


class Endpoint(openapi.Endpoint, frozen=True, kw_only=True):
    """What an operation answers when it goes well, and the statuses of its errors."""

    errors: tuple[int, ...] = ()
    success: int = 200
    public: bool = False

    @property
    def all_errors(self) -> tuple[int, ...]:
        """Its errors, and those of every operation that needs a key."""
        return tuple(sorted({*self.errors, *(() if self.public else _KEYED)}))


ENDPOINTS = (
    Endpoint(
        operation="get_backends",
        method="GET",
        path="/backends",
        summary="List the backends.",
        public=True,
    ),
    Endpoint(
        operation="get_backend",
        method="GET",
        path="/backends/{backend}",
        summary="Read a backend.",
        errors=(404,),
        public=True,
    ),
    Endpoint(
        operation="get_characterizations",
        method="GET",
        path="/backends/{backend}/characterizations",
        summary="List a backend's measurements, the newest first.",
        errors=(400, 404),
    ),
    Endpoint(
        operation="get_characterization",
        method="GET",
        path="/backends/{backend}/characterizations/{uuid}",
        summary="Read a measurement.",
        errors=(404,),
    ),
    Endpoint(operation="get_whoami", method="GET", path="/whoami", summary="Read this API key."),
    Endpoint(
        operation="create_job",
        method="POST",
        path="/jobs",
        summary="Submit a job; poll it until it is completed, failed or canceled.",
        success=201,
        errors=(400, 403, 404, 409, 413, 503),
    ),
    Endpoint(
        operation="get_jobs",
        method="GET",
        path="/jobs",
        summary="List jobs, the newest first.",
        errors=(400,),
    ),
    Endpoint(
        operation="delete_jobs",
        method="DELETE",
        path="/jobs",
        summary="Delete several jobs.",
        errors=(400, 413),
    ),
    Endpoint(
        operation="estimate_job_cost",
        method="GET",
        path="/jobs/estimate",
        summary="Estimate what a job would cost.",
        errors=(400,),
    ),
    Endpoint(
        operation="cancel_jobs",
        method="PUT",
        path="/jobs/status/cancel",
        summary="Cancel those of several jobs that are not finished.",
        errors=(400, 413),
    ),
    Endpoint(
        operation="get_job", method="GET", path="/jobs/{id}", summary="Read a job.", errors=(404,)
    ),
    Endpoint(
        operation="delete_job",
        method="DELETE",
        path="/jobs/{id}",
        summary="Delete a job.",
        errors=(404,),
    ),
    Endpoint(
        operation="get_job_cost",
        method="GET",
        path="/jobs/{id}/cost",
        summary="Read what a job costs; nothing on the simulator.",
        errors=(404,),
    ),
    Endpoint(
        operation="get_job_probabilities",
        method="GET",
        path="/jobs/{id}/results/probabilities",
        summary="Read the probability of each state, by its decimal number.",
        errors=(400, 404),
    ),
    Endpoint(
        operation="cancel_job",
        method="PUT",
        path="/jobs/{id}/status/cancel",
        summary="Cancel a job.",
        errors=(404, 409),
    ),
    Endpoint(
        operation="create_session",
        method="POST",
        path="/sessions",
        summary="Begin a session.",
        success=201,
        errors=(400, 403, 413),
    ),
    Endpoint(
        operation="get_sessions",
        method="GET",
        path="/sessions",
        summary="List the sessions.",
        errors=(400,),
    ),
    Endpoint(
        operation="get_session",
        method="GET",
        path="/sessions/{session_id}",
        summary="Read a session.",
        errors=(404,),
    ),
    Endpoint(
        operation="end_session",
        method="POST",
        path="/sessions/{session_id}/end",
        summary="End a session.",
        errors=(404, 409),
    ),
    Endpoint(
        operation="get_session_jobs",
        method="GET",
        path="/sessions/{session_id}/jobs",
        summary="List the jobs of a session.",
        errors=(400, 404),
    ),
    Endpoint(
        operation="get_usages",
        method="GET",
        path="/organizations/{organization_id}/usage",
        summary="Read what the hardware was used for.",
        errors=(400, 403),
    ),
)


def by_path() -> dict[str, list[Endpoint]]:
    """The operations of each path."""
    paths: dict[str, list[Endpoint]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, []).append(endpoint)
    return paths


def document(base_url: str) -> dict[str, Any]:
    """The OpenAPI document, with an example of every error of every operation."""
    scheme = {"type": "apiKey", "in": "header", "name": "Authorization"}
    scheme["description"] = "The word apiKey, a space, and the key."
    described = openapi.document(
        ("IonQ", "v0.4"),
        base_url,
        openapi.paths(ENDPOINTS, _operation),
        schemas={"Error": ERROR},
        security={"apiKeyAuth": scheme},
    )
    return described | {"security": [{"apiKeyAuth": []}]}


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    success = openapi.content(SUCCESSES[endpoint.operation])
    responses: dict[str, Any] = {
        str(endpoint.success): {"description": "Done.", "content": success}
    }
    responses |= {str(status): _error(status) for status in endpoint.all_errors}
    operation: dict[str, Any] = {"parameters": _parameters(endpoint), "responses": responses}
    if endpoint.operation in BODIES:
        operation["requestBody"] = openapi.body(openapi.content(BODIES[endpoint.operation]))
    if endpoint.public:
        operation["security"] = []
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found = [parameter for name, parameter in PARAMETERS.items() if f"{{{name}}}" in endpoint.path]
    return found + QUERIES.get(endpoint.operation, [])


def _error(status: int) -> dict[str, Any]:
    entry = IONQ.of_status(status)
    example: dict[str, Any] = {"error": entry.code, "message": entry.means, "statusCode": status}
    if status == 400:
        example["validation"] = {"keys": ["shots"], "source": "body"}
    return openapi.error([entry], example=example)
