"""What MatCraft's successes look like: `{"data": …, "meta": {"request_id", "timestamp"}}`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from failwell.apis.database import timestamp
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.state.listing import Page
from failwell.server import context

_LAST_PAGE = 1_000_000
_MOST_PER_PAGE = 100


def answer(data: Any, status: int = 200, **meta: Any) -> Response:
    """A success with this data."""
    told = {"request_id": context.request_id(), "timestamp": timestamp(), **meta}
    body = msgspec.json.encode({"data": data, "meta": told})
    return Response(body, status, media_type="application/json")


def page_of(items: Sequence[Any], total: int, page: Page) -> Response:
    """A page of a list."""
    pages = math.ceil(total / page.size)
    return answer(items, total=total, page=page.number, per_page=page.size, pages=pages)


def asked_page(request: Request, orders: Sequence[str]) -> Page:
    """The page that the query asks for. Raises `INVALID_REQUEST`."""
    sort = request.query_params.get("sort", orders[0])
    if sort.removeprefix("-") not in orders:
        raise invalid(f"sort is {sort[:40]!r}: use {', '.join(orders)}, with - for descending")
    return Page(
        number=whole(request, "page", 1, _LAST_PAGE),
        size=whole(request, "per_page", 20, _MOST_PER_PAGE),
        order=sort.removeprefix("-"),
        descending=sort.startswith("-"),
    )


def filters(request: Request, *columns: str, **choices: Sequence[str]) -> dict[str, str]:
    """What the query asks the rows to have, by column; `choices` are columns with all that they
    may hold. Raises `INVALID_REQUEST`."""
    query = request.query_params
    asked = {column: query[column] for column in (*columns, *choices) if column in query}
    for column, allowed in choices.items():
        if asked.get(column, allowed[0]) not in allowed:
            raise invalid(f"{column} is {asked[column][:40]!r}: use {', '.join(allowed)}")
    return asked


def whole(request: Request, name: str, default: int, most: int) -> int:
    """A number from 1 in the query. Raises `INVALID_REQUEST`."""
    text = request.query_params.get(name, str(default))
    if text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most:
        return int(text)
    raise invalid(f"{name} is {text[:40]!r}: use a number from 1 to {most}")


def invalid(message: str) -> Exception:
    """The refusal of a malformed request."""
    return MATCRAFT.fail("INVALID_REQUEST", 400, message=message)


def unknown(what: str, identifier: str) -> Exception:
    """The refusal where there is no such resource, or it is another account's."""
    return MATCRAFT.fail("NOT_FOUND", message=f"{what} {identifier[:64]} not found")


def taken(what: str, name: str) -> Exception:
    """The refusal of a name that another resource has."""
    message = f"A {what} named {name} exists already"
    detail = {"path": "name", "message": "Choose another name", "value": name}
    return MATCRAFT.fail("CONFLICT", message=message, details=[detail])
