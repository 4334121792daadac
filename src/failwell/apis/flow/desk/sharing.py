"""Who may do what: read < edit < share < owner."""

from __future__ import annotations

from typing import TypeVar

from failwell.apis.flow.records import (
    Database,
    DataRow,
    ExecutionRow,
    ProcessRow,
    ProjectRow,
    SampleRow,
    UserRow,
)
from failwell.apis.flow.refusals import fail, forbidden, not_found

Shared = ProjectRow | SampleRow | DataRow | ExecutionRow
S = TypeVar("S", ProjectRow, SampleRow, DataRow, ExecutionRow)

LEVELS = ("read", "edit", "share")
_RANK = {None: 0, "read": 1, "edit": 2, "share": 3, "owner": 4}
_NAMES = {rank: name for name, rank in _RANK.items()}
_KINDS: dict[type[Shared], str] = {
    ProjectRow: "project",
    SampleRow: "sample",
    DataRow: "data",
    ExecutionRow: "execution",
}

SEEN_PROJECTS = """(owner = :user OR is_public OR number IN
    (SELECT resource FROM shares WHERE kind = 'project' AND user = :user))"""
SEEN_SAMPLES = f"""(owner = :user OR number IN
    (SELECT resource FROM shares WHERE kind = 'sample' AND user = :user)
    OR project IN (SELECT number FROM projects WHERE {SEEN_PROJECTS}))"""
"""Conditions on rows that `:user` may read."""


class Sharing:
    """The permissions of users on resources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def found(self, cls: type[S], number: int | None, user: UserRow, level: str = "read") -> S:
        """The resource, for a user who has this level. Raises NOT_FOUND or FORBIDDEN."""
        kind = _KINDS[cls]
        row = None if number is None else self._database.one(cls, "number = ?", number)
        if row is None:
            raise not_found(kind, number)
        has = self.level(row, user)
        if _RANK[has] < _RANK[level]:
            raise forbidden(kind, row.number, level, has)
        return row

    def level(self, row: Shared, user: UserRow) -> str | None:
        """The highest level that a user has on a resource; None for none."""
        if row.owner == user.number:
            return "owner"
        levels = (self._own(row, user), self._inherited(row, user))
        return _NAMES[max(_RANK[level] for level in levels)]

    def share(self, row: ProjectRow | SampleRow, users: list[int], level: str) -> None:
        """Give users a level."""
        kind = _KINDS[type(row)]
        for one in users:
            statement = "INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?)"
            self._database.run(statement, kind, row.number, one, _RANK[level])

    def check_may_share(self, row: ProjectRow | SampleRow, user: UserRow) -> None:
        """Raises CANNOT_SHARE below the level "share", FORBIDDEN where there is no level at all."""
        has = self.level(row, user)
        kind = _KINDS[type(row)]
        if has is None:
            raise forbidden(kind, row.number, "share", None)
        if _RANK[has] < _RANK["share"]:
            raise fail("CANNOT_SHARE")

    def forget(self, row: ProjectRow | SampleRow) -> None:
        """A resource is gone, and with it what was shared of it."""
        kind = _KINDS[type(row)]
        self._database.run("DELETE FROM shares WHERE kind = ? AND resource = ?", kind, row.number)

    def _own(self, row: Shared, user: UserRow) -> str | None:
        rank = self._database.value(
            "SELECT level FROM shares WHERE kind = ? AND resource = ? AND user = ?",
            _KINDS[type(row)],
            row.number,
            user.number,
        )
        return _NAMES[rank or 0]

    def _inherited(self, row: Shared, user: UserRow) -> str | None:
        """What comes with the project of a sample, the sample of a file, the run of an output."""
        if isinstance(row, ProjectRow):
            return "read" if row.is_public else None
        above = self._above(row)
        level = None if above is None else self.level(above, user)
        return "share" if level == "owner" else level

    def _above(self, row: Shared) -> Shared | None:
        if isinstance(row, SampleRow) and row.project is not None:
            return self._database.one(ProjectRow, "number = ?", row.project)
        if isinstance(row, DataRow) and row.sample is not None:
            return self._database.one(SampleRow, "number = ?", row.sample)
        if isinstance(row, DataRow) and row.process is not None:
            process = self._database.get(ProcessRow, row.process)
            return self._database.one(ExecutionRow, "number = ?", process.execution)
        return None
