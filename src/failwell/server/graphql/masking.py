"""What a caller may know of the errors of a GraphQL API.

Source: GraphQL, October 2021, section 7.1.2.
"""

from __future__ import annotations

import logging
import re
import time
from typing import Any, cast

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
)

from failwell.contract import Contract
from failwell.journal import Journal, of_failure
from failwell.model import Failure, Outcome
from failwell.policy.disclosure import failure_of, foreign
from failwell.server.context import RequestContext, current

logger = logging.getLogger("failwell.server")

_VALUES = (
    (r"(?s) (got|has) invalid value.*", r" \1 an invalid value"),
    (r"(?s)( cannot represent [\w -]*value): .*", r"\1"),
    (r"(?s)(Expected value of type ['\"].*?['\"]), found .*", r"\1"),
    (r"(?s)((?:found|Unexpected) \w+) ['\"].*", r"\1"),
    (r"(?s)^(Value|Enum ['\"]\w*['\"]) .*( does not exist in| cannot represent)", r"A value\2"),
)
"""Where graphql-core repeats what was submitted, and what is said instead."""


class Masking:
    """What a caller may know of the errors of a GraphQL API; `journal` is told of unexpected ones.

    Call it with an error to have it as a dictionary: it is an `error_formatter` for Ariadne.
    """

    def __init__(self, contract: Contract, journal: Journal | None = None) -> None:
        self._contract = contract
        self._journal = journal

    def __call__(self, error: GraphQLError, debug: bool = False) -> dict[str, Any]:
        """The error as it leaves; `debug` changes nothing."""
        return cast("dict[str, Any]", self.told(error).formatted)

    def result(self, result: ExecutionResult) -> ExecutionResult:
        """The result, with its errors as they leave."""
        errors = [self.told(error) for error in result.errors or ()]
        return ExecutionResult(result.data, errors or None, result.extensions)

    def told(self, error: GraphQLError) -> GraphQLError:
        """The error as it leaves: an exception that nobody meant for the caller says nothing of
        its cause; the places in the document and in the answer are kept."""
        failure, extensions = self._failure(error), dict[str, Any]()
        if _is_meant(error) and error.original_error is not None:
            extensions |= error.extensions or {}
        request = current()
        extensions.setdefault("code", failure.code)
        if request is not None:
            extensions["requestId"] = request.request_id
        if failure.outcome is not None:
            extensions["outcome"] = failure.outcome.value
        if failure.retry_after is not None:
            extensions["retryAfter"] = failure.retry_after
        if failure.issues:
            extensions["issues"] = [msgspec.to_builtins(issue) for issue in failure.issues]
        return GraphQLError(
            failure.message,
            nodes=error.nodes,
            source=error.source,
            positions=error.positions,
            path=error.path,
            extensions=extensions,
        )

    def _failure(self, error: GraphQLError) -> Failure:
        cause = error.original_error
        if error.path is None and (cause is None or isinstance(cause, GraphQLError)):
            failure = foreign(self._contract, status_of(error), _without_values(error.message))
            failure = msgspec.structs.replace(failure, outcome=Outcome.NOT_STARTED)
        elif _is_meant(error):
            failure = msgspec.structs.replace(
                foreign(self._contract, 400, error.message), outcome=None
            )
        else:
            failure = failure_of(self._contract, cause or error)
        return self._noted(error, self._with_outcome(error, failure))

    def _with_outcome(self, error: GraphQLError, failure: Failure) -> Failure:
        """What is said of the outcome: nothing for a query, and no more than is proven."""
        outcome = (failure.outcome or Outcome.UNKNOWN) if _is_write(error) else None
        return msgspec.structs.replace(failure, outcome=outcome)

    def _noted(self, error: GraphQLError, failure: Failure) -> Failure:
        request, cause = current(), error.original_error
        if (failure.status or 500) >= 500:
            request_id = request.request_id if request else "-"
            logger.error("request %s failed at %s", request_id, error.path, exc_info=cause or error)
            self._write_down(failure, request, cause or error)
        return failure

    def _write_down(
        self, failure: Failure, request: RequestContext | None, cause: Exception
    ) -> None:
        if self._journal is not None and request is not None and not request.is_written:
            request.is_written = True
            entry = of_failure(
                failure,
                side="server",
                at=time.time(),
                request_id=request.request_id,
                trace_id=request.trace_id,
                api=self._contract.name,
                error=cause,
            )
            self._journal.write(entry)


def status_of(error: GraphQLError) -> int:
    """The status of a request that was not carried out: 400 for a document that cannot be read,
    422 for one that makes no sense."""
    return 400 if isinstance(error, GraphQLSyntaxError) else 422


def _is_meant(error: GraphQLError) -> bool:
    """Whether a resolver raised it as a `GraphQLError`, for the caller to read; graphql-core
    raises its own when a result does not fit the schema."""
    cause = error.original_error
    if not isinstance(cause, GraphQLError):
        return False
    trace = cause.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    raised_in = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else "graphql"
    return raised_in.partition(".")[0] != "graphql"


def _is_write(error: GraphQLError) -> bool:
    """Whether the error is of a mutation, or of a document that is not known to be none."""
    if error.source is None:
        return True
    try:
        found = parse(error.source).definitions
    except GraphQLSyntaxError:
        return True
    operations = [one for one in found if isinstance(one, OperationDefinitionNode)]
    at = next(iter(error.positions or ()), -1)
    around = [one for one in operations if one.loc and one.loc.start <= at < one.loc.end]
    return any(one.operation is OperationType.MUTATION for one in around or operations)


def _without_values(message: str) -> str:
    for pattern, instead in _VALUES:
        message = re.sub(pattern, instead, message)
    return message
