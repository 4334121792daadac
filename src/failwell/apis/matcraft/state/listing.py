"""A page of a list: which rows, in which order, from where to where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from failwell.apis.matcraft.state.database import Database

R = TypeVar("R", bound=msgspec.Struct)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The rows `number` (from 1) of pages of `size`, ordered by a column."""

    number: int = 1
    size: int = 20
    order: str = "created_at"
    descending: bool = False


def listed(
    database: Database, cls: type[R], table: str, filters: Mapping[str, str | int], page: Page
) -> tuple[list[R], int]:
    """The rows of a page, and how many there are on all pages. `filters` are columns with the
    values that they must have; columns and tables are ours, values are anybody's."""
    where = " AND ".join(f"{column} = ?" for column in filters)
    values = tuple(filters.values())
    total = database.count(f"SELECT count(*) FROM {table} WHERE {where}", values)
    way = "DESC" if page.descending else "ASC"
    columns = ", ".join(field.name for field in msgspec.structs.fields(cls))
    rows = database.rows(
        cls,
        f"SELECT {columns} FROM {table} WHERE {where}"
        f" ORDER BY {page.order} {way}, rowid {way} LIMIT ? OFFSET ?",
        (*values, page.size, (page.number - 1) * page.size),
    )
    return rows, total


def one(database: Database, cls: type[R], table: str, filters: Mapping[str, str | int]) -> R:
    """The one row with these values. Raises `LookupError`."""
    rows, _ = listed(database, cls, table, filters, Page(size=1))
    if not rows:
        raise LookupError(table)
    return rows[0]
