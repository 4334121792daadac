"""What Django's own exceptions stand for, in the contract's words."""

from __future__ import annotations

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404
from django.http.multipartparser import MultiPartParserError

from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.policy.disclosure import failure_of, foreign

_REFUSALS: tuple[tuple[type[Exception], int, bool], ...] = (
    (Http404, 404, True),
    (PermissionDenied, 403, True),
    (RequestDataTooBig, 413, False),
    (SuspiciousOperation, 400, False),
    (BadRequest, 400, False),
    (MultiPartParserError, 400, False),
)
"""What Django answers to its own exceptions, and whether their words are for the caller."""


def refusal_of(contract: Contract, error: Exception) -> FailwellError | None:
    """The contract's failure that an exception stands for; None for one that is a bug."""
    if isinstance(error, FailwellError):
        return error if failure_of(contract, error) is error.failure else None
    for kind, status, speaks in _REFUSALS:
        if isinstance(error, kind):
            said = str(error.args[0]) if speaks and error.args else ""
            return contract.error(foreign(contract, status, said))
    return None
