"""Problem details for HTTP APIs: RFC 9457, `application/problem+json`.

Extension members that are read and written: `code`, `errors` (each with `detail` and `pointer`,
as the RFC's own example), `request_id`, `timestamp`, `outcome`. All others are kept as details.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import msgspec

from failwell.dialects import issues
from failwell.headers import media_type
from failwell.later import LateFailure
from failwell.model import Failure, Issue, Response, kind_of, outcome_of, read_json

_STANDARD = {"type", "title", "status", "detail", "instance"}
_OURS = {"code", "errors", "request_id", "timestamp", "outcome"}
_KNOWN = _STANDARD | _OURS


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem documents; `type_base` before a code makes the `type` URI of one that is rendered."""

    type_base: str | None = None
    media_type: str = "application/problem+json"

    def parse(self, response: Response) -> Failure | None:
        """The problem in this body; None where it is neither labelled nor shaped as one."""
        body = response.body or b""
        try:
            said = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        labelled = media_type(response.headers.get("content-type")) == self.media_type
        if not labelled and said.type is said.title is said.instance is msgspec.UNSET:
            return None
        words = _Words(response.status, said, body)
        if not labelled and words.sentence is None:
            return None
        return LateFailure(
            kind=kind_of(response.status),
            status=response.status,
            outcome=outcome_of(said.outcome),
            source=lambda: words,
        )

    def render(self, failure: Failure) -> Response:
        """The problem document; `type` is `about:blank` where there is no `type_base`, and the
        title is HTTP's own phrase (RFC 9457 section 4.2.1)."""
        status = failure.status or 500
        base = self.type_base
        body: dict[str, Any] = {
            "type": f"{base}{failure.code}" if base and failure.code else "about:blank",
            "title": _phrase(status) or failure.kind.replace("_", " ").capitalize(),
            "status": status,
            "detail": failure.message,
        }
        body |= {
            name: value
            for name in ("code", "request_id", "timestamp", "outcome")
            if (value := getattr(failure, name)) is not None
        }
        if failure.issues:
            body["errors"] = [_rendered(issue) for issue in failure.issues]
        details: Any = failure.details
        if isinstance(details, dict):
            body = cast("dict[str, Any]", details) | body
        return Response(
            status=status,
            headers={"content-type": self.media_type},
            body=msgspec.json.encode(body),
        )


class _Members(msgspec.Struct):
    """The members that are read, of whatever type: RFC 9457 section 3.1 ignores a wrong one."""

    type: Any = msgspec.UNSET
    title: Any = msgspec.UNSET
    instance: Any = msgspec.UNSET
    detail: Any = None
    code: Any = None
    errors: msgspec.Raw = msgspec.Raw()
    request_id: Any = None
    timestamp: Any = None
    outcome: Any = None


class _Words(msgspec.Struct):
    """What a problem document says in words, read when somebody looks."""

    status: int
    members: _Members
    text: bytes

    @property
    def sentence(self) -> str | None:
        """Its own sentence, if it has one."""
        return _text(self.members.detail) or _text(self.members.title)

    @property
    def message(self) -> str:
        """Its sentence, or one made of its code."""
        return self.sentence or ": ".join(filter(None, (f"HTTP {self.status}", self.code)))

    @property
    def code(self) -> str | None:
        """Its code, or the last part of its type."""
        return _text(self.members.code) or _code_of(_text(self.members.type))

    @property
    def request_id(self) -> str | None:
        """The id of the request."""
        return _text(self.members.request_id)

    @property
    def timestamp(self) -> str | None:
        """When it was said."""
        return _text(self.members.timestamp)

    @property
    def details_json(self) -> bytes:
        """All its other members."""
        return _extensions(self.text)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The single problems."""
        return issues.read(read_json(bytes(self.members.errors)))


_STATUSES = frozenset(HTTPStatus)
_decoder = msgspec.json.Decoder(_Members)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _phrase(status: int) -> str | None:
    return HTTPStatus(status).phrase if status in _STATUSES else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _code_of(type_uri: str | None) -> str | None:
    if type_uri is None or type_uri == "about:blank":
        return None
    return type_uri.rstrip("/").rpartition("/")[2].rpartition("#")[2] or None


def _extensions(body: bytes) -> bytes:
    try:
        members = _members.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    rest = {name: raw for name, raw in members.items() if name not in _KNOWN}
    return msgspec.json.encode(rest) if rest else b""


def _rendered(issue: Issue) -> dict[str, Any]:
    pointer = None if issue.pointer is None else issues.fragment_of(issue.pointer)
    fields = {"detail": issue.message, "pointer": pointer, "code": issue.code, "path": issue.path}
    return {name: value for name, value in fields.items() if value is not None}
