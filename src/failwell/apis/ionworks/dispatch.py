"""Hands the solver one job after the other, and writes down what becomes of each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable

import msgspec

from failwell.apis.ionworks.contract import IONWORKS
from failwell.apis.ionworks.jobs import Job, Jobs
from failwell.apis.ionworks.records import Records, timestamp
from failwell.apis.ionworks.solver import (
    Derived,
    Failed,
    Ran,
    Simulated,
    Solver,
    SolverStoppedError,
    Task,
    Value,
)
from failwell.model import Outcome

logger = logging.getLogger("failwell.sandbox")


class Dispatch:
    """The jobs' way to the solver and back; `seconds()` is how long one job may take.

    While the solver or the database is stopped, or fails, nothing moves; a job that was under way
    is pending again, and begins anew.
    """

    def __init__(
        self, records: Records, jobs: Jobs, solver: Solver, seconds: Callable[[], float]
    ) -> None:
        self._records = records
        self._jobs = jobs
        self._solver = solver
        self._seconds = seconds
        self._current: str | None = None
        self._wake = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to hand out jobs."""
        self._running = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Hand out no more."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running

    def nudge(self) -> None:
        """Look for jobs now: there is a new one, or a component is back."""
        self._wake.set()

    def require_solver(self) -> None:
        """Raises the 503 while the solver is stopped; nothing was started."""
        if not self._solver.running:
            raise IONWORKS.fail(
                "SERVICE_UNAVAILABLE",
                message="The solver is down; nothing was submitted",
                retry_after=1.0,
                outcome=Outcome.NOT_STARTED,
            )

    async def let_go(self, job: Job) -> None:
        """Take a job that was cancelled or removed out of the solver's hands."""
        if job.id == self._current:
            await self._solver.abandon()

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._hand_out()
            except sqlite3.Error as error:
                logger.warning("jobs wait, for the database fails: %s", error)

    async def _hand_out(self) -> None:
        if self._records.running:
            self._jobs.put_back()
        while self._records.running and self._solver.running:
            taken = self._jobs.take()
            if taken is None:
                break
            await self._carry_out(*taken)

    async def _carry_out(self, job: Job, task: Task) -> None:
        self._current = job.id
        self._mark(job, "running")
        try:
            value = await self._solver.compute(task, self._seconds())
        except SolverStoppedError:
            await self._records.until_running()
            self._jobs.move(job.id, "pending")
            self._mark(job, "pending")
            return
        except Exception:
            logger.exception("job %s cannot be carried out", job.id)
            value = Failed("The solver's answer could not be read")
        finally:
            self._current = None
        await self._records.until_running()
        with self._records.transaction():
            self._write_down(job, value)

    def _mark(self, job: Job, status: str) -> None:
        if job.kind == "measurement":
            self._records.write(
                "UPDATE processing SET status = ? WHERE measurement = ?", status, job.subject
            )

    def _write_down(self, job: Job, value: Value) -> None:
        error = value.error if isinstance(value, (Failed, Ran)) else None
        if not self._jobs.move(job.id, "failed" if error else "completed", error):
            return
        if job.kind == "measurement":
            self._processed(job.subject, value)
        elif isinstance(value, Simulated):
            self._records.write(
                "UPDATE simulations SET folder = ?, metrics = ?, updated = ? WHERE id = ?",
                *(f"simulations/{job.subject}", _json(value.metrics), timestamp(), job.subject),
            )
        elif isinstance(value, Ran):
            self._records.write(
                "UPDATE pipelines SET result = ?, updated = ? WHERE id = ?",
                *(_json(value), timestamp(), job.subject),
            )

    def _processed(self, measurement: str, value: Value) -> None:
        if isinstance(value, Derived):
            self._records.write(
                "UPDATE processing SET status = 'ready', steps = ?, cycles = ?"
                " WHERE measurement = ?",
                *(_json(value.steps), _json(value.cycles), measurement),
            )
        elif isinstance(value, Failed):
            self._records.write(
                "UPDATE processing SET status = 'failed', error = ? WHERE measurement = ?",
                *(value.error, measurement),
            )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
