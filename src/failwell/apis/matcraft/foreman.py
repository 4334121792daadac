"""Campaigns under way: handed to the workers, and written down as they come back.

What is to be done is in the database, so nothing is lost where a worker ends or the database is
away: a campaign begins anew, and finds the same, for its seed is the same.
"""

from __future__ import annotations

import logging
import sqlite3

from failwell.apis.matcraft import tables
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.engine import (
    Began,
    Ended,
    Event,
    Pool,
    Progress,
    Run,
    WorkerUnavailableError,
)
from failwell.apis.matcraft.state.campaigns import Campaign, Campaigns
from failwell.apis.matcraft.state.database import Database
from failwell.apis.matcraft.state.datasets import Datasets
from failwell.apis.matcraft.state.jobs import Job, Jobs

logger = logging.getLogger("failwell.sandbox")

_MOST_RUNS = 3
"""How often a job is given to a worker that ends before it."""

_UNFINISHED = ("queued", "running")


class Foreman:
    """Starts and stops campaigns, and hears what becomes of them."""

    def __init__(self, database: Database) -> None:
        self.pool = Pool(self._heard, self._lost)
        self._database = database
        self._campaigns = Campaigns(database)
        self._datasets = Datasets(database)
        self._jobs = Jobs(database)

    async def start(self, campaign: Campaign) -> Job:
        """Begin a campaign. Raises `CAMPAIGN_NOT_STARTABLE` or `WORKER_UNAVAILABLE`, and
        `LookupError` for one that has been deleted meanwhile; then nothing has been changed."""
        if campaign.status != "created":
            raise _not_startable(campaign)
        try:
            await self.pool.ready()
        except WorkerUnavailableError as error:
            raise MATCRAFT.fail("WORKER_UNAVAILABLE", message=str(error)) from None
        with self._database.transaction():
            if not self._campaigns.move(campaign.id, "created", "running"):
                raise _not_startable(self._campaigns.get(campaign.account, campaign.id))
            job = self._jobs.add(campaign)
        self.pool.submit(self._run(job))
        return job

    def stop(self, campaign: Campaign) -> None:
        """Leave a campaign off. Raises `CAMPAIGN_NOT_STOPPABLE`."""
        with self._database.transaction():
            if not self._campaigns.move(campaign.id, "running", "stopped"):
                message = f"Campaign {campaign.id} is {campaign.status}, not running"
                raise MATCRAFT.fail("CAMPAIGN_NOT_STOPPABLE", message=message)
            self._cancel(campaign)

    def delete(self, campaign: Campaign) -> None:
        """Forget a campaign, and leave it off where it runs."""
        with self._database.transaction():
            self._cancel(campaign)
            self._campaigns.delete(campaign.id)

    def catch_up(self) -> None:
        """Hand over what waits, now that the workers or the database are back."""
        if not (self._database.running and self.pool.running):
            return
        for job in self._jobs.unfinished():
            if not self.pool.holds(job.id):
                self._jobs.queued(job.id)
                self.pool.submit(self._run(job))

    def _cancel(self, campaign: Campaign) -> None:
        job = self._jobs.of(campaign.id)
        if job is not None and job.status in _UNFINISHED:
            self._jobs.finished(job.id, "cancelled", None, None)
            self.pool.cancel(job.id)

    def _run(self, job: Job) -> Run:
        campaign = self._campaigns.get(job.account, job.campaign)
        problem = campaign.stated
        if campaign.dataset is None:
            return Run(job.id, problem)
        content = self._datasets.get(job.account, campaign.dataset, deleted=True).content
        return Run(job.id, problem, tables.observations(problem, content))

    def _heard(self, worker: str, event: Event) -> None:
        try:
            with self._database.transaction():
                self._write_down(worker, event)
        except sqlite3.Error:
            logger.warning("the store is stopped: %s will be run again", event.id)

    def _write_down(self, worker: str, event: Event) -> None:
        job = self._jobs.get(event.id)
        if job.status not in _UNFINISHED:
            return
        if isinstance(event, Began):
            self._jobs.begun(job.id, worker)
        elif isinstance(event, Progress):
            self._jobs.advanced(job.id, event)
            self._campaigns.found(job.campaign, event.evaluations, event.pareto, event.surrogate)
        else:
            self._end(job, event)

    def _end(self, job: Job, event: Ended) -> None:
        status = "failed" if event.status == "failed" else "completed"
        self._jobs.finished(job.id, status, event.code, event.message)
        self._campaigns.move(job.campaign, "running", event.status)
        if event.code is not None:
            self._campaigns.failed(job.campaign, event.code, event.message or "")

    def _lost(self, run: str) -> None:
        """A worker has ended before its run: another one begins it anew."""
        try:
            job = self._jobs.get(run)
            if job.status not in _UNFINISHED:
                return
            self._jobs.log(job.id, "warning", f"{job.worker} ended before the campaign did")
            if job.runs >= _MOST_RUNS and self.pool.running:
                message = f"The campaign's worker ended {job.runs} times"
                self._end(
                    job,
                    Ended(id=run, status="failed", code="INTERNAL_ERROR", message=message),
                )
            else:
                self._jobs.queued(job.id)
                self.catch_up()
        except sqlite3.Error:
            logger.warning("the store is stopped: %s will be run again", run)


def _not_startable(campaign: Campaign) -> Exception:
    message = f"Campaign {campaign.id} is {campaign.status}, not created"
    return MATCRAFT.fail("CAMPAIGN_NOT_STARTABLE", message=message)
