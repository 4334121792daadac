"""Flow's three ways to spell a failure: its own envelope, problem documents under `/v2`, and
GraphQL's list. `FlowDialect` reads them all; each part of the service writes its own.

Sources: Flow's error guide; flowbio 0.14.1, `v2/_transport.py`, for the problem documents.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from failwell.dialects import issues
from failwell.dialects.graphql import GraphQL
from failwell.dialects.nested import Nested
from failwell.dialects.problem import Problem
from failwell.headers import media_type
from failwell.model import Failure, Issue, Kind, Response, kind_of, read_json

_PROBLEM = "application/problem+json"
_FRACTION = r"\.\d+Z$"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The guide's envelope: `{"error": {code, message, details, request_id, timestamp}}`.

    `details` is an object whose shape depends on the code; issues are its `errors`, or its `field`
    with its `message`. The timestamp is in whole seconds.
    """

    media_type: str = "application/json"

    def parse(self, response: Response) -> Failure | None:
        """The failure in this envelope; None where the body is not one."""
        failure = _nested.parse(response)
        if failure is None:
            return None
        return msgspec.structs.replace(failure, issues=_issues(failure.details))

    def render(self, failure: Failure) -> Response:
        """The envelope, without details where there are none."""
        return _nested.render(_told(failure))


class FlowProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem documents with codes in lower case; what is refused as invalid is a 422."""

    media_type: str = _PROBLEM

    def parse(self, response: Response) -> Failure | None:
        """The problem in this body, its code in upper case as everywhere else in Flow."""
        if media_type(response.headers.get("content-type")) != _PROBLEM:
            return None
        failure = _problem.parse(response)
        if failure is None:
            return None
        return msgspec.structs.replace(
            failure,
            code=failure.code and failure.code.upper(),
            issues=_located(read_json(response.body or b"")) or failure.issues,
        )

    def render(self, failure: Failure) -> Response:
        """The document; each of its errors names a `pointer` into the body, or a `parameter`."""
        told = _to_the_second(failure)
        if told.status == 400:
            told = msgspec.structs.replace(told, status=422, kind=kind_of(422))
        code = told.code and told.code.lower()
        rendered = _problem.render(msgspec.structs.replace(told, code=code, issues=()))
        body = msgspec.json.decode(rendered.body or b"{}", type=dict[str, Any])
        body["instance"] = f"urn:flow:{told.request_id}"
        if told.issues:
            body["errors"] = [_locator(issue) for issue in told.issues]
        return msgspec.structs.replace(rendered, body=msgspec.json.encode(body))


class FlowDialect(msgspec.Struct, frozen=True, kw_only=True):
    """Reads whichever of the three it is given, and writes the envelope."""

    kinds: dict[str, Kind] = {}
    media_type: str = "application/json"

    def parse(self, response: Response) -> Failure | None:
        """The failure in any of Flow's shapes; None where it is in none of them."""
        return (
            FlowProblem().parse(response)
            or Envelope().parse(response)
            or FlowGraphQL(kinds=self.kinds).parse(response)
        )

    def render(self, failure: Failure) -> Response:
        """The guide's envelope."""
        return Envelope().render(failure)


class FlowGraphQL(GraphQL, frozen=True, kw_only=True):
    """GraphQL's errors as Flow has them: what is missing by its `id`, what is invalid in `details`.

    The request id is in the header only.
    """

    request_id: str | None = None

    def parse(self, response: Response) -> Failure | None:
        """The first error of the answer, its `id` told as `resource_id`, a number."""
        failure = GraphQL.parse(self, response)
        if failure is None:
            return None
        said: Any = failure.details
        if not isinstance(said, dict):
            return failure
        details = msgspec.json.encode(_from_extensions(cast("dict[str, Any]", said)))
        return msgspec.structs.replace(failure, details_json=details)

    def extensions(self, failure: Failure) -> dict[str, Any]:
        """What is said of a failure beside its message."""
        told = _told(failure)
        details: Any = told.details
        if isinstance(details, dict):
            said = msgspec.json.encode(_to_extensions(cast("dict[str, Any]", details)))
            told = msgspec.structs.replace(told, details_json=said)
        return GraphQL.extensions(self, told)


def _to_extensions(details: dict[str, Any]) -> dict[str, Any]:
    """A missing thing is named by its `id` alone."""
    if set(details) <= {"resource_type", "resource_id"} and details.get("resource_id") is not None:
        return {"id": str(details["resource_id"])}
    return {"details": details}


def _from_extensions(said: dict[str, Any]) -> Any:
    number = said.get("id")
    if isinstance(number, str):
        return {"resource_id": int(number) if re.fullmatch(r"[0-9]{1,15}", number) else number}
    return said.get("details", said)


_nested = Nested(details="details", request_id="request_id", timestamp="timestamp", sparse=True)
_problem = Problem(type_base="https://flow.bio/problems/")


def _told(failure: Failure) -> Failure:
    """The failure with its issues among its details, where nothing else is."""
    told = _to_the_second(failure)
    if told.details_json or not told.issues:
        return told
    listed = [{"field": issue.path or "", "message": issue.message} for issue in told.issues]
    return msgspec.structs.replace(told, details_json=msgspec.json.encode({"errors": listed}))


def _to_the_second(failure: Failure) -> Failure:
    stamp = failure.timestamp
    return msgspec.structs.replace(failure, timestamp=stamp and re.sub(_FRACTION, "Z", stamp))


def _locator(issue: Issue) -> dict[str, Any]:
    """One error of a problem: where it is, its code, and what is wrong."""
    where = {"parameter": issue.path or ""}
    if issue.pointer is not None:
        where = {"pointer": issues.fragment_of(issue.pointer)}
    return {**where, "code": issue.code or "invalid", "detail": issue.message}


def _located(body: Any) -> tuple[Issue, ...]:
    """The errors of a problem, a `parameter` told as the path that it is."""
    listed: Any = cast("dict[str, Any]", body).get("errors") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        return ()
    return issues.read([_with_path(one) for one in cast("list[Any]", listed)])


def _with_path(one: Any) -> Any:
    """An error of a problem with its path: its parameter, or its pointer with dots."""
    if not isinstance(one, dict):
        return one
    problem = cast("dict[str, Any]", one)
    pointer = problem.get("pointer")
    dotted = pointer.lstrip("#/").replace("/", ".") if isinstance(pointer, str) else None
    return {**problem, "path": problem.get("parameter") or dotted}


def _issues(details: Any) -> tuple[Issue, ...]:
    """What `details` says of single fields: in a list, or in its own `field`."""
    if not isinstance(details, dict):
        return ()
    fields = cast("dict[str, Any]", details)
    if isinstance(fields.get("errors"), list):
        return issues.read(fields["errors"])
    message = fields.get("message") or _expectation(fields)
    return issues.read([{"field": fields.get("field"), "message": message}])


def _expectation(details: dict[str, Any]) -> str | None:
    """What a field should have been, where that is all that is said of it."""
    if "field" not in details or "expected" not in details:
        return None
    expected = details["expected"]
    listed = cast("list[Any]", expected) if isinstance(expected, list) else [expected]
    return f"expected {' or '.join(map(str, listed))}, received {details.get('received')}"
