"""The errors of a GraphQL answer as they leave: Flow's codes, and their places in the document."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from graphql import GraphQLError

from failwell.apis.flow.contract import FLOW_GRAPHQL
from failwell.apis.flow.dialects import FlowGraphQL
from failwell.errors import FailwellError
from failwell.model import Failure, Issue, kind_of, outcome_of
from failwell.server.context import current
from failwell.server.graphql import Masking

_masking = Masking(FLOW_GRAPHQL)
_dialect = cast("FlowGraphQL", FLOW_GRAPHQL.dialect)


def told(error: GraphQLError) -> dict[str, Any]:
    """The error as a caller may know it: without a word of an unexpected cause."""
    masked = _masking.told(error)
    failure = _failure(error, masked)
    request = current()
    signed = failure if request is None else request.signed(failure)
    formatted = cast("dict[str, Any]", masked.formatted)
    return {**formatted, "extensions": _dialect.extensions(signed)}


def _failure(error: GraphQLError, masked: GraphQLError) -> Failure:
    """The facts: those of a refusal of ours, or those that masking has left."""
    said: dict[str, Any] = masked.extensions or {}
    outcome = outcome_of(said.get("outcome"))
    cause = error.original_error
    if isinstance(cause, FailwellError):
        return msgspec.structs.replace(cause.failure, outcome=outcome)
    code = str(said.get("code"))
    issues = (Issue(message=masked.message, path="query"),) if code == "VALIDATION_ERROR" else ()
    return Failure(
        kind=kind_of(400), code=code, message=masked.message, issues=issues, outcome=outcome
    )
