"""Datasets as they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from failwell.apis.database import timestamp
from failwell.apis.matcraft.state.campaigns import NameTakenError
from failwell.apis.matcraft.state.database import Database, new_id
from failwell.apis.matcraft.state.listing import Page, listed, one

ORDERS = ("created_at", "name", "rows")


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A row; `columns` is JSON, `content` the CSV file as it came."""

    id: str
    account: str
    name: str
    description: str
    columns: bytes
    rows: int
    created_at: str
    content: bytes


class Datasets:
    """The table of datasets; a deleted one stays as a row, and its name is free again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, account: str, name: str, description: str, columns: list[str], rows: int, file: bytes
    ) -> Dataset:
        """A new dataset. Raises `NameTakenError`."""
        dataset = new_id("ds")
        listed = msgspec.json.encode(columns)
        values = (dataset, account, name, description, listed, rows, timestamp(), file)
        try:
            self._database.execute(
                "INSERT INTO datasets (id, account, name, description, columns, rows, created_at,"
                " content) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        except sqlite3.IntegrityError:
            raise NameTakenError(name) from None
        return self.get(account, dataset)

    def get(self, account: str, dataset: str, *, deleted: bool = False) -> Dataset:
        """The dataset with this id; one that is `deleted` too, where a campaign still needs it.

        Raises `LookupError`.
        """
        filters: dict[str, str | int] = {"id": dataset, "account": account}
        if not deleted:
            filters["deleted"] = 0
        return one(self._database, Dataset, "datasets", filters)

    def page(
        self, account: str, filters: Mapping[str, str], page: Page
    ) -> tuple[list[Dataset], int]:
        """A page of the account's datasets, and how many there are."""
        wanted: dict[str, str | int] = {**filters, "account": account, "deleted": 0}
        return listed(self._database, Dataset, "datasets", wanted, page)

    def delete(self, dataset: str) -> None:
        """It is there no more."""
        self._database.execute("UPDATE datasets SET deleted = 1 WHERE id = ?", (dataset,))
