"""Failures of GraphQL: `{"data": null, "errors": [{"message": ..., "extensions": {...}}]}`.

Source: GraphQL, October 2021, section 7.1.2; GraphQL over HTTP, draft of August 2026, section 6.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from failwell.dialects import issues
from failwell.model import Failure, Kind, Response, kind_of, outcome_of


class GraphQL(msgspec.Struct, frozen=True, kw_only=True):
    """An answer with a list of errors, of which the first is the failure.

    GraphQL says its errors in an answer of 200, so their kind comes from their code: `kinds` knows
    those of one API. What else is in `extensions` is kept as details. `spoken` are the statuses
    that are said all the same, for they are no answer to the document: it was not carried out.
    """

    kinds: Mapping[str, Kind] = {}
    request_id: str | None = "requestId"
    timestamp: str | None = "timestamp"
    outcome: str | None = "outcome"
    spoken: frozenset[int] = frozenset({405, 413, 429, 500, 503})
    media_type: str = "application/json"

    def parse(self, response: Response) -> Failure | None:
        """The first error of the answer; None where it has none, or is not GraphQL's at all."""
        try:
            error = _decoder.decode(response.body or b"").errors[0]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
            return None
        more = error.extensions or {}
        code = _text(more, "code")
        return Failure(
            kind=self._kind(code, response.status),
            status=response.status,
            code=code,
            message=error.message,
            details_json=self._rest(more),
            issues=issues.read(_listed(more)),
            request_id=_text(more, self.request_id),
            timestamp=_text(more, self.timestamp),
            outcome=outcome_of(more.get(self.outcome or "")),
        )

    def render(self, failure: Failure) -> Response:
        """An answer without data and with this one error."""
        error = {"message": failure.message, "extensions": self.extensions(failure)}
        status = failure.status if failure.status in self.spoken else 200
        return Response(
            status=status or 200,
            headers={"content-type": self.media_type},
            body=msgspec.json.encode({"data": None, "errors": [error]}),
        )

    def extensions(self, failure: Failure) -> dict[str, Any]:
        """What is said of a failure beside its message; details of an object become members."""
        details, named = failure.details, self._named()
        said: dict[str, Any] = {key: getattr(failure, name) for name, key in named.items()}
        if isinstance(details, dict):
            said = cast("dict[str, Any]", details) | said
        elif details is not None:
            said["details"] = details
        elif failure.issues:
            said["details"] = [msgspec.to_builtins(issue) for issue in failure.issues]
        return {name: value for name, value in said.items() if value is not None}

    def _kind(self, code: str | None, status: int) -> Kind:
        known = self.kinds.get(code or "")
        return known or (kind_of(status) if status >= 400 else Kind.OTHER_CLIENT)

    def _named(self) -> dict[str, str]:
        """The facts that have a member of their own, and its name."""
        named = {name: getattr(self, name) for name in ("request_id", "timestamp", "outcome")}
        return {"code": "code"} | {name: key for name, key in named.items() if key is not None}

    def _rest(self, more: dict[str, Any]) -> bytes:
        ours = set(self._named().values())
        rest = {name: value for name, value in more.items() if name not in ours}
        if list(rest) == ["details"] and not isinstance(rest["details"], dict):
            return msgspec.json.encode(rest["details"])
        return msgspec.json.encode(rest) if rest else b""


class _Error(msgspec.Struct):
    message: str
    extensions: dict[str, Any] | None = None


class _Answer(msgspec.Struct):
    errors: list[_Error]


_decoder = msgspec.json.Decoder(_Answer)


def _text(fields: dict[str, Any], name: str | None) -> str | None:
    value = fields.get(name or "")
    return value if isinstance(value, str) and value else None


def _listed(fields: dict[str, Any]) -> Any:
    details = fields.get("details")
    if isinstance(details, dict):
        return cast("dict[str, Any]", details).get("errors")
    return details
