"""Any body at all: what can be made out of it.

It tries the shapes that are in use, one after another, never raises, and always keeps the human
sentence, be it in a problem document, under `error`, in FastAPI's `detail`, in a JSON list, a
bare string, a line of text or the heading of a proxy's HTML page.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any, TypeGuard, cast

import msgspec

from failwell.dialects import issues
from failwell.dialects.problem import Problem
from failwell.dialects.text import LONGEST, as_utf8, sentence_in
from failwell.headers import media_type
from failwell.later import Joint, LateFailure
from failwell.model import Failure, Issue, Response, kind_of, read_json

_SENTENCES = (
    "message", "detail", "error_description", "error_message", "errorMessage", "msg", "title",
    "description", "reason", "error", "fault", "faultstring", "Message", "text",
)  # fmt: skip
_CODES = ("code", "error_code", "errorCode", "error_type", "type", "error", "reason", "status")
_IDS = ("request_id", "requestId", "correlation_id", "correlationId", "trace_id", "traceId")
_TIMES = ("timestamp", "time", "occurred_at")
_INNER = ("error", "errors", "detail", "fault", "data", "message")
_LISTS = ("errors", "detail", "error", "issues", "message", "messages", "violations")
_OF_FIELDS = ("errors", "message", "messages")
"""Where the single problems stand, and where a bare string is the problem of the field it is at."""

_OWN = ("message", "msg", "detail", "error", "code")
"""An object with one of these speaks for itself: its names are not those of fields."""

_PHRASES = frozenset(status.phrase.casefold() for status in HTTPStatus) | {
    "payload too large", "content too large", "unprocessable content",
}  # fmt: skip
"""What only names a status (RFC 9110 section 15, and Python's older words for it)."""

_WORD = r"(?a)[\w.:/-]+"

_problem = Problem()


def read(response: Response) -> Failure:
    """The best reading of any body, in whatever shape; never raises."""
    return from_json(response) or Failure(
        kind=kind_of(response.status),
        status=response.status,
        message=sentence_in(response) or f"HTTP {response.status}",
    )


def from_json(response: Response) -> Failure | None:
    """What a JSON body says; None where it is not JSON, or says nothing."""
    decoded = read_json(as_utf8(response.body or b""))
    if isinstance(decoded, str):
        decoded = {"message": decoded}
    elif isinstance(decoded, list):
        decoded = {"errors": cast("list[Any]", decoded)}
    if not isinstance(decoded, dict):
        return None
    if media_type(response.headers.get("content-type")) == _problem.media_type:
        problem = _problem.parse(response)
        if problem is not None:
            return msgspec.structs.replace(problem, outcome=None)
    return _from_object(response.status, cast("dict[str, Any]", decoded))


def _from_object(status: int, outer: dict[str, Any]) -> Failure | None:
    if not _speaks(outer):
        return _told(status, outer)
    return LateFailure(kind=kind_of(status), status=status, source=_Speaking(status, outer).told)


class _Speaking(Joint, eq=False):
    """An object with a sentence in it, which is looked for when somebody looks."""

    status: int
    outer: dict[str, Any]

    def tell(self) -> Failure | None:
        """All that it says."""
        return _told(self.status, self.outer)


def _speaks(outer: dict[str, Any]) -> bool:
    return bool(_first([outer], _SENTENCES) or _first(_inner(outer), _SENTENCES))


def _told(status: int, outer: dict[str, Any]) -> Failure | None:
    inner = _inner(outer)
    layers, inner_first = [outer, *inner], [*inner, outer]
    said = _first(inner_first, _SENTENCES)
    said_code = _code(inner_first, "")
    is_label = not said or said.casefold() in _PHRASES or said == said_code
    found = _issues(layers) or (_fields(outer, beside=said or said_code) if is_label else ())
    message = (_summary(found) if is_label else "") or said
    code = _code(inner_first, message)
    if not message and code is None:
        return None
    details = _details(inner_first)
    return Failure(
        kind=kind_of(status),
        status=status,
        code=code,
        message=message[:LONGEST] or f"HTTP {status}: {code}",
        details_json=b"" if details is None else msgspec.json.encode(details),
        issues=found or issues.read(details),
        request_id=_first(inner_first, _IDS) or None,
        timestamp=_first(inner_first, _TIMES) or None,
    )


def _inner(outer: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for name in _INNER if _is_filled(value := outer.get(name))]


def _issues(layers: list[dict[str, Any]]) -> tuple[Issue, ...]:
    each = (_listed(name, layer.get(name)) for layer in layers for name in _LISTS)
    return next(filter(None, each), ())


def _fields(outer: dict[str, Any], *, beside: str | None) -> tuple[Issue, ...]:
    """The fields of the object itself; `beside` a label or a code, none that hold bare words, such
    as ids and names."""
    found = issues.read(outer)
    return tuple(i for i in found if not re.fullmatch(_WORD, i.message)) if beside else found


def _listed(name: str, value: Any) -> tuple[Issue, ...]:
    if _is_filled(value) and _first([value], _OWN):
        return ()
    return issues.read(value, bare=name in _OF_FIELDS)


def _details(layers: list[dict[str, Any]]) -> Any:
    for layer in layers:
        if "details" in layer:
            return layer["details"]
    return None


def _summary(found: tuple[Issue, ...]) -> str:
    return "; ".join(issue.message for issue in found)


def _is_filled(value: Any) -> TypeGuard[dict[str, Any]]:
    return bool(value) and isinstance(value, dict)


def _first(layers: list[dict[str, Any]], names: tuple[str, ...]) -> str:
    for layer in layers:
        for name in names:
            value = layer.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
    return ""


def _code(layers: list[dict[str, Any]], message: str) -> str | None:
    for layer in layers:
        for name in _CODES:
            value = layer.get(name)
            if (
                type(value) is str
                and len(value) <= LONGEST
                and value != message
                and _is_code(value)
            ):
                return value
    return None


@lru_cache(maxsize=256)
def _is_code(value: str) -> bool:
    return re.fullmatch(r"[\w.:/-]+", value) is not None
