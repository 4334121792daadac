"""What Flow promises about failing.

Sources: Flow's "Error Handling Guide" (envelope, 21 codes, statuses, request ids, idempotency, rate
limits); flowbio 0.14.1 for problem documents and uploads. Where they are silent, the entry proves
nothing.
"""

from __future__ import annotations

import re

import msgspec

from failwell.apis.flow.dialects import FlowDialect, FlowGraphQL, FlowProblem
from failwell.apis.flow.exceptions import (
    BY_KIND,
    FlowCircuitOpenError,
    FlowDeadlineExceededError,
)
from failwell.contract import IDEMPOTENT, SAFE, Code, Contract, Idempotency, RequestIds
from failwell.model import Kind, Outcome, kind_of

_NOTHING = Outcome.NOT_STARTED


def _refused(code: str, status: int, means: str, advice: str) -> Code:
    """An entry that is answered before anything is done."""
    return Code(code=code, status=status, proves=_NOTHING, means=means, advice=advice)


_AUTHENTICATION = (
    _refused("UNAUTHENTICATED", 401, "Authentication required", "Log in and send the token."),
    _refused(
        "INVALID_CREDENTIALS",
        401,
        "Invalid username or password",
        "Check the username and the password.",
    ),
    _refused(
        "TOKEN_EXPIRED",
        401,
        "Access token has expired",
        "Refresh the token, which takes the cookie of the log-in, and send the request again.",
    ),
    _refused("TOKEN_INVALID", 401, "Invalid authentication token", "Log in again."),
)
_PERMISSION = (
    _refused(
        "FORBIDDEN",
        403,
        "You do not have permission to access this resource",
        "Ask the owner for the permission that `required_permission` names.",
    ),
    _refused(
        "NO_PIPELINE_PERMISSION",
        403,
        "You do not have permission to run pipelines",
        "Ask whoever runs this Flow to let you run pipelines.",
    ),
    _refused(
        "CANNOT_SHARE",
        403,
        "You need share permission to share this resource",
        "Ask the owner to share it, or to give you the share permission.",
    ),
)
_VALIDATION = (
    _refused(
        "VALIDATION_ERROR",
        400,
        "Validation failed",
        "Correct the fields that `errors` names; the same request will fail again.",
    ),
    _refused(
        "VALIDATION_ERROR",
        405,
        "This route does not take this method",
        "Use a method that the Allow header names.",
    ),
    _refused(
        "VALIDATION_ERROR",
        422,
        "Validation failed",
        "Correct what `errors` points at; the same request will fail again.",
    ),
    _refused(
        "INVALID_FORMAT",
        400,
        "Invalid file format",
        "Send one of the formats that `expected` lists; the content counts, not only the name.",
    ),
    _refused(
        "MISSING_REQUIRED_FIELD", 400, "Required field missing", "Add the field that it names."
    ),
)
_RESOURCE = (
    _refused("NOT_FOUND", 404, "No such resource", "Check the id and the path."),
    Code(
        code="ALREADY_EXISTS",
        status=409,
        transient=False,
        means="Resource already exists",
        advice="Use the one that exists, or another name. With `result`, the request had been "
        "carried out already, and that is its answer.",
    ),
    _refused(
        "RESOURCE_LOCKED",
        409,
        "Resource is locked and cannot be modified",
        "Wait until the execution that uses it has ended.",
    ),
)
_FILES = (
    _refused(
        "FILE_TOO_LARGE", 413, "File exceeds the maximum size", "Send a file under `max_size`."
    ),
    Code(
        code="UPLOAD_FAILED",
        status=400,
        means="Failed to upload file",
        advice="`reason` says why. After a wrong checksum send the whole file again; after a wrong "
        "offset go on at the one that is expected.",
    ),
    _refused("DOWNLOAD_EXPIRED", 410, "Download link has expired", "Ask for a new link."),
)
_PIPELINES = (
    _refused("PIPELINE_NOT_FOUND", 404, "Pipeline not found", "List the pipelines for their ids."),
    _refused(
        "INCOMPATIBLE_SAMPLES",
        400,
        "Some samples are not compatible with this pipeline",
        "Leave out the samples that it lists, or choose another pipeline.",
    ),
    Code(
        code="EXECUTION_FAILED",
        status=500,
        transient=False,
        means="Pipeline execution failed",
        advice="Read what `failed_process` says; the same input will fail again.",
    ),
)
_SERVER = (
    _refused(
        "RATE_LIMITED", 429, "Too many requests", "Wait as long as Retry-After says, then go on."
    ),
    Code(
        code="SERVER_ERROR",
        status=500,
        means="Something went wrong on our end",
        advice="Try again later; quote the request id to support.",
    ),
    Code(
        code="SERVER_ERROR",
        status=503,
        means="Flow is unavailable for the moment",
        advice="Try again when Retry-After has passed.",
    ),
)

CODES = (
    *_AUTHENTICATION,
    *_PERMISSION,
    *_VALIDATION,
    *_RESOURCE,
    *_SERVER,
    *_FILES,
    *_PIPELINES,
)
"""Of equal statuses the first is the one that stands for it where nothing says more."""

_KINDS: dict[str, Kind] = {entry.code: kind_of(entry.status) for entry in reversed(CODES)}

_SESSION = re.compile(r"[^?#]*/(?:login|logout)/?(?:[?#].*)?")


def _is_session(method: str, url: str) -> bool:
    """Whether it only begins or ends a session."""
    return method == "POST" and _SESSION.fullmatch(url) is not None


FLOW = Contract(
    name="flow",
    title="Flow",
    dialect=FlowDialect(kinds=_KINDS),
    codes=CODES,
    idempotency=Idempotency.flow("ALREADY_EXISTS", missing=("VALIDATION_ERROR", 400)),
    request_ids=RequestIds(header="X-Request-ID", accepts=True, prefix="req_"),
    exceptions=BY_KIND,
    deadline_error=FlowDeadlineExceededError,
    circuit_error=FlowCircuitOpenError,
    repeatable=_is_session,
    renew_on=frozenset({"TOKEN_EXPIRED"}),
)
"""Flow's REST API. A key is optional; one that was used is answered with 409 and the first answer
as `result`. Its dialect also reads problem documents and GraphQL's errors, so that a client needs
this one contract only."""

FLOW_V2 = msgspec.structs.replace(FLOW, dialect=FlowProblem())
"""The routes under `/v2`: the same catalogue in problem documents."""

FLOW_GRAPHQL = msgspec.structs.replace(
    FLOW, dialect=FlowGraphQL(kinds=_KINDS), idempotency=Idempotency(header=None)
)
"""`/graphql`: the same catalogue in `errors[].extensions.code`, with 200. Nothing says that it
takes idempotency keys."""

FLOW_QUERIES = msgspec.structs.replace(
    FLOW_GRAPHQL, safe=SAFE | {"POST"}, idempotent=IDEMPOTENT | {"POST"}
)
"""The same for documents without a mutation, which only read."""
