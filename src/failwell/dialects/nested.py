"""Failures under one key: `{"error": {"code": ..., "message": ...}}`.

The names of the keys are parameters; Toolpath, MatCraft and many others speak this shape.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.dialects import issues
from failwell.model import Failure, Issue, Response, kind_of


class Nested(msgspec.Struct, frozen=True, kw_only=True):
    """An object under `envelope` with a code and a message, and what else is named here.

    A body without both, or with a code or message that is not a string, is not in this shape.
    """

    envelope: str = "error"
    code: str = "code"
    message: str = "message"
    details: str | None = None
    request_id: str | None = None
    timestamp: str | None = None
    outcome: str | None = None
    media_type: str = "application/json"

    def __post_init__(self) -> None:
        keys = {
            name: getattr(self, name)
            for name in ("code", "message", "details", "request_id", "timestamp")
            if getattr(self, name) is not None
        }
        _decoders[self] = _decoder(self.envelope, keys)

    def parse(self, response: Response) -> Failure | None:
        """The failure in this envelope; None where the body is not one."""
        try:
            inner = _decoders[self].decode(response.body or b"").envelope
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        details = inner.details
        return Failure(
            kind=kind_of(response.status),
            status=response.status,
            code=inner.code,
            message=inner.message,
            details_json=bytes(details),
            issues=_issues(details),
            request_id=inner.request_id,
            timestamp=inner.timestamp,
        )

    def render(self, failure: Failure) -> Response:
        """The envelope with the keys that are named, and nothing else."""
        inner: dict[str, Any] = {self.code: failure.code, self.message: failure.message}
        if self.details is not None:
            inner[self.details] = _details(failure)
        if self.request_id is not None:
            inner[self.request_id] = failure.request_id
        if self.timestamp is not None:
            inner[self.timestamp] = failure.timestamp
        if self.outcome is not None and failure.outcome is not None:
            inner[self.outcome] = failure.outcome
        return Response(
            status=failure.status or 500,
            headers={"content-type": self.media_type},
            body=msgspec.json.encode({self.envelope: inner}),
        )


_decoders: dict[Nested, msgspec.json.Decoder[Any]] = {}


def _decoder(envelope: str, keys: dict[str, str]) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [("code", str), ("message", str)]
    fields += [
        ("details", msgspec.Raw, msgspec.Raw()),
        ("request_id", str | None, None),
        ("timestamp", str | None, None),
    ]
    unnamed = {name: f"\x00{name}" for name, *_ in fields if name not in keys}
    inner = msgspec.defstruct("Inner", fields, rename=keys | unnamed)
    outer = msgspec.defstruct("Outer", [("envelope", inner)], rename={"envelope": envelope})
    return msgspec.json.Decoder(outer)


def _issues(details: msgspec.Raw) -> tuple[Issue, ...]:
    raw = bytes(details)
    return issues.read(msgspec.json.decode(raw)) if raw[:1] == b"[" else ()


def _details(failure: Failure) -> Any:
    if failure.details_json:
        return msgspec.Raw(failure.details_json)
    return [msgspec.to_builtins(issue) for issue in failure.issues] or None
