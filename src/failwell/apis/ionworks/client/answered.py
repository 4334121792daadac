"""Ionworks' successes, read. A body in another shape is told, not guessed at."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import httpx2
import msgspec

from failwell.apis.ionworks.client.records import Page
from failwell.apis.ionworks.contract import IONWORKS
from failwell.errors import FailwellError
from failwell.model import BODY_LIMIT, Failure, Kind, Outcome, read_json

T = TypeVar("T")

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(response: httpx2.Response, cls: type[T]) -> T:
    """The record. Raises `IonworksError` for what is none."""
    try:
        return msgspec.json.decode(response.content, type=cls)
    except _BROKEN as error:
        raise unreadable(response, f"a {getattr(cls, '__name__', cls)}: {error}") from None


def page(response: httpx2.Response, cls: type[T], key: str = "items") -> Page[T]:
    """A page of records, below `key`; a bare array is a page, too. Raises `IonworksError`."""
    body = read_json(response.content)
    envelope: dict[str, Any] = (
        cast("dict[str, Any]", body) if isinstance(body, dict) else {key: body}
    )
    try:
        items = msgspec.convert(envelope.get(key), list[cls])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise unreadable(response, f"a page: {error}") from None
    total = envelope.get("total")
    return Page(items, total if isinstance(total, int) else len(items))


def unreadable(response: httpx2.Response, what: str) -> FailwellError:
    """The exception for a success that is not what was promised."""
    return IONWORKS.error(
        Failure(
            kind=Kind.BAD_RESPONSE,
            status=response.status_code,
            message=f"The answer is not {what}",
            request_id=response.headers.get(IONWORKS.request_ids.header),
            outcome=None if response.request.method == "GET" else Outcome.APPLIED,
            api=IONWORKS.name,
            body=response.content[:BODY_LIMIT],
        )
    )
