"""SQLite as a component: closed and opened again, and what that does to those who ask."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from failwell.apis.database import Database, records, timestamp


class Shelf(Database):
    file = "shelf.db"
    schema = "CREATE TABLE books (title TEXT PRIMARY KEY, pages INTEGER NOT NULL)"

    def add(self, title: str, pages: int = 1) -> None:
        self._open.execute("INSERT INTO books VALUES (?, ?)", (title, pages))

    def books(self) -> list[Book]:
        return records(self._open.execute("SELECT * FROM books ORDER BY title"), Book)

    def count(self) -> int:
        return self.counts({"books": "SELECT count(*) FROM books"})["books"]


class Book(msgspec.Struct, frozen=True):
    title: str
    pages: int


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(lambda: tmp_path)
    asyncio.run(made.start())
    return made


def test_what_it_holds_outlives_a_stop(shelf: Shelf) -> None:
    """It is closed and opened as often as one likes, twice the same way too; its rows stay."""
    shelf.add("Emma", 474)
    for act in (shelf.stop, shelf.stop, shelf.start, shelf.start):
        asyncio.run(act())
    assert shelf.running
    assert shelf.books() == [Book("Emma", 474)]
    asyncio.run(shelf.stop())


def test_while_it_is_stopped_it_can_only_be_counted(shelf: Shelf) -> None:
    """A stopped database refuses reads, writes and transactions; what was made is still known."""
    shelf.add("Emma")
    asyncio.run(shelf.stop())
    assert not shelf.running
    for ask in (
        shelf.books,
        lambda: shelf.add("Persuasion"),
        lambda: shelf.transaction().__enter__(),
    ):
        with pytest.raises(sqlite3.ProgrammingError, match="stopped"):
            ask()
    assert shelf.count() == 1


def test_a_transaction_stands_or_falls_as_one(shelf: Shelf) -> None:
    """After an error inside nothing of it is left, and the next one can begin."""
    with pytest.raises(sqlite3.IntegrityError):
        _twice(shelf)
    assert shelf.count() == 0
    with shelf.transaction():
        shelf.add("Emma")
    assert shelf.count() == 1
    asyncio.run(shelf.stop())


def _twice(shelf: Shelf) -> None:
    with shelf.transaction():
        shelf.add("Emma")
        shelf.add("Emma")


def test_a_timestamp_has_milliseconds() -> None:
    """ISO 8601, in UTC, cut to the millisecond."""
    assert timestamp(1.9999) == "1970-01-01T00:00:01.999Z"
    assert len(timestamp()) == len("2026-01-31T12:00:00.000Z")
