"""Pages and filters, as a query string asks for them.

`name=eq.X`, `name=ilike.%X%` and a bare value, and so for a pipeline's `description`;
`created_at_gt` and its like; `order_by`, `order`; `limit`, `offset`. Source: the Python client's
list methods.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from failwell.apis.ionworks.bodies import invalid
from failwell.apis.ionworks.contract import LARGEST_PAGE
from failwell.apis.ionworks.records import Records, timestamp

T = TypeVar("T")

USUAL_PAGE = 100

_MOMENTS = {
    "created_at_gt": "created > ?",
    "created_at_lt": "created < ?",
    "updated_at_gt": "updated > ?",
    "updated_at_lt": "updated < ?",
}
_COLUMNS = {"name": "name", "created_at": "created", "updated_at": "updated"}


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of the records, and how many there are in all."""

    items: list[T]
    total: int


class Query:
    """What is asked for: conditions, an order and a page."""

    def __init__(self, limit: int, offset: int, order: str) -> None:
        self._page = (limit, offset)
        self._order = order
        self._conditions: list[str] = []
        self._values: list[Any] = []

    def where(self, condition: str, *values: Any) -> Query:
        """The same query with one more condition, in SQL with a `?` for each value."""
        self._conditions.append(condition)
        self._values += values
        return self

    def run(self, records: Records, table: str) -> tuple[list[sqlite3.Row], int]:
        """The rows of the page, and how many there are in all."""
        where = " AND ".join(self._conditions) or "1"
        (total,) = records.rows(f"SELECT count(*) FROM {table} WHERE {where}", self._values)[0]
        found = records.rows(
            f"SELECT * FROM {table} WHERE {where} ORDER BY {self._order} LIMIT ? OFFSET ?",
            [*self._values, *self._page],
        )
        return found, total


def read(given: Mapping[str, str], *, offset: str = "offset", named: bool = True) -> Query:
    """The query in a query string; `offset` is what the first record's number is called there.

    Raises the 422 for a parameter that makes no sense.
    """
    query = Query(
        _whole(given, "limit", USUAL_PAGE, 1, LARGEST_PAGE),
        _whole(given, offset, 0, 0, 2**31),
        _ordered(given, named),
    )
    if named and "name" in given:
        query.where(*matching("name", given["name"]))
    for name, condition in _MOMENTS.items():
        if name in given:
            query.where(condition, _moment(name, given[name]))
    return query


def whole(items: list[dict[str, Any]], total: int, key: str = "items") -> dict[str, Any]:
    """A page as it is given."""
    return {key: items, "count": len(items), "total": total}


def matching(column: str, value: str) -> tuple[str, str]:
    """The condition of a filter, and its value."""
    operator, dot, operand = value.partition(".")
    if dot and operator == "ilike":
        return f"{column} LIKE ?", operand
    exact = operand if dot and operator == "eq" else value
    return f"{column} = ?", exact


def _whole(given: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    said = given.get(name)
    if said is None:
        return usual
    digits = said if said.isascii() and said.isdigit() and len(said) < 12 else "-1"
    if not least <= int(digits) <= most:
        raise invalid(("query", name), f"Must be a whole number from {least} to {most}")
    return int(digits)


def _moment(name: str, said: str) -> str:
    try:
        # A "+" that was not escaped arrives as a space.
        moment = datetime.fromisoformat(said.replace(" ", "+") if "T" in said else said)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise invalid(("query", name), "Must be a date and time in ISO 8601") from None


def _ordered(given: Mapping[str, str], named: bool) -> str:
    columns = {name: column for name, column in _COLUMNS.items() if named or name != "name"}
    by, order = given.get("order_by", "created_at"), given.get("order", "desc").lower()
    if by not in columns:
        raise invalid(("query", "order_by"), f"Must be one of {', '.join(columns)}")
    if order not in ("asc", "desc"):
        raise invalid(("query", "order"), "Must be asc or desc")
    return f"{columns[by]} {order}, number {order}"
