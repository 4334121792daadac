"""Jobs: what the solver still has to do, is doing, or has done."""

from __future__ import annotations

import sqlite3
from typing import Any, Literal, TypeAlias

import msgspec

from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.records import Records, minted, timestamp
from failwell.apis.ionworks.solver import DeriveTask, PipelineTask, SimulateTask, Task

Status: TypeAlias = Literal["pending", "processing", "completed", "failed", "canceled"]
Kind: TypeAlias = Literal["measurement", "simulation", "pipeline"]

TERMINAL = frozenset({"completed", "failed", "canceled"})

_decoder = msgspec.json.Decoder[Task](DeriveTask | SimulateTask | PipelineTask)


class Job(msgspec.Struct, frozen=True):
    """One job; `subject` is the id of the record that it is for."""

    number: int
    id: str
    project: str
    kind: Kind
    subject: str
    status: Status
    error: str | None
    created: str
    updated: str

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in TERMINAL

    def shown(self) -> dict[str, Any]:
        """The job as it is given."""
        return {
            "job_id": self.id,
            "status": self.status,
            "job_type": self.kind,
            "priority": 5,
            "created_at": self.created,
            "updated_at": self.updated,
            "error": self.error,
            "result": None,
            "is_terminal": self.is_terminal,
            "is_failed": self.status in ("failed", "canceled"),
        }


class Jobs:
    """The jobs in the database, in the order in which they came."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def add(self, project: str, kind: Kind, subject: str, task: Task) -> str:
        """A new job, pending; its id."""
        identifier, now = minted(), timestamp()
        self._records.insert(
            "jobs",
            id=identifier,
            project=project,
            kind=kind,
            subject=subject,
            task=msgspec.json.encode(task),
            status="pending",
            created=now,
            updated=now,
        )
        return identifier

    def get(self, identifier: str, projects: frozenset[str] | None = None) -> Job:
        """The job, where it is in one of these projects. Raises the 404."""
        row = self._records.row("SELECT * FROM jobs WHERE id = ?", identifier)
        if row is None or (projects is not None and row["project"] not in projects):
            raise IONWORKS.fail("NOT_FOUND", message=f"There is no job {identifier[:80]}")
        return _job(row)

    def listed(self, projects: frozenset[str]) -> list[Job]:
        """The newest of these projects' jobs."""
        marks = ", ".join("?" * len(projects))
        sql = f"SELECT * FROM jobs WHERE project IN ({marks}) ORDER BY number DESC LIMIT 1000"
        return [_job(row) for row in self._records.rows(sql, sorted(projects))]

    def take(self) -> tuple[Job, Task] | None:
        """The oldest job that is pending, which is processing from now on."""
        row = self._records.row(
            "SELECT * FROM jobs WHERE status = 'pending' ORDER BY number LIMIT 1"
        )
        if row is None:
            return None
        self.move(row["id"], "processing")
        return self.get(row["id"]), _decoder.decode(row["task"])

    def put_back(self) -> None:
        """What nobody works on any more is pending again."""
        self._records.write("UPDATE jobs SET status = 'pending' WHERE status = 'processing'")

    def move(self, identifier: str, status: Status, error: str | None = None) -> bool:
        """Give a job that is not over another status; False where it is over."""
        changed = self._records.write(
            "UPDATE jobs SET status = ?, error = ?, updated = ?"
            " WHERE id = ? AND status IN ('pending', 'processing')",
            *(status, error, timestamp(), identifier),
        )
        return changed > 0

    def cancel(self, job: Job) -> Job:
        """The job, cancelled; one that is over stays as it is."""
        self.move(job.id, "canceled")
        return self.get(job.id)

    def remove(self, identifier: str) -> None:
        """Forget a job."""
        self._records.write("DELETE FROM jobs WHERE id = ?", identifier)


def _job(row: sqlite3.Row) -> Job:
    return Job(**{name: row[name] for name in Job.__struct_fields__})
