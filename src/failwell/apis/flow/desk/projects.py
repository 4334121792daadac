"""Projects: made, found and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failwell.apis.flow.desk.fields import Fields
from failwell.apis.flow.desk.samples import Samples
from failwell.apis.flow.desk.sharing import Sharing
from failwell.apis.flow.records import Database, ProjectRow, SampleRow, UserRow, timestamp
from failwell.apis.flow.refusals import exists


class Projects:
    """The projects of the service."""

    def __init__(self, database: Database, sharing: Sharing, samples: Samples) -> None:
        self._database = database
        self._sharing = sharing
        self._samples = samples

    def create(self, user: UserRow, values: Mapping[str, Any]) -> ProjectRow:
        """A new project. Raises VALIDATION_ERROR, or ALREADY_EXISTS for a name of the user's."""
        fields = Fields(values)
        name = fields.name()
        columns = {
            "description": fields.text("description") or "",
            "organism": fields.organism(),
            "is_public": int(fields.flag("is_public")),
        }
        fields.check()
        if self._database.one(ProjectRow, "owner = ? AND name = ?", user.number, name):
            raise exists("project", "name", name)
        created = timestamp()
        return self._database.add(
            ProjectRow, owner=user.number, name=name, created=created, **columns
        )

    def found(self, number: int | None, user: UserRow, level: str = "read") -> ProjectRow:
        """The project, for a user who has this level. Raises NOT_FOUND or FORBIDDEN."""
        return self._sharing.found(ProjectRow, number, user, level)

    def delete(self, user: UserRow, number: int | None) -> None:
        """Delete a project; its samples stay. Raises NOT_FOUND, FORBIDDEN or RESOURCE_LOCKED."""
        row = self.found(number, user, "owner")
        inside = self._database.all(SampleRow, "project = ?", row.number)
        self._samples.check_unlocked([sample.number for sample in inside])
        with self._database.transaction():
            self._database.run("UPDATE samples SET project = NULL WHERE project = ?", row.number)
            self._sharing.forget(row)
            self._database.remove(ProjectRow, row.number)
