"""Sessions: jobs that are run together on one backend, within limits."""

from __future__ import annotations

import time
import uuid
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from failwell.apis.ionq.access import Key
from failwell.apis.ionq.database import Database, iso
from failwell.apis.ionq.jobs import Jobs

_Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class CostLimit(msgspec.Struct):
    """The most that a session's jobs may cost together."""

    value: Annotated[float, Meta(gt=0)]
    unit: str = "usd"


class Limits(msgspec.Struct, omit_defaults=True):
    """What ends a session by itself."""

    job_count_limit: _Count | None = None
    duration_limit_min: _Count | None = None
    cost_limit: CostLimit | None = None


class NewSession(msgspec.Struct):
    """The body of `POST /sessions`."""

    backend: str
    settings: Limits | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A session; times in epoch seconds."""

    number: int
    id: str
    backend: str
    project: str
    organization: str
    creator: str
    created: float
    started: float | None
    ended: float | None
    ender: str | None
    settings: str

    @property
    def limits(self) -> Limits:
        """What ends it by itself."""
        return msgspec.json.decode(self.settings, type=Limits)

    @property
    def expires(self) -> float | None:
        """When its time is up; None while it has not begun, or where it has no such limit."""
        minutes = self.limits.duration_limit_min
        return None if minutes is None or self.started is None else self.started + 60 * minutes

    def json(self) -> dict[str, Any]:
        """The session, as it is given."""
        settings: dict[str, Any] = msgspec.to_builtins(self.limits)
        if self.expires is not None:
            settings["expires_at"] = iso(self.expires)
        begun = "created" if self.started is None else "started"
        return {
            "id": self.id,
            "created_at": iso(self.created),
            "organization_id": self.organization,
            "backend": self.backend,
            "project_id": self.project,
            "creator_id": self.creator,
            "ended_at": iso(self.ended),
            "ender_id": self.ender,
            "active": self.ended is None,
            "status": begun if self.ended is None else "ended",
            "started_at": iso(self.started),
            "settings": settings,
        }


class Sessions:
    """The table of sessions."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self._database = database
        self._jobs = jobs

    def add(self, key: Key, new: NewSession) -> Row:
        """A new session, which begins with its first job."""
        identifier = str(uuid.uuid4())
        row = {
            "id": identifier,
            "backend": new.backend,
            "project": key.project,
            "organization": key.organization,
            "creator": key.user,
            "created": time.time(),
            "settings": msgspec.json.encode(new.settings or Limits()).decode(),
        }
        self._database.insert("sessions", row)
        return self._where("id = ?", identifier)[0]

    def get(self, identifier: str, project: str) -> Row | None:
        """The session with this id in this project, as it is now."""
        found = self._where("id = ? AND project = ?", identifier, project)
        return self._as_of_now(found[0]) if found else None

    def all(self, project: str) -> list[Row]:
        """The sessions of a project, the newest first."""
        found = self._where("project = ? ORDER BY number DESC", project)
        return [self._as_of_now(each) for each in found]

    def begin(self, session: Row) -> None:
        """Its first job has come."""
        sql = "UPDATE sessions SET started = ? WHERE number = ? AND started IS NULL"
        self._database.execute(sql, time.time(), session.number)

    def end(self, session: Row, ender: str | None) -> Row:
        """It is over; jobs that it has are still run."""
        sql = "UPDATE sessions SET ended = ?, ender = ? WHERE number = ? AND ended IS NULL"
        self._database.execute(sql, time.time(), ender, session.number)
        return self._where("number = ?", session.number)[0]

    def created(self) -> int:
        """How many there ever were."""
        return self._database.count("SELECT count(*) FROM sessions")

    def _as_of_now(self, session: Row) -> Row:
        """The session, ended where one of its limits is reached."""
        if session.ended is not None or not self._is_over(session):
            return session
        return self.end(session, None)

    def _is_over(self, session: Row) -> bool:
        limits = session.limits
        jobs, dollars = self._jobs.in_session(session.id)
        most_jobs, most_dollars = limits.job_count_limit, limits.cost_limit
        return (
            (session.expires is not None and time.time() >= session.expires)
            or (most_jobs is not None and jobs >= most_jobs)
            or (most_dollars is not None and dollars >= most_dollars.value)
        )

    def _where(self, condition: str, *values: Any) -> list[Row]:
        return self._database.rows(Row, f"SELECT * FROM sessions WHERE {condition}", *values)
