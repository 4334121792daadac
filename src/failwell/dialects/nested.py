"""Failures under one key: `{"error": {"code": ..., "message": ...}}`.

The names of the keys are parameters; Toolpath, MatCraft and many others speak this shape.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from failwell.dialects import issues
from failwell.later import LateFailure
from failwell.model import Failure, Issue, Response, kind_of, outcome_of


class Nested(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An object under `envelope` with a code and a message, and what else is named here.

    A body without both, or with a code or message that is not a string, is not in this shape.
    `sparse` leaves `details` out where there are none; else they are null.
    """

    envelope: str = "error"
    code: str = "code"
    message: str = "message"
    details: str | None = None
    request_id: str | None = None
    timestamp: str | None = None
    outcome: str | None = None
    sparse: bool = False
    media_type: str = "application/json"

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Any]:
        keys = {
            name: getattr(self, name)
            for name in ("code", "message", *_OPTIONAL)
            if getattr(self, name) is not None
        }
        return _decoder(self.envelope, keys)

    def parse(self, response: Response) -> Failure | None:
        """The failure in this envelope; None where the body is not one."""
        try:
            inner = self._decoder.decode(response.body or b"").envelope
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return LateFailure(
            kind=kind_of(response.status),
            status=response.status,
            code=inner.code,
            message=inner.message,
            outcome=outcome_of(inner.outcome),
            source=lambda: inner,
        )

    def render(self, failure: Failure) -> Response:
        """The envelope with the keys that are named, and nothing else."""
        inner: dict[str, Any] = {self.code: failure.code, self.message: failure.message}
        details = None if self.details is None else issues.details_of(failure)
        if self.details is not None and not (self.sparse and details is None):
            inner[self.details] = details
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


class _Inner(msgspec.Struct):
    """What is in the envelope; a dialect has fields of its own for what it names."""

    details = msgspec.Raw()
    request_id = None
    timestamp = None
    outcome = None

    @property
    def details_json(self) -> bytes:
        """The structured extra."""
        return bytes(self.details)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The single problems in it."""
        return issues.read_raw(self.details_json)


_OPTIONAL: dict[str, tuple[Any, Any]] = {
    "details": (msgspec.Raw, msgspec.Raw()),
    "request_id": (str | None, None),
    "timestamp": (str | None, None),
    "outcome": (Any, None),
}


def _decoder(envelope: str, keys: dict[str, str]) -> msgspec.json.Decoder[Any]:
    fields: list[Any] = [("code", str), ("message", str)]
    fields += [(name, *rest) for name, rest in _OPTIONAL.items() if name in keys]
    inner = msgspec.defstruct("Inner", fields, bases=(_Inner,), rename=keys)
    outer = msgspec.defstruct("Outer", [("envelope", inner)], rename={"envelope": envelope})
    return msgspec.json.Decoder(outer)
