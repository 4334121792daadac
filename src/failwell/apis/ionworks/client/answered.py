"""Ionworks' successes, read. A body in another shape is told, not guessed at."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import httpx2
import msgspec

from failwell.apis import answers
from failwell.apis.ionworks.client.records import Page
from failwell.apis.ionworks.contract import IONWORKS
from failwell.errors import FailwellError
from failwell.model import read_json

T = TypeVar("T")


def read(response: httpx2.Response, cls: type[T]) -> T:
    """The record. Raises `IonworksError` for what is none."""
    return answers.read(IONWORKS, response, cls)


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
    return answers.unreadable(IONWORKS, response, f"is not {what}")
