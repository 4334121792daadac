"""`POST /graphql`: documents as JSON, or as a form with files.

Sources: GraphQL over HTTP, draft of August 2026; GraphQL multipart request specification.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any, cast

import msgspec
from graphql import ExecutionResult, GraphQLError, build_schema, parse, validate
from graphql.execution import execute  # pyright: ignore[reportUnknownVariableType]
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from failwell.apis.flow.desk.desk import Desk
from failwell.apis.flow.graphql.errors import told
from failwell.apis.flow.graphql.objects import Object
from failwell.apis.flow.graphql.resolvers import Context, Resolvers
from failwell.apis.flow.graphql.schema import SCHEMA
from failwell.apis.flow.refusals import invalid, wrong
from failwell.apis.flow.rest.accounts import set_cookie
from failwell.apis.flow.rest.bodies import decoded_object

MOST_TOKENS = 4000
"""Tokens of a document."""

MOST_FIELDS = 5000
"""Fields of an answer: aliases and lists inside lists multiply."""

MOST_ERRORS = 20
"""Errors of an answer; what went wrong more often is not told."""

_FILES: dict[str, Any] = {"max_files": 10, "max_fields": 10}


class Asked(msgspec.Struct, rename="camel"):
    """One request for GraphQL."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


class Endpoint:
    """The endpoint, with its schema."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._resolvers = Resolvers(desk)
        self._schema = build_schema(SCHEMA)

    async def answer(self, request: Request) -> Response:
        """Carry a document out; whatever becomes of it is a 200."""
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(**_FILES) as form:
                return await self._answer(request, _asked_in_form(form))
        return await self._answer(request, _asked(decoded_object(await request.body())))

    async def _answer(self, request: Request, asked: Asked) -> Response:
        context = Context(self._desk, request)
        result = await self._result(asked, context)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [told(error) for error in result.errors[:MOST_ERRORS]]
        response = JSONResponse(body)
        if context.new_cookie is not None:
            set_cookie(response, context.new_cookie, self._desk.limits().refresh_token_seconds)
        return response

    async def _result(self, asked: Asked, context: Context) -> ExecutionResult:
        try:
            document = parse(asked.query, max_tokens=MOST_TOKENS)
            errors = validate(self._schema, document, max_errors=MOST_ERRORS)
        except RecursionError:
            return ExecutionResult(None, [GraphQLError("The document is too deep")])
        except GraphQLError as error:
            return ExecutionResult(None, [error])
        if errors:
            return ExecutionResult(None, errors)
        result = execute(
            self._schema,
            document,
            self._resolvers,
            context,
            asked.variables,
            asked.operation_name,
            field_resolver=_Counting(),
        )
        return await result if isawaitable(result) else result


class _Counting:
    """Resolves fields, up to so many: a method of the resolvers, or a member of an object."""

    def __init__(self) -> None:
        self._left = MOST_FIELDS

    def __call__(self, source: Any, info: Any, **given: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise invalid(message=f"The answer has more than {MOST_FIELDS} fields")
        if isinstance(source, Resolvers):
            return getattr(source, info.field_name)(info, **given)
        value = cast("Object", source).get(info.field_name)
        return value() if callable(value) else value


def _asked(body: dict[str, Any]) -> Asked:
    try:
        return msgspec.convert(body, Asked)
    except msgspec.ValidationError as error:
        raise invalid(message=f"That is no GraphQL request: {error}") from None


def _asked_in_form(form: FormData) -> Asked:
    """The request in `operations`, its variables completed with the files that `map` names."""
    asked = _asked(_part(form, "operations"))
    variables = asked.variables = dict(asked.variables or {})
    for name, places in _part(form, "map").items():
        file = form.get(name)
        if not isinstance(file, UploadFile) or not isinstance(places, list):
            raise invalid(wrong("map", f"There is no file {name[:50]}"))
        for place in cast("list[Any]", places):
            _put(variables, str(place), file)
    return asked


def _part(form: FormData, name: str) -> dict[str, Any]:
    value = form.get(name)
    if not isinstance(value, str):
        raise invalid(wrong(name, "Give a JSON object"))
    return decoded_object(value.encode("utf-8", "surrogatepass"))


def _put(variables: dict[str, Any], place: str, file: UploadFile) -> None:
    """Put a file at a place such as `variables.blob`."""
    root, _, name = place.partition(".")
    if root != "variables" or name not in variables:
        raise invalid(wrong("map", f"There is no place {place[:50]}"))
    variables[name] = file
