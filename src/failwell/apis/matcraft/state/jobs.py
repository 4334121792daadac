"""Jobs as they are kept: each is one run of a campaign, with its log."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from failwell.apis.database import timestamp
from failwell.apis.matcraft.engine import Progress
from failwell.apis.matcraft.state.campaigns import Campaign
from failwell.apis.matcraft.state.database import Database, new_id
from failwell.apis.matcraft.state.listing import Page, listed, one

ORDERS = ("created_at", "status")
STATES = ("queued", "running", "completed", "failed", "cancelled")
LEVELS = ("debug", "info", "warning", "error")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A row; `runs` counts how often a worker began it."""

    id: str
    account: str
    campaign: str
    status: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    worker: str | None
    runs: int
    phase: str | None
    iteration: int
    total_iterations: int
    evaluations: int
    budget: int
    code: str | None
    message: str | None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a job's log."""

    at: str
    level: str
    message: str


class Jobs:
    """The tables of jobs and their logs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, campaign: Campaign) -> Job:
        """A new job of a campaign, waiting for a worker."""
        job, settings = new_id("job"), campaign.stated.optimizer
        iterations = math.ceil(settings.budget / settings.batch_size)
        self._database.execute(
            "INSERT INTO jobs (id, account, campaign, status, created_at, total_iterations,"
            " budget) VALUES (?, ?, ?, 'queued', ?, ?, ?)",
            (job, campaign.account, campaign.id, timestamp(), iterations, settings.budget),
        )
        self.log(job, "info", f"campaign {campaign.name} waits for a worker")
        return self.get(job)

    def get(self, job: str, account: str | None = None) -> Job:
        """The job with this id, of this account. Raises `LookupError`."""
        filters: dict[str, str | int] = {"id": job}
        if account is not None:
            filters["account"] = account
        return one(self._database, Job, "jobs", filters)

    def page(self, account: str, filters: Mapping[str, str], page: Page) -> tuple[list[Job], int]:
        """A page of the account's jobs, and how many there are."""
        wanted: dict[str, str | int] = {**filters, "account": account}
        return listed(self._database, Job, "jobs", wanted, page)

    def of(self, campaign: str) -> Job | None:
        """The newest job of a campaign."""
        rows = self._database.rows(
            Job, "SELECT * FROM jobs WHERE campaign = ? ORDER BY rowid DESC LIMIT 1", (campaign,)
        )
        return rows[0] if rows else None

    def unfinished(self) -> list[Job]:
        """The jobs that wait for a worker or are with one."""
        statement = "SELECT * FROM jobs WHERE status IN ('queued', 'running') ORDER BY rowid"
        return self._database.rows(Job, statement)

    def queued(self, job: str) -> None:
        """It waits for a worker again."""
        self._database.execute(
            "UPDATE jobs SET status = 'queued', worker = NULL WHERE id = ?", (job,)
        )

    def begun(self, job: str, worker: str) -> None:
        """A worker has it."""
        self._database.execute(
            "UPDATE jobs SET status = 'running', worker = ?, runs = runs + 1,"
            " started_at = coalesce(started_at, ?) WHERE id = ?",
            (worker, timestamp(), job),
        )
        self.log(job, "info", f"{worker} began")

    def advanced(self, job: str, progress: Progress) -> None:
        """It is so far."""
        self._database.execute(
            "UPDATE jobs SET phase = ?, iteration = ?, evaluations = ? WHERE id = ?",
            (progress.phase, progress.iteration, progress.evaluations, job),
        )
        said = f"{progress.phase}: {progress.evaluations} evaluations, {len(progress.pareto)} kept"
        self.log(job, "debug" if progress.surrogate else "info", said)

    def finished(self, job: str, status: str, code: str | None, message: str | None) -> None:
        """It is over."""
        self._database.execute(
            "UPDATE jobs SET status = ?, code = ?, message = ?, finished_at = ? WHERE id = ?",
            (status, code, message, timestamp(), job),
        )
        self.log(job, "info" if code is None else "error", f"{code}: {message}" if code else status)

    def log(self, job: str, level: str, message: str) -> None:
        """Add a line to a job's log."""
        self._database.execute(
            "INSERT INTO logs (job, at, level, message) VALUES (?, ?, ?, ?)",
            (job, timestamp(), level, message),
        )

    def lines(self, job: str, level: str, since: str, tail: int) -> list[Line]:
        """The last lines of a job's log, of this level and above, not before `since`."""
        levels = LEVELS[LEVELS.index(level) :]
        marks = ", ".join("?" * len(levels))
        newest = self._database.rows(
            Line,
            f"SELECT at, level, message FROM logs WHERE job = ? AND at >= ? AND level IN ({marks})"
            " ORDER BY number DESC LIMIT ?",
            (job, since, *levels, tail),
        )
        return newest[::-1]
