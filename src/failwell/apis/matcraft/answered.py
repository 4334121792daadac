"""MatCraft's successes, read: `{"data": …, "meta": …}`. A body in another shape is told, not
guessed at."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.records import Page
from failwell.errors import FailwellError
from failwell.model import BODY_LIMIT, Failure, Kind, Outcome

T = TypeVar("T")

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError)


class _Answer(msgspec.Struct):
    data: msgspec.Raw
    meta: dict[str, Any] = {}


def read(response: httpx2.Response, cls: type[T]) -> T:
    """The record. Raises `MatCraftBadResponseError` for what is none."""
    try:
        return msgspec.json.decode(_answer(response).data, type=cls)
    except _BROKEN as error:
        raise _unreadable(response, cls.__name__, error) from None


def page(response: httpx2.Response, cls: type[T]) -> Page[T]:
    """A page of records. Raises `MatCraftBadResponseError`."""
    try:
        answer = _answer(response)
        items = msgspec.json.decode(answer.data, type=tuple[cls, ...])  # type: ignore[valid-type]
        meta = {name: answer.meta.get(name) for name in ("total", "page", "pages")}
        return msgspec.convert({"items": items, **meta}, Page[cls])  # type: ignore[valid-type]
    except _BROKEN as error:
        raise _unreadable(response, f"page of {cls.__name__}", error) from None


def _answer(response: httpx2.Response) -> _Answer:
    return msgspec.json.decode(response.content, type=_Answer)


def _unreadable(response: httpx2.Response, what: str, error: Exception) -> FailwellError:
    return MATCRAFT.error(
        Failure(
            kind=Kind.BAD_RESPONSE,
            status=response.status_code,
            message=f"The answer is not a {what}: {error}",
            request_id=response.headers.get(MATCRAFT.request_ids.header),
            outcome=None if response.request.method == "GET" else Outcome.APPLIED,
            api=MATCRAFT.name,
            body=response.content[:BODY_LIMIT],
        )
    )
