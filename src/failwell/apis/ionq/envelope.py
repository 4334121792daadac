"""IonQ's errors on the wire: `{"error", "message", "statusCode"}`, and `validation` on a 400.

Source: IonQ's API description v0.4, schemas Error, BadRequestError and RequestValidation.
"""

from __future__ import annotations

from typing import Any

import msgspec

from failwell.dialects.issues import MOST, pointer_of
from failwell.model import Failure, Issue, Response, kind_of


class Validation(msgspec.Struct, omit_defaults=True):
    """Which keys of the request were bad, and where they were: body, query or params."""

    keys: list[str] = []
    source: str = ""


class _Error(msgspec.Struct, rename="camel"):
    error: str
    message: str
    status_code: int
    validation: msgspec.Raw = msgspec.Raw()


class Envelope(msgspec.Struct, frozen=True):
    """IonQ's dialect.

    A body whose `statusCode` is not the answer's own status is some other server's.
    """

    media_type: str = "application/json"

    def parse(self, response: Response) -> Failure | None:
        """The failure that this body spells; None where it is not in IonQ's shape."""
        try:
            said = _decoder.decode(response.body or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if said.status_code != response.status:
            return None
        details = bytes(said.validation)
        return Failure(
            kind=kind_of(response.status),
            status=response.status,
            code=said.error,
            message=said.message,
            details_json=details,
            issues=_issues(said.message, details),
        )

    def render(self, failure: Failure) -> Response:
        """The three members, and `validation` where the failure has details."""
        status = failure.status or 500
        body: dict[str, Any] = {
            "error": failure.code or "Internal Server Error",
            "message": failure.message,
            "statusCode": status,
        }
        if failure.details_json:
            body["validation"] = msgspec.Raw(failure.details_json)
        return Response(
            status=status,
            headers={"content-type": self.media_type},
            body=msgspec.json.encode(body),
        )


_decoder = msgspec.json.Decoder(_Error)
_validation = msgspec.json.Decoder(Validation)


def _issues(message: str, details: bytes) -> tuple[Issue, ...]:
    """One issue for each bad key; IonQ gives them one message together."""
    try:
        keys = _validation.decode(details).keys if details else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(Issue(message=message, path=key, pointer=pointer_of(key)) for key in keys[:MOST])
