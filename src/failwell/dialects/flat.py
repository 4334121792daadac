"""Failures as one flat object: `{"error_code": ..., "message": ..., "detail": ...}`.

The names of the keys are parameters; IonQ and Ionworks speak this shape.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.dialects import issues
from failwell.later import LateFailure
from failwell.model import Failure, Issue, Response, kind_of, outcome_of


class Flat(msgspec.Struct, frozen=True, kw_only=True):
    """An object with a code and a message at its top, and what else is named here.

    A body without both, or with a code or message that is not a string, is not in this shape.
    """

    code: str = "code"
    message: str = "message"
    details: str | None = None
    status: str | None = None
    request_id: str | None = None
    timestamp: str | None = None
    outcome: str | None = None
    media_type: str = "application/json"

    def parse(self, response: Response) -> Failure | None:
        """The failure in this object; None where the body is not one."""
        try:
            fields = _decoder.decode(response.body or b"")
            code, message = _text(fields[self.code]), _text(fields[self.message])
            request_id = _text(_optional(fields, self.request_id))
            timestamp = _text(_optional(fields, self.timestamp))
            outcome = msgspec.json.decode(_optional(fields, self.outcome))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
            return None
        if code is None or message is None:
            return None
        details = bytes(fields[self.details]) if self.details in fields else b""
        return LateFailure(
            kind=kind_of(response.status),
            status=response.status,
            code=code,
            message=message,
            details_json=details,
            request_id=request_id,
            timestamp=timestamp,
            outcome=outcome_of(outcome),
            source=lambda: _Listed(details),
        )

    def render(self, failure: Failure) -> Response:
        """The object with the keys that are named, and nothing else."""
        body: dict[str, Any] = {self.code: failure.code, self.message: failure.message}
        if self.details is not None:
            body[self.details] = issues.details_of(failure)
        if self.status is not None:
            body[self.status] = failure.status
        if self.request_id is not None:
            body[self.request_id] = failure.request_id
        if self.timestamp is not None:
            body[self.timestamp] = failure.timestamp
        if self.outcome is not None and failure.outcome is not None:
            body[self.outcome] = failure.outcome
        return Response(
            status=failure.status or 500,
            headers={"content-type": self.media_type},
            body=msgspec.json.encode(body),
        )


class _Listed(msgspec.Struct):
    """The single problems in the details, read when somebody looks."""

    details: bytes

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The problems."""
        return issues.read_raw(self.details)


_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_null = msgspec.Raw(b"null")


def _optional(fields: dict[str, msgspec.Raw], name: str | None) -> msgspec.Raw:
    return _null if name is None else fields.get(name, _null)


def _text(value: msgspec.Raw) -> str | None:
    return msgspec.json.decode(value, type=str | None)
