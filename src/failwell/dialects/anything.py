"""Any body at all: what can be made out of it.

It tries the shapes that are in use, one after another, never raises, and always keeps the human
sentence, be it in a problem document, under `error`, in FastAPI's `detail`, in a JSON list, a
bare string, a line of text or the heading of a proxy's HTML page.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeGuard, cast

import msgspec

from failwell.dialects import issues
from failwell.dialects.problem import Problem
from failwell.headers import media_type
from failwell.later import Joint, LateFailure
from failwell.model import Failure, Issue, Response, kind_of, read_json

_LONGEST = 1000
_READ = 8192
"""Characters of a text or a page in which a sentence is looked for."""

_SENTENCES = (
    "message", "detail", "error_description", "error_message", "errorMessage", "msg", "title",
    "description", "reason", "error", "fault", "faultstring", "Message", "text",
)  # fmt: skip
_CODES = ("code", "error_code", "errorCode", "error_type", "type", "error", "reason", "status")
_IDS = ("request_id", "requestId", "correlation_id", "correlationId", "trace_id", "traceId")
_TIMES = ("timestamp", "time", "occurred_at")
_NONE: list[Any] = []
_INNER = ("error", "errors", "detail", "fault", "data")

_TRUNCATED_SENTENCE = r'(?s)"(message|detail|msg|title|error)"\s*:\s*"((?:[^"\\]|\\.)+)'
_CUT_ESCAPE = r"\\u[0-9a-fA-F]{0,3}$"
_MARKUP = r"(?i)<(?:!|/?[a-z])"
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HEADING = r"(?is)<(title|h1|h2|p)\b[^>]*>(.*?)</\1\s*>"
_TAG = r"(?is)<(script|style)\b.*?</\1\s*>|<(?:!|/?[a-z])[^>]*(?:>|$)"

_problem = Problem()


def read(response: Response) -> Failure:
    """The best reading of any body, in whatever shape; never raises."""
    return from_json(response) or Failure(
        kind=kind_of(response.status),
        status=response.status,
        message=_sentence_in_text(response) or f"HTTP {response.status}",
    )


def from_json(response: Response) -> Failure | None:
    """What a JSON body says; None where it is not JSON, or says nothing."""
    decoded = read_json(_as_utf8(response.body or b""))
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
    found = _issues(layers)
    message = _first(inner_first, _SENTENCES) or _summary(found)
    code = _code(inner_first, message)
    if not message and code is None:
        found = issues.read(outer)
        message = _summary(found)
        if not message:
            return None
    details = _details(inner_first)
    return Failure(
        kind=kind_of(status),
        status=status,
        code=code,
        message=message[:_LONGEST] or f"HTTP {status}: {code}",
        details_json=b"" if details is None else msgspec.json.encode(details),
        issues=found or issues.read(details),
        request_id=_first(inner_first, _IDS) or None,
        timestamp=_first(inner_first, _TIMES) or None,
    )


def _inner(outer: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for name in _INNER if _is_filled(value := outer.get(name))]


def _issues(layers: list[dict[str, Any]]) -> tuple[Issue, ...]:
    listed: list[Any] = next((of for layer in layers if (of := _list(layer))), _NONE)
    return issues.read(listed) or issues.read(layers[0].get("errors"))


def _details(layers: list[dict[str, Any]]) -> Any:
    for layer in layers:
        if "details" in layer:
            return layer["details"]
    return None


def _summary(found: tuple[Issue, ...]) -> str:
    return "; ".join(issue.message for issue in found)


def _is_filled(value: Any) -> TypeGuard[dict[str, Any]]:
    return bool(value) and isinstance(value, dict)


def _list(layer: dict[str, Any]) -> list[Any]:
    for name in ("errors", "detail", "error", "issues"):
        value = layer.get(name)
        if isinstance(value, list):
            return cast("list[Any]", value)
    return []


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
                and len(value) <= _LONGEST
                and value != message
                and _is_code(value)
            ):
                return value
    return None


@lru_cache(maxsize=256)
def _is_code(value: str) -> bool:
    return re.fullmatch(r"[\w.:/-]+", value) is not None


def _sentence_in_text(response: Response) -> str:
    text = _decoded(response)[:_READ]
    cut = dict(reversed(re.findall(_TRUNCATED_SENTENCE, text)))
    for name in _SENTENCES:
        if name in cut:
            return _tidy(_unescaped(cut[name]))
    if re.search(_MARKUP, text[:512]):
        return _from_html(text)
    return _tidy(text)


def _unescaped(cut: str) -> str:
    whole = read_json(b'"%b"' % re.sub(_CUT_ESCAPE, "", cut).encode("utf-8", "replace"))
    return whole if isinstance(whole, str) else cut.replace('\\"', '"').replace("\\n", " ")


def _from_html(text: str) -> str:
    headings = (_tidy(re.sub(_TAG, " ", found[2])) for found in re.finditer(_HEADING, text))
    told = list(dict.fromkeys(filter(None, headings)))
    return ". ".join(told[:2])[:_LONGEST] or _tidy(re.sub(_TAG, " ", text))


def _decoded(response: Response) -> str:
    body = _as_utf8(response.body or b"")[: 4 * _READ]
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        cut_character = error.start >= len(body) - 3
        return body.decode("utf-8" if cut_character else "latin-1", "replace")


def _as_utf8(body: bytes) -> bytes:
    """The body without a byte order mark, and in UTF-8 where the mark says that it is not."""
    if body[:1] == b"{":
        return body
    for mark, encoding in _MARKS.items():
        if body.startswith(mark):
            return body.decode(encoding, "replace").encode("utf-8", "replace")
    return body


def _tidy(text: str) -> str:
    with suppress(ValueError):  # a numeral of thousands of digits
        import html

        text = html.unescape(text)
    printable = "".join(c if c.isprintable() or c.isspace() else " " for c in text)
    return re.sub(r"\s+", " ", printable).strip()[:_LONGEST]
