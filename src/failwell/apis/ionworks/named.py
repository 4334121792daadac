"""Records that have a name, which is theirs alone within a scope: cells, lots, measurements."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.queries import Page, Query
from failwell.apis.ionworks.records import Records, minted, timestamp


class Row(msgspec.Struct, frozen=True):
    """A record: its scope is the project or the record that it belongs to."""

    number: int
    id: str
    project: str
    scope: str
    name: str
    created: str
    updated: str
    fields: dict[str, Any]

    def shown(self, parent: str) -> dict[str, Any]:
        """The record as it is given; `parent` is what its scope is called."""
        return {
            **self.fields,
            "id": self.id,
            "name": self.name,
            "project_id": self.project,
            parent: self.scope,
            "created_at": self.created,
            "updated_at": self.updated,
        }


class Named:
    """The records of one table; `what` is what one of them is called."""

    def __init__(self, records: Records, table: str, what: str) -> None:
        self._records = records
        self._table = table
        self._what = what

    def add(
        self,
        project: str,
        scope: str,
        name: str,
        fields: dict[str, Any],
        identifier: str | None = None,
    ) -> Row:
        """A new record. Raises the 409 that names the one which has the name already."""
        identifier, now = identifier or minted(), timestamp()
        try:
            self._records.insert(
                self._table,
                id=identifier,
                project=project,
                scope=scope,
                name=name,
                created=now,
                updated=now,
                fields=_json(fields),
            )
        except sqlite3.IntegrityError:
            self.refuse_twin(scope, name)
            raise
        return self._whole(identifier)

    def change(self, row: Row, name: str | None, fields: dict[str, Any]) -> Row:
        """The record with another name, where one is given, and with these fields replaced."""
        name = row.name if name is None else name
        try:
            self._records.write(
                f"UPDATE {self._table} SET name = ?, fields = ?, updated = ? WHERE id = ?",
                *(name, _json({**row.fields, **fields}), timestamp(), row.id),
            )
        except sqlite3.IntegrityError:
            self.refuse_twin(row.scope, name)
            raise
        return self._whole(row.id)

    def refuse_twin(self, scope: str, name: str) -> None:
        """Raise the 409 where the name is in use in this scope."""
        twin = self._records.row(
            f"SELECT id FROM {self._table} WHERE scope = ? AND name = ?", scope, name
        )
        if twin is not None:
            raise IONWORKS.fail(
                "CONFLICT",
                message=f"A {self._what} named {name[:80]!r} is there already",
                details={
                    "resource": self._what.replace(" ", "_"),
                    "field": "name",
                    "existing_id": twin["id"],
                },
            )

    def get(self, identifier: str, projects: frozenset[str]) -> Row:
        """The record, where it is in one of these projects. Raises the 404."""
        row = self._records.row(f"SELECT * FROM {self._table} WHERE id = ?", identifier)
        if row is None or row["project"] not in projects:
            raise IONWORKS.fail("NOT_FOUND", message=f"There is no {self._what} {identifier[:80]}")
        return _row(row)

    def remove(self, row: Row) -> None:
        """Delete the record, and what belongs to it."""
        self._records.write(f"DELETE FROM {self._table} WHERE id = ?", row.id)

    def page(self, query: Query) -> Page[Row]:
        """The records that a query asks for."""
        found, total = query.run(self._records, self._table)
        return Page([_row(row) for row in found], total)

    def _whole(self, identifier: str) -> Row:
        found = self._records.row(f"SELECT * FROM {self._table} WHERE id = ?", identifier)
        assert found is not None
        return _row(found)


def _row(row: sqlite3.Row) -> Row:
    named = {name: row[name] for name in Row.__struct_fields__}
    return Row(**{**named, "fields": msgspec.json.decode(row["fields"])})


def _json(fields: dict[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()
