"""MatCraft's successes, read: `{"data": …, "meta": …}`. A body in another shape is told, not
guessed at."""

from __future__ import annotations

from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.answers import BROKEN, unreadable
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.records import Page

T = TypeVar("T")


class _Answer(msgspec.Struct):
    data: msgspec.Raw
    meta: dict[str, Any] = {}


def read(response: httpx2.Response, cls: type[T]) -> T:
    """The record. Raises `MatCraftBadResponseError` for what is none."""
    try:
        return msgspec.json.decode(_answer(response).data, type=cls)
    except BROKEN as error:
        raise unreadable(MATCRAFT, response, f"is not a {cls.__name__}: {error}") from None


def page(response: httpx2.Response, cls: type[T]) -> Page[T]:
    """A page of records. Raises `MatCraftBadResponseError`."""
    try:
        answer = _answer(response)
        items = msgspec.json.decode(answer.data, type=tuple[cls, ...])  # type: ignore[valid-type]
        meta = {name: answer.meta.get(name) for name in ("total", "page", "pages")}
        return msgspec.convert({"items": items, **meta}, Page[cls])  # type: ignore[valid-type]
    except BROKEN as error:
        told = f"is not a page of {cls.__name__}: {error}"
        raise unreadable(MATCRAFT, response, told) from None


def _answer(response: httpx2.Response) -> _Answer:
    return msgspec.json.decode(response.content, type=_Answer)
