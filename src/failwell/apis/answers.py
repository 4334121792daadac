"""Answers of an API as its client reads them. A success in another shape is told, not guessed
at."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import httpx2
import msgspec

from failwell import redaction
from failwell.contract import Contract
from failwell.errors import FailwellError
from failwell.model import BODY_LIMIT, Failure, Kind, Outcome, read_json

T = TypeVar("T")

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError)
"""What is raised where a body is read that is not what was promised."""


def read(contract: Contract, response: httpx2.Response, cls: type[T]) -> T:
    """The record that the whole body is. Raises the contract's `BadResponseError`."""
    try:
        return msgspec.json.decode(response.content, type=cls)
    except BROKEN as error:
        name = getattr(cls, "__name__", cls)
        raise unreadable(contract, response, f"is not a {name}: {error}") from None


def unreadable(
    contract: Contract, response: httpx2.Response, why: str, *, keep_body: bool = True
) -> FailwellError:
    """The contract's `BadResponseError` for "The answer …", and `why`. A write whose answer cannot
    be read has taken effect; no secret that was sent is kept of what came back."""
    request = response.request
    secrets = redaction.secrets_of(request.headers, request.url, None)
    body = redaction.scrub(response.content, secrets)[:BODY_LIMIT] if keep_body else b""
    return contract.error(
        Failure(
            kind=Kind.BAD_RESPONSE,
            status=response.status_code,
            message=f"The answer {redaction.words(why, secrets)}",
            request_id=response.headers.get(contract.request_ids.header),
            outcome=None if request.method in contract.safe else Outcome.APPLIED,
            api=contract.name,
            method=request.method,
            url=redaction.address(str(request.url), secrets),
            body=body,
        )
    )


_spelled = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def spelled(text: bytes | msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, each as it is spelled, and none for null; None for all that is
    neither."""
    try:
        return _spelled.decode(text) or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def members(body: bytes | None) -> dict[str, Any]:
    """The members of a JSON object; none where the body is no such thing."""
    decoded = read_json(body or b"")
    return cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else {}
