"""What Flow's exceptions are, what they tell, and that the contract is whole."""

from __future__ import annotations

import builtins
import pickle
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

import failwell
from failwell.apis.flow import FLOW, FLOW_GRAPHQL, FLOW_V2, FlowError, exceptions
from failwell.apis.flow.contract import CODES
from failwell.model import Failure, Headers, Issue, Kind, Response

SEED = Path(__file__).parents[4] / "shared" / "seeds" / "flow.txt"
CATALOGUE = {
    "UNAUTHENTICATED": 401, "INVALID_CREDENTIALS": 401, "TOKEN_EXPIRED": 401, "TOKEN_INVALID": 401,
    "FORBIDDEN": 403, "NO_PIPELINE_PERMISSION": 403, "CANNOT_SHARE": 403, "VALIDATION_ERROR": 400,
    "INVALID_FORMAT": 400, "MISSING_REQUIRED_FIELD": 400, "NOT_FOUND": 404, "ALREADY_EXISTS": 409,
    "RESOURCE_LOCKED": 409, "FILE_TOO_LARGE": 413, "UPLOAD_FAILED": 400, "DOWNLOAD_EXPIRED": 410,
    "PIPELINE_NOT_FOUND": 404, "INCOMPATIBLE_SAMPLES": 400, "EXECUTION_FAILED": 500,
    "RATE_LIMITED": 429, "SERVER_ERROR": 500,
}  # fmt: skip


def raised(code: str, details: Any = None, status: int | None = None) -> Any:
    """The exception that a client makes of the envelope of this code."""
    error = FLOW.fail(code, status or CATALOGUE[code], details=details)
    read = FLOW.dialect.parse(FLOW.dialect.render(error.failure))
    assert read is not None
    return FLOW.error(read)


def test_the_catalogue_is_whole() -> None:
    """21 codes, each with its status; what a caller should do stands with each."""
    assert {entry.code for entry in CODES} == set(CATALOGUE)
    for code, status in CATALOGUE.items():
        entry = FLOW.entry(code, status)
        assert entry.means
        assert entry.advice


def stated() -> dict[str, int]:
    """The statuses that the guide's own envelopes state; without the guide, the list above."""
    if not SEED.exists():
        return CATALOGUE
    pattern = r'"code": "([A-Z_]+)",\s*"message": [^\n]*\n(?:(?!"code")[^#])*?"status": (\d+)'
    found = re.findall(pattern, SEED.read_text("utf-8"))
    assert len(dict(found)) == 19
    return {code: int(status) for code, status in found}


def test_the_catalogue_is_the_guides() -> None:
    """Every code that the guide states a status for has that status in the contract, and here."""
    assert stated().items() <= CATALOGUE.items()
    assert set(stated().items()) <= {(entry.code, entry.status) for entry in CODES}


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_is_of_the_guides_class_and_of_failwells(code: str) -> None:
    """`except FlowError`, `except failwell.X` and the guide's own name all catch it."""
    error = raised(code)
    own, ours = {
        400: (exceptions.ValidationError, failwell.BadRequestError),
        401: (exceptions.AuthenticationError, failwell.AuthenticationError),
        403: (exceptions.PermissionError, failwell.PermissionDeniedError),
        404: (exceptions.NotFoundError, failwell.NotFoundError),
        409: (exceptions.ConflictError, failwell.ConflictError),
        410: (exceptions.GoneError, failwell.GoneError),
        413: (exceptions.PayloadTooLargeError, failwell.PayloadTooLargeError),
        429: (exceptions.RateLimitError, failwell.RateLimitError),
        500: (exceptions.ServerError, failwell.ServerError),
    }[CATALOGUE[code]]
    assert isinstance(error, FlowError)
    assert isinstance(error, own)
    assert isinstance(error, ours)
    assert (error.code, str(error)) == (code, error.message)
    assert pickle.loads(pickle.dumps(error)) == error


