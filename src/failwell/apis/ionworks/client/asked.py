"""Paths, queries and bodies of the calls to Ionworks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict
from urllib.parse import quote

import msgspec

from failwell.apis.operation import Ask
from failwell.errors import InvalidRequestError
from failwell.settings import Options

_JSON = {"Content-Type": "application/json"}


class Filters(TypedDict, total=False):
    """Which records, and in which order. `name` is part of the name, whatever its case; times are
    ISO 8601; `order` is "asc" or "desc"."""

    name: str
    name_exact: str
    created_after: str
    created_before: str
    updated_after: str
    updated_before: str
    order_by: str
    order: str


_NAMES = {
    "created_after": "created_at_gt",
    "created_before": "created_at_lt",
    "updated_after": "updated_at_gt",
    "updated_before": "updated_at_lt",
}


def query(filters: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """The query string of a list. Raises `TypeError` for a filter that is none."""
    unknown = set(filters) - Filters.__annotations__.keys()
    if unknown:
        raise TypeError(f"there is no filter {', '.join(sorted(unknown))}")
    asked = {_NAMES.get(name, name): value for name, value in filters.items()}
    exact, part = asked.pop("name_exact", None), asked.pop("name", None)
    if exact is not None:
        asked["name"] = f"eq.{exact}"
    elif part is not None:
        asked["name"] = f"ilike.%{part}%"
    return {name: str(value) for name, value in {**asked, **more}.items() if value is not None}


def path(*parts: str) -> str:
    """The path of these parts, relative to the base URL; ids are escaped.

    Raises `InvalidRequestError` for an id that is none.
    """
    for part in parts:
        # A caller's variable, which may be anything.
        if not isinstance(part, str) or part in ("", ".", ".."):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidRequestError.of(f"{part!r} is not an id")
    return "/".join(quote(part, safe="") for part in parts)


def write(method: str, where: str, data: object, *, get_existing: bool = False) -> Ask:
    """The call that sends this data as JSON; dates and numbers of other libraries are taken.

    Raises `InvalidRequestError` for what cannot be JSON.
    """
    try:
        body = msgspec.json.encode(data, enc_hook=plain)
    except (TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise InvalidRequestError.of(f"The data cannot be sent as JSON: {error}") from None
    options = Options(get_existing=True) if get_existing else None
    return Ask(method, where, content=body, headers=_JSON, options=options)


def plain(value: object) -> Any:
    """numpy's scalars and arrays, as the lists and numbers that they stand for."""
    listed = getattr(value, "tolist", None)
    if callable(listed):
        return listed()
    raise TypeError(f"{type(value).__name__} is not JSON")


def fields(data: object, what: str) -> dict[str, Any]:
    """The fields given. Raises `InvalidRequestError` for what is no mapping."""
    if not isinstance(data, Mapping):
        raise InvalidRequestError.of(f"{what} is a {type(data).__name__}: give its fields by name")
    return {**data}
