"""Flow's refusals, each with the details that its code has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from failwell.apis.flow.contract import FLOW
from failwell.errors import FailwellError
from failwell.model import Issue, Outcome

fail = FLOW.fail


def invalid(*issues: Issue, message: str | None = None) -> FailwellError:
    """VALIDATION_ERROR, with what is wrong with which field."""
    return fail("VALIDATION_ERROR", 400, issues=issues, message=message)


def wrong(field: str, message: str, *, parameter: bool = False) -> Issue:
    """What is wrong with one field of a body, or with one query parameter."""
    steps = field.replace("]", "").replace("[", ".").split(".")
    pointer = None if parameter else "/" + "/".join(steps)
    return Issue(message=message, path=field, pointer=pointer)


def missing(field: str, message: str) -> FailwellError:
    """MISSING_REQUIRED_FIELD."""
    return fail("MISSING_REQUIRED_FIELD", details={"field": field, "message": message})


def not_found(kind: str, number: int | str | None) -> FailwellError:
    """NOT_FOUND, with type and number of what is not there; None where what was asked for is no
    number that anything could have."""
    details = {"resource_type": kind.lower(), "resource_id": number}
    return fail("NOT_FOUND", message=f"{kind.capitalize()} not found", details=details)


def no_pipeline(name: object) -> FailwellError:
    """PIPELINE_NOT_FOUND, which names what was asked for."""
    return fail("PIPELINE_NOT_FOUND", message=f"Pipeline '{str(name)[:100]}' not found")


def forbidden(kind: str, number: int, required: str, has: str | None) -> FailwellError:
    """FORBIDDEN, with the permission that it takes and the one that there is."""
    details = {
        "resource_type": kind,
        "resource_id": number,
        "required_permission": required,
        "user_permission": has,
    }
    return fail("FORBIDDEN", details=details)


def exists(kind: str, field: str, value: str) -> FailwellError:
    """ALREADY_EXISTS, before anything was done."""
    details = {"resource_type": kind, "field": field, "value": value}
    return fail("ALREADY_EXISTS", details=details, outcome=Outcome.NOT_STARTED)


def locked() -> FailwellError:
    """RESOURCE_LOCKED by an execution."""
    details = {"locked_by": "system", "reason": "Pipeline execution in progress"}
    return fail("RESOURCE_LOCKED", details=details)


def bad_format(expected: Sequence[str], received: str, message: str | None = None) -> FailwellError:
    """INVALID_FORMAT, with what was expected and what came."""
    details = {"expected": list(expected), "received": received}
    return fail("INVALID_FORMAT", details=details, message=message)


def too_large(most: int, size: int) -> FailwellError:
    """FILE_TOO_LARGE; sizes in bytes."""
    details = {"max_size": most, "file_size": size}
    return fail(
        "FILE_TOO_LARGE", message=f"File exceeds maximum size of {_spelled(most)}", details=details
    )


def wrong_offset(expected: int, received: int) -> FailwellError:
    """UPLOAD_FAILED for a chunk that does not begin where the file ends; it was not taken."""
    details = {
        "reason": "Offset mismatch",
        "expected_offset": expected,
        "received_offset": received,
    }
    return fail("UPLOAD_FAILED", details=details, outcome=Outcome.NOT_STARTED)


def upload_failed(reason: str, **details: Any) -> FailwellError:
    """UPLOAD_FAILED for a whole file that is not what it was said to be; it was thrown away."""
    details = {"reason": reason, **details}
    return fail("UPLOAD_FAILED", details=details, outcome=Outcome.ROLLED_BACK)


def unavailable(message: str) -> FailwellError:
    """SERVER_ERROR, 503, before anything was done."""
    return fail("SERVER_ERROR", 503, message=message, retry_after=1.0, outcome=Outcome.NOT_STARTED)


def _spelled(size: int) -> str:
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("KB", 1024)):
        if size >= factor and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size} bytes"
