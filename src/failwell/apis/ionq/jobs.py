"""Jobs, as they are kept: from their submission to their end."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from failwell.apis.ionq.circuits import Circuit
from failwell.apis.ionq.database import Database
from failwell.apis.ionq.job_row import SPLIT, Filter, Row, Status
from failwell.apis.ionq.preflight import JobFailure

_OPEN = "status IN ('submitted', 'ready', 'started')"


class Jobs:
    """The table of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, fields: dict[str, Any], circuit: Circuit | None) -> str:
        """A new job, submitted now; gives its id. One without a circuit has children, or a flaw."""
        identifier = str(uuid.uuid4())
        row = {**fields, "id": identifier, "status": "submitted", "submitted": time.time()}
        number = self._database.insert("jobs", row)
        encoded = None if circuit is None else msgspec.json.encode(circuit)
        self._database.insert("work", {"job": number, "circuit": encoded})
        return identifier

    def get(self, identifier: str, project: str) -> Row | None:
        """The job with this id in this project."""
        found = self._where("id = ? AND project = ? AND deleted IS NULL", identifier, project)
        return found[0] if found else None

    def page(self, wanted: Filter, limit: int) -> tuple[list[Row], str | None]:
        """Jobs, the newest first, and the id of the next one where there are more."""
        conditions, values = wanted.conditions()
        order = f"{' AND '.join(conditions)} ORDER BY number DESC LIMIT {limit + 1}"
        found = self._where(order, *values)
        return found[:limit], found[limit].id if len(found) > limit else None

    def number_of(self, identifier: str, project: str) -> int | None:
        """The place of a job in the list, though it may be deleted by now."""
        sql = "SELECT number FROM jobs WHERE id = ? AND project = ?"
        row = self._database.one(sql, identifier, project)
        return None if row is None else int(row[0])

    def children(self, parent: str) -> list[Row]:
        """The jobs that a job was split into."""
        return self._where("parent = ? ORDER BY number", parent)

    def in_session(self, session: str) -> tuple[int, float]:
        """How many jobs a session has, and what they cost in US dollars."""
        sql = "SELECT count(*), total(price) FROM jobs WHERE session = ? AND parent IS NULL"
        row = self._database.one(sql, session) or (0, 0.0)
        return int(row[0]), float(row[1])

    def used(self, organization: str, since: float, until: float) -> list[Row]:
        """The jobs of an organization that hardware completed in this time."""
        return self._where(
            "project IN (SELECT project FROM keys WHERE organization = ?)"
            " AND parent IS NULL AND price IS NOT NULL AND dry_run = 0 AND status = 'completed'"
            " AND completed >= ? AND completed < ? ORDER BY number DESC",
            organization,
            since,
            until,
        )

    def spent(self, project: str) -> float:
        """What a project's jobs on hardware have cost, in US dollars; deleted ones, too."""
        sql = (
            "SELECT total(price) FROM jobs WHERE project = ? AND parent IS NULL AND dry_run = 0"
            " AND status = 'completed'"
        )
        row = self._database.one(sql, project) or (0.0,)
        return float(row[0])

    def circuit(self, job: Row) -> Circuit | None:
        """What the job runs."""
        row = self._database.one("SELECT circuit FROM work WHERE job = ?", job.number)
        return msgspec.json.decode(row[0], type=Circuit) if row and row[0] else None

    def result(self, job: Row) -> bytes | None:
        """The probabilities that came out, as JSON."""
        row = self._database.one("SELECT result FROM work WHERE job = ?", job.number)
        return row[0] if row else None

    def next(self) -> Row | None:
        """The oldest job that waits for its turn."""
        found = self._where(
            f"status IN ('submitted', 'ready') AND type != '{SPLIT}' ORDER BY number LIMIT 1"
        )
        return found[0] if found else None

    def make_ready(self, job: Row) -> None:
        """Let it wait for the machine: nothing is wrong with it."""
        sql = "UPDATE jobs SET status = 'ready' WHERE number = ? AND status = 'submitted'"
        self._database.execute(sql, job.number)

    def start(self, job: Row) -> bool:
        """Begin it, for its turn has come; False where it was called off in time."""
        sql = "UPDATE jobs SET status = 'started', started = ? WHERE number = ? AND " + _OPEN
        touched = self._database.execute(sql, time.time(), job.number)
        if job.parent is not None:
            parent = (
                "UPDATE jobs SET status = 'started', started = ? WHERE id = ? AND started IS NULL"
            )
            self._database.execute(f"{parent} AND {_OPEN}", time.time(), job.parent)
        return touched > 0

    def put_back(self) -> None:
        """Let what was under way when the machine ended wait for its turn again."""
        sql = "UPDATE jobs SET status = 'ready' WHERE status = 'started' AND type != ?"
        self._database.execute(sql, SPLIT)

    def complete(self, job: Row, result: bytes | None) -> None:
        """End it well; a dry run has no result."""
        with self._database.transaction():
            if self._end(job, "completed", None) and result is not None:
                sql = "UPDATE work SET result = ? WHERE job = ?"
                self._database.execute(sql, result, job.number)
        self._settle(job.parent)

    def fail(self, job: Row, failure: JobFailure) -> None:
        """End it, and say why."""
        self._end(job, "failed", msgspec.json.encode(failure).decode())
        self._settle(job.parent)

    def cancel(self, job: Row) -> None:
        """Call it off, and its children with it."""
        with self._database.transaction():
            for each in (job, *self.children(job.id)):
                self._end(each, "canceled", None)
        self._settle(job.parent)

    def delete(self, job: Row) -> None:
        """Call it off where it is not over, and show it and its children no more."""
        self.cancel(job)
        sql = "UPDATE jobs SET deleted = ? WHERE id = ? OR parent = ?"
        self._database.execute(sql, time.time(), job.id, job.id)

    def created(self) -> int:
        """How many jobs were submitted, deleted ones too."""
        return self._database.count("SELECT count(*) FROM jobs WHERE parent IS NULL")

    def _end(self, job: Row, status: Status, failure: str | None) -> bool:
        sql = "UPDATE jobs SET status = ?, completed = ?, failure = ? WHERE number = ? AND " + _OPEN
        return self._database.execute(sql, status, time.time(), failure, job.number) > 0

    def _settle(self, parent: str | None) -> None:
        """End a job whose children have all ended: as the first that failed, else completed."""
        if parent is None:
            return
        row = self._database.one(f"SELECT 1 FROM jobs WHERE parent = ? AND {_OPEN}", parent)
        whole = self._where("id = ?", parent)
        if row is not None or not whole:
            return
        bad = self._where("parent = ? AND status != 'completed' ORDER BY number LIMIT 1", parent)
        status: Status = bad[0].status if bad else "completed"
        self._end(whole[0], status, bad[0].failure if bad else None)

    def _where(self, condition: str, *values: Any) -> list[Row]:
        return self._database.rows(Row, f"SELECT * FROM jobs WHERE {condition}", *values)
