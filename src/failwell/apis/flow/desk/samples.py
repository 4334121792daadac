"""Samples: made, found, changed, shared and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from failwell.apis.flow.desk import catalogue
from failwell.apis.flow.desk.fields import Fields, number_of
from failwell.apis.flow.desk.sharing import LEVELS, SEEN_SAMPLES, Sharing
from failwell.apis.flow.desk.uploads import Uploads
from failwell.apis.flow.records import (
    Database,
    DataRow,
    ExecutionRow,
    ProjectRow,
    SampleRow,
    UserRow,
    timestamp,
)
from failwell.apis.flow.refusals import invalid, locked, not_found, wrong

_FILTERS = ("id", "name", "organism", "sample_type")


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a sample is to be."""

    name: str
    sample_type: str = catalogue.GENERIC
    organism: str | None = None
    project: int | None = None
    metadata: dict[str, str] = {}

    @property
    def has_reads(self) -> bool:
        """Whether its files must be FASTQ."""
        kind = catalogue.sample_type(self.sample_type)
        return kind is not None and kind.has_reads


class Samples:
    """The samples of the service."""

    def __init__(self, database: Database, sharing: Sharing, uploads: Uploads) -> None:
        self._database = database
        self._sharing = sharing
        self._uploads = uploads

    def draft(self, user: UserRow, values: Mapping[str, Any]) -> Draft:
        """A sample as a body describes it. Raises VALIDATION_ERROR, NOT_FOUND or FORBIDDEN."""
        fields = Fields(values)
        kind = fields.sample_type()
        draft = Draft(
            name=fields.name(),
            sample_type=kind,
            organism=fields.organism(),
            project=fields.number("project"),
            metadata=fields.attributes(fields.object("metadata"), kind, "metadata."),
        )
        fields.check()
        self.check_project(user, draft.project)
        return draft

    def check_project(self, user: UserRow, project: int | None) -> None:
        """Raises NOT_FOUND or FORBIDDEN for a project that the user may not put samples into."""
        if project is not None:
            self._sharing.found(ProjectRow, project, user, "edit")

    def create(self, user: int, draft: Draft, *, given: bool = False) -> SampleRow:
        """A new sample, without files."""
        return self._database.add(
            SampleRow,
            owner=user,
            name=draft.name,
            organism=draft.organism,
            sample_type=draft.sample_type,
            project=draft.project,
            metadata=msgspec.json.encode(draft.metadata).decode(),
            created=timestamp(),
            given=int(given),
        )

    def found(self, number: int | None, user: UserRow, level: str = "read") -> SampleRow:
        """The sample, for a user who has this level. Raises NOT_FOUND or FORBIDDEN."""
        return self._sharing.found(SampleRow, number, user, level)

    def seen(self, user: UserRow, asked: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """The condition, and its values, of the samples that a user sees and asks for.

        Raises VALIDATION_ERROR for a filter that there is not.
        """
        where, values = [SEEN_SAMPLES], dict[str, Any](user=user.number)
        if asked.get("owned", "").lower() == "true":
            where.append("owner = :user")
        for column, value in _filters(asked).items():
            values[column] = f"%{value}%" if column == "name" else value
            where.append(f"{column} {'LIKE' if column == 'name' else '='} :{column}")
        return " AND ".join(where), values

    def edit(self, user: UserRow, number: int | None, values: Mapping[str, Any]) -> SampleRow:
        """Change what a body names. Raises NOT_FOUND, FORBIDDEN, RESOURCE_LOCKED or
        VALIDATION_ERROR."""
        row = self.found(number, user, "edit")
        now = {
            "name": row.name,
            "organism": row.organism,
            "sample_type": row.sample_type,
            "metadata": row.attributes,
        }
        draft = self.draft(user, {**now, "project": row.project, **values})
        self.check_unlocked([row.number])
        columns = msgspec.structs.asdict(draft)
        columns["metadata"] = msgspec.json.encode(draft.metadata).decode()
        self._database.change(SampleRow, row.number, **columns)
        return self._database.get(SampleRow, row.number)

    def delete(self, user: UserRow, number: int | None) -> None:
        """Delete a sample and its files. Raises NOT_FOUND, FORBIDDEN or RESOURCE_LOCKED."""
        row = self.found(number, user, "owner")
        self.check_unlocked([row.number])
        with self._database.transaction():
            files = self._database.all(DataRow, "sample = ?", row.number)
            self._database.remove(SampleRow, row.number)
            self._sharing.forget(row)
            for file in files:
                self._uploads.discard(file.number)

    def share(self, user: UserRow, row: SampleRow | ProjectRow, values: Mapping[str, Any]) -> None:
        """Share a sample or a project as a body says. Raises CANNOT_SHARE, FORBIDDEN,
        VALIDATION_ERROR, or NOT_FOUND for a user that there is not."""
        self._sharing.check_may_share(row, user)
        level = values.get("permission", LEVELS[0])
        fields = Fields(values)
        names = fields.texts("users")
        if level not in LEVELS:
            fields.complain("permission", f"Use one of {', '.join(LEVELS)}")
        fields.check()
        with self._database.transaction():
            self._sharing.share(row, [self._user(name) for name in names], level)

    def check_unlocked(self, numbers: list[int]) -> None:
        """Raises RESOURCE_LOCKED where an execution that has not ended uses one of these, or a file
        of one."""
        files = {file.number for number in numbers for file in self._uploads.of_sample(number)}
        for execution in self._database.all(ExecutionRow, "status = ''"):
            uses_samples = not set(numbers).isdisjoint(execution.sample_numbers)
            if uses_samples or not files.isdisjoint(execution.data_numbers):
                raise locked()

    def _user(self, name: str) -> int:
        row = self._database.one(UserRow, "username = ?", name)
        if row is None:
            raise not_found("user", name[:100])
        return row.number


def _filters(asked: Mapping[str, str]) -> dict[str, Any]:
    """The columns that are asked for: `name`, `project`, and the one in `filter`."""
    found: dict[str, Any] = {}
    if asked.get("name"):
        found["name"] = asked["name"][:200]
    if asked.get("project"):
        found["project"] = number_of(asked["project"]) or -1
    if asked.get("filter"):
        column, _, value = asked["filter"].partition(":")
        if column not in _FILTERS or not value:
            why = f"Use {', '.join(f'{name}:<value>' for name in _FILTERS)}"
            raise invalid(wrong("filter", why, parameter=True))
        found["number" if column == "id" else column] = _value(column, value)
    return found


def _value(column: str, value: str) -> Any:
    if column == "id":
        return number_of(value) or -1
    organism = catalogue.organism(value) if column == "organism" else None
    return organism.id if organism else value[:200]
