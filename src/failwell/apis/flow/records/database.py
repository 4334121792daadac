"""The database: rows in and out, transactions, and a way to take it down for real."""

from __future__ import annotations

import time
from typing import Any, TypeVar

from failwell.apis import database
from failwell.apis.flow.records.rows import (
    DataRow,
    ExecutionRow,
    ImportRow,
    ProcessRow,
    ProjectRow,
    SampleRow,
    UserRow,
)
from failwell.apis.flow.records.schema import SCHEMA

R = TypeVar("R")

_TABLES: dict[type[Any], str] = {
    UserRow: "users",
    ProjectRow: "projects",
    SampleRow: "samples",
    DataRow: "data",
    ExecutionRow: "executions",
    ProcessRow: "processes",
    ImportRow: "imports",
}


class Database(database.Database):
    """The service's database, as a component.

    Raises `sqlite3.ProgrammingError` for everything while it is stopped.
    """

    file = "flow.db"
    schema = SCHEMA

    def all(self, cls: type[R], where: str = "1", *values: Any, **named: Any) -> list[R]:
        """The rows of a table that meet the condition, whose values are in its order or named."""
        query = f"SELECT * FROM {_TABLES[cls]} WHERE {where}"
        return database.records(self._open.execute(query, named or values), cls)

    def one(self, cls: type[R], where: str, *values: Any) -> R | None:
        """The first row that meets the condition; None where there is none."""
        return next(iter(self.all(cls, where + " LIMIT 1", *values)), None)

    def get(self, cls: type[R], number: int) -> R:
        """The row with this number. Raises `LookupError`."""
        row = self.one(cls, "number = ?", number)
        if row is None:
            raise LookupError(f"no {_TABLES[cls]} {number}")
        return row

    def add(self, cls: type[R], **columns: Any) -> R:
        """A new row."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        statement = f"INSERT INTO {_TABLES[cls]} ({names}) VALUES ({marks})"
        cursor = self._open.execute(statement, tuple(columns.values()))
        return self.get(cls, cursor.lastrowid or 0)

    def change(self, cls: type[Any], number: int, **columns: Any) -> None:
        """New values for some columns of a row."""
        named = ", ".join(f"{name} = ?" for name in columns)
        statement = f"UPDATE {_TABLES[cls]} SET {named} WHERE number = ?"
        self._open.execute(statement, (*columns.values(), number))

    def remove(self, cls: type[Any], number: int) -> None:
        """A row less."""
        self._open.execute(f"DELETE FROM {_TABLES[cls]} WHERE number = ?", (number,))

    def value(self, query: str, *values: Any, **named: Any) -> Any:
        """The first column of the first row of a query; None where there is none."""
        row = self._open.execute(query, named or values).fetchone()
        return None if row is None else row[0]

    def run(self, statement: str, *values: Any) -> None:
        """Carry a statement out."""
        self._open.execute(statement, values)

    def created(self) -> dict[str, int]:
        """How many of each were ever created. It can be asked while the database is stopped."""
        kinds = ("samples", "projects", "data", "executions")
        query = "SELECT number FROM created WHERE kind = '{}'"
        return self.counts({kind: query.format(kind) for kind in kinds})


def timestamp(now: float | None = None) -> str:
    """A time of day (epoch seconds; now where none is given) in ISO 8601, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
