"""The server half for Django REST framework: its exceptions in the contract's words.

`REST_FRAMEWORK = {"EXCEPTION_HANDLER": "failwell.server.django.drf.exception_handler"}`, beside
what `failwell.server.django` asks for. What was submitted is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from failwell.contract import Contract
from failwell.dialects.issues import MOST, joined
from failwell.errors import FailwellError
from failwell.model import Issue
from failwell.policy.disclosure import foreign
from failwell.server.context import current
from failwell.server.django import idempotent as views
from failwell.server.django import refusals

INVALID = 422
"""The status of what is well-formed and not valid; the contract says which code stands for it."""


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Raises the contract's failure for what REST framework and Django refuse; None for the rest.

    `WWW-Authenticate` and `Retry-After` are kept. Outside of a wrapped app it is REST framework's
    own handler.
    """
    known = current()
    if known is None:
        from rest_framework.views import exception_handler as plain

        return plain(error, context)
    refusal = refusal_of(known.contract, error, context.get("request"))
    if refusal is None:
        return None
    set_rollback()
    challenge = getattr(error, "auth_header", None)
    if challenge:
        known.headers["WWW-Authenticate"] = challenge
    raise refusal from error


def refusal_of(contract: Contract, error: Exception, request: Any) -> FailwellError | None:
    """The contract's failure that an exception stands for; None for one that is a bug."""
    if not isinstance(error, APIException):
        return refusals.refusal_of(contract, error)
    is_invalid = isinstance(error, ValidationError) and error.status_code == 400
    status = INVALID if is_invalid else error.status_code
    issues = tuple(_issues(error.detail, request)) if isinstance(error, ValidationError) else ()
    failure = foreign(contract, status, _said(error, issues))
    wait = getattr(error, "wait", None)
    return contract.error(msgspec.structs.replace(failure, issues=issues, retry_after=wait))


def _said(error: APIException, issues: tuple[Issue, ...]) -> str:
    if issues:
        return "; ".join(
            f"{one.path}: {one.message}" if one.path else one.message for one in issues
        )
    is_plain = isinstance(error.detail, str) and error.detail != error.default_detail
    return str(error.detail) if is_plain and error.status_code < 500 else ""


def _issues(detail: Any, request: Any) -> Iterator[Issue]:
    leaves = [leaf.casefold() for leaf in _leaves(_submitted(request))]
    for steps, one in list(_walk(detail, ()))[:MOST]:
        message = "Invalid" if any(_holds(one.casefold(), leaf) for leaf in leaves) else str(one)
        path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        yield Issue(
            message=message,
            path=path.removeprefix(".") or None,
            pointer=joined(list(steps)),
            code=getattr(one, "code", None),
        )


def _submitted(request: Any) -> Any:
    try:
        return [request.data, request.query_params]
    except (APIException, AttributeError):
        return None


def _walk(detail: Any, steps: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(detail, Mapping):
        for name, inner in cast("Mapping[Any, Any]", detail).items():
            own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from _walk(inner, steps if own else (*steps, name))
    elif isinstance(detail, list):
        for index, inner in enumerate(cast("list[Any]", detail)):
            is_item = isinstance(inner, Mapping)
            yield from _walk(inner, (*steps, index) if is_item else steps)
    else:
        yield steps, detail


def _leaves(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        for inner in cast("Mapping[Any, Any]", data).values():
            yield from _leaves(inner)
    elif isinstance(data, list | tuple):
        for inner in cast("list[Any]", data):
            yield from _leaves(inner)
    elif data is not None and not isinstance(data, bool):
        yield str(data)


def _holds(sentence: str, leaf: str) -> bool:
    if len(leaf) > 4:
        return leaf in sentence
    return bool(leaf) and re.search(rf"(?<!\w){re.escape(leaf)}(?!\w)", sentence) is not None


class idempotent(views):  # noqa: N801
    """Makes the keyed writes of a method of a view run once, after the view has checked who asks:

    class Orders(APIView):
        @method_decorator(idempotent(CONTRACT, store, caller=...))
        def post(self, request): ...
    """

    def answered(self, request: Any, response: Any) -> Any:
        """The view's answer with its body made."""
        if isinstance(response, Response) and not response.is_rendered:
            made: Any = response
            made.accepted_renderer = request.accepted_renderer
            made.accepted_media_type = request.accepted_media_type
            made.renderer_context = request.parser_context["view"].get_renderer_context()
        return super().answered(request, response)

    def refusal_of(self, request: Any, error: Exception) -> Exception:
        """What an exception of the view stands for."""
        return refusal_of(self._contract, error, request) or error
