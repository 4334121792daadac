"""What FastAPI's own exceptions say in the words of a contract."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import msgspec
from fastapi import Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import Response

from failwell.contract import Contract
from failwell.dialects import Generic
from failwell.headers import media_type
from failwell.model import Failure, Issue, Outcome
from failwell.model import Response as Answer
from failwell.policy.disclosure import foreign
from failwell.server.context import current
from failwell.server.pydantic import issues_of

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


async def refused(request: Request, error: Exception) -> Response:
    """A detail that is more than a sentence becomes the contract's failure, with the headers of
    the exception; a code in it counts where the contract has it."""
    assert isinstance(error, HTTPException)
    known, detail = current(), cast("Any", error.detail)
    if known is None or not isinstance(detail, (dict, list)) or error.status_code >= 500:
        return await http_exception_handler(request, error)
    known.headers |= dict(error.headers or {})
    raise known.contract.error(_meant(known.contract, error.status_code, detail)) from None


def _meant(contract: Contract, status: int, detail: Any) -> Failure:
    body = msgspec.json.encode(detail, enc_hook=str)
    said = Generic().parse(Answer(status=status, body=body))
    if said is None:
        return msgspec.structs.replace(foreign(contract, status), details_json=body)
    entry = contract.find(said.code, status)
    failure = foreign(contract, status, said.message)
    if entry is not None:
        failure = contract.refusal(entry, message=said.message).failure
    return msgspec.structs.replace(failure, details_json=body, issues=said.issues)


async def invalid(harmless: Collection[str], request: Request, error: Exception) -> Response:
    """What FastAPI found wrong before the handler ran: nothing was started, and not a word of
    what was submitted is said."""
    assert isinstance(error, RequestValidationError)
    known = current()
    assert known is not None
    status = _status_of(request, error)
    issues = _ISSUES.get(status) or issues_of(error.errors(), error.body, harmless)
    failure = foreign(known.contract, status, _sentence(issues))
    is_before = getattr(error, "endpoint_ctx", None) is not None
    outcome = failure.outcome or (Outcome.NOT_STARTED if is_before else None)
    failure = msgspec.structs.replace(failure, issues=issues, outcome=outcome)
    raise known.contract.error(failure) from None


_ISSUES = {
    400: (Issue(message="The body is not JSON", path="body", code="json_invalid"),),
    415: (Issue(message="This route takes no such media type", path="body", code="media_type"),),
}
"""What is wrong with a body that was not even read."""


def _status_of(request: Request, error: RequestValidationError) -> int:
    """400 for JSON that cannot be read, 415 for a body of another kind than the route takes, else
    422."""
    problems = error.errors()
    if any(problem.get("type") == "json_invalid" for problem in problems):
        return 400
    is_form = media_type(request.headers.get("content-type")) in _FORMS
    is_other = isinstance(error.body, bytes) or (isinstance(error.body, FormData) and not is_form)
    is_of_the_body = any(tuple(problem.get("loc", ()))[:1] == ("body",) for problem in problems)
    return 415 if is_other and is_of_the_body else 422


def _sentence(issues: tuple[Issue, ...]) -> str:
    """The first issue, for dialects that have no room for all of them."""
    first = next(iter(issues), None)
    if first is None:
        return ""
    more = f" (and {len(issues) - 1} more)" if len(issues) > 1 else ""
    return (f"{first.path}: " if first.path else "") + first.message + more
