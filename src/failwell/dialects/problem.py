"""Problem details for HTTP APIs: RFC 9457, `application/problem+json`.

Extension members that are read and written: `code`, `errors` (each with `detail` and `pointer`,
as the RFC's own example), `request_id`, `timestamp`, `outcome`. All others are kept as details.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from failwell.dialects import issues
from failwell.headers import media_type
from failwell.model import Failure, Issue, Response, kind_of, outcome_of

_STANDARD = {"type", "title", "status", "detail", "instance"}
_OURS = {"code", "errors", "request_id", "timestamp", "outcome"}
_TELLING = _STANDARD - {"detail", "status"}
_KNOWN = _STANDARD | _OURS


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem documents; `type_base` before a code makes the `type` URI of one that is rendered."""

    type_base: str | None = None
    media_type: str = "application/problem+json"

    def parse(self, response: Response) -> Failure | None:
        """The problem in this body; None where it is neither labelled nor shaped as one."""
        try:
            body = _decoder.decode(response.body or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        labelled = media_type(response.headers.get("content-type")) == self.media_type
        if not labelled and _TELLING.isdisjoint(body):
            return None
        code = _text(body, "code") or _code_of(_text(body, "type"))
        message = _text(body, "detail") or _text(body, "title")
        if message is None and not labelled:
            return None
        return Failure(
            kind=kind_of(response.status),
            status=response.status,
            code=code,
            message=message or f"HTTP {response.status}" + (f": {code}" if code else ""),
            details_json=_extensions(body),
            issues=issues.read(body.get("errors")),
            request_id=_text(body, "request_id"),
            timestamp=_text(body, "timestamp"),
            outcome=outcome_of(body.get("outcome")),
        )

    def render(self, failure: Failure) -> Response:
        """The problem document; `type` is `about:blank` where there is no `type_base`."""
        status = failure.status or 500
        base = self.type_base
        body: dict[str, Any] = {
            "type": f"{base}{failure.code}" if base and failure.code else "about:blank",
            "title": failure.kind.replace("_", " ").capitalize(),
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


_decoder = msgspec.json.Decoder(dict[str, Any])


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value.strip() else None


def _code_of(type_uri: str | None) -> str | None:
    if type_uri is None or type_uri == "about:blank":
        return None
    return type_uri.rstrip("/").rpartition("/")[2].rpartition("#")[2] or None


def _extensions(body: dict[str, Any]) -> bytes:
    rest = {name: body[name] for name in body if name not in _KNOWN}
    return msgspec.json.encode(rest) if rest else b""


def _rendered(issue: Issue) -> dict[str, Any]:
    pointer = None if issue.pointer is None else issues.fragment_of(issue.pointer)
    fields = {"detail": issue.message, "pointer": pointer, "code": issue.code, "path": issue.path}
    return {name: value for name, value in fields.items() if value is not None}