@pytest.mark.parametrize("code", CATALOGUE)
def test_each_tells_what_the_envelope_has(code: str) -> None:
    """Code, message, details, request id, time and status; the text of it is the message."""
    told = {
        "code": code,
        "message": "What it is",
        "details": {"reason": "r"},
        "request_id": "req_1234567890",
        "timestamp": "2024-01-15T10:30:00Z",
    }
    body = msgspec.json.encode({"error": told})
    fields = Headers({"content-type": "application/json"})
    read = FLOW.dialect.parse(Response(status=CATALOGUE[code], headers=fields, body=body))
    assert read is not None
    error: Any = FLOW.error(read)
    assert {name: getattr(error, name) for name in told} == told
    assert (error.status_code, str(error)) == (CATALOGUE[code], "What it is")
    assert error.retry_after is None


def test_pythons_own_names_catch_them() -> None:
    """A 403 is a `PermissionError`, a lost connection a `ConnectionError`, without an import."""
    error = raised("FORBIDDEN")
    assert isinstance(error, builtins.PermissionError)
    assert str(error) == "You do not have permission to access this resource"
    for kind in (Kind.CONNECTION, Kind.TIMEOUT):
        lost = FLOW.error(Failure(kind=kind, message="refused"))
        assert isinstance(lost, builtins.ConnectionError)
        assert str(pickle.loads(pickle.dumps(lost))) == "refused"


def test_what_a_permission_error_tells() -> None:
    """The resource, the level that it takes and the one that there is."""
    details = {"resource_type": "sample", "resource_id": 123, "required_permission": "edit"}
    error = raised("FORBIDDEN", {**details, "user_permission": "read"})
    assert (error.required_permission, error.user_permission) == ("edit", "read")
    assert (error.resource_type, error.resource_id) == ("sample", 123)
    assert raised("NO_PIPELINE_PERMISSION").required_permission is None


def test_what_a_not_found_error_tells() -> None:
    """Type and id, from REST and from GraphQL's `id`."""
    error = raised("NOT_FOUND", {"resource_type": "sample", "resource_id": 12345})
    assert (error.resource_type, error.resource_id) == ("sample", 12345)
    body = b'{"data":null,"errors":[{"message":"m","extensions":{"code":"NOT_FOUND","id":"7"}}]}'
    read = FLOW.dialect.parse(Response(status=200, headers=Headers({}), body=body))
    assert read is not None
    assert getattr(FLOW.error(read), "resource_id", None) == 7


@pytest.mark.parametrize(
    ("details", "errors"),
    [
        ({"errors": [{"field": "name", "message": "Name is required"}]},
         [{"field": "name", "message": "Name is required"}]),
        ({"field": "sample_type", "message": "Sample type is required"},
         [{"field": "sample_type", "message": "Sample type is required"}]),
        ({"field": "file", "expected": ["fastq", "fastq.gz"], "received": "txt"},
         [{"field": "file", "message": "expected fastq or fastq.gz, received txt"}]),
        ({"errors": "nonsense"}, []),
        ([1, 2], []),
        (None, []),
    ],
)  # fmt: skip
def test_errors_are_always_a_list(details: Any, errors: list[dict[str, str]]) -> None:
    """Each with `field` and `message`, from whichever details there are."""
    assert raised("VALIDATION_ERROR", details).errors == errors


def test_a_422_is_a_validation_error_too() -> None:
    """As in the official client, where the one derives from the other."""
    error = raised("VALIDATION_ERROR", status=422)
    assert isinstance(error, exceptions.ValidationError)
    assert isinstance(error, failwell.UnprocessableError)


def test_an_answer_before_any_effect_is_proof_and_others_are_none() -> None:
    """What answers prove about a write: a replay is no refusal, a 5xx says nothing, and
    the guide is silent on what a failed upload leaves behind."""
    unproven = {entry.code for entry in CODES if entry.proves is None}
    assert unproven == {"ALREADY_EXISTS", "UPLOAD_FAILED", "EXECUTION_FAILED", "SERVER_ERROR"}


def test_three_dialects_say_the_same() -> None:
    """A refusal in the envelope, as a problem and in GraphQL is read as the same exception."""
    issue = Issue(message="Name is required", path="name", pointer="/name")
    said = FLOW.fail("VALIDATION_ERROR", 400, issues=[issue]).failure
    for contract in (FLOW, FLOW_V2, FLOW_GRAPHQL):
        read = FLOW.dialect.parse(contract.dialect.render(said))
        assert read is not None
        error = FLOW.error(read)
        assert isinstance(error, exceptions.ValidationError)
        assert error.code == "VALIDATION_ERROR"
        assert error.errors == [{"field": "name", "message": "Name is required"}]
