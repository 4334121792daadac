"""The queue: takes one waiting job after another through the simulator, on every backend."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable

import msgspec

from failwell.apis.ionq.backends import NOISE
from failwell.apis.ionq.circuits import Circuit
from failwell.apis.ionq.job_row import Row
from failwell.apis.ionq.jobs import Jobs
from failwell.apis.ionq.preflight import JobFailure, check_credit
from failwell.apis.ionq.simulator import Result, Simulator, SimulatorUnavailableError, Task
from failwell.apis.ionq.submissions import NoiseModel

logger = logging.getLogger("failwell.sandbox")

_TRIES = 2
"""Times that a job may take the simulator down before it is given up."""


class Queue:
    """Works while there are jobs, the store and the simulator; `wake` it when one of them comes.

    `seconds` tells how long one job may take, and `credit` how many US dollars a project has (None:
    as many as it likes); `rest` is a pause before each job, so that there is something to watch and
    to call off.
    """

    def __init__(
        self,
        jobs: Jobs,
        simulator: Simulator,
        seconds: Callable[[], float],
        credit: Callable[[], float | None],
        rest: float,
    ) -> None:
        self._jobs = jobs
        self._simulator = simulator
        self._seconds = seconds
        self._credit = credit
        self._rest = rest
        self._woken = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self._current: str | None = None

    def start(self) -> None:
        """Begin to work."""
        self._working = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Work no more."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    async def call_off(self, *identifiers: str) -> None:
        """Take the simulator away from a job that was called off while it ran."""
        if self._current in identifiers:
            await self._simulator.interrupt()

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                self._jobs.put_back()
                while (job := self._jobs.next()) is not None:
                    await self._run(job)
            except (SimulatorUnavailableError, sqlite3.ProgrammingError) as error:
                logger.warning("jobs wait: %s", error)
            except Exception:
                logger.exception("the queue goes on after an error")

    async def _run(self, job: Row) -> None:
        flaw = self._flaw(job)
        if flaw is not None:
            self._jobs.fail(job, flaw)
            return
        self._jobs.make_ready(job)
        await asyncio.sleep(self._rest)
        if not self._simulator.running:
            raise SimulatorUnavailableError("the simulator is stopped")
        if not self._jobs.start(job):
            return
        circuit = self._jobs.circuit(job)
        if job.dry_run or circuit is None:
            self._jobs.complete(job, None)
            return
        self._keep(job, await self._simulated(job, circuit))

    def _flaw(self, job: Row) -> JobFailure | None:
        """What it fails of before it is run."""
        if job.flaw is not None:
            return msgspec.json.decode(job.flaw, type=JobFailure)
        credit = self._credit()
        whole = job if job.parent is None else self._jobs.get(job.parent, job.project)
        if credit is None or whole is None or whole.price is None or whole.dry_run:
            return None
        return check_credit(whole.price, self._jobs.spent(job.project), credit)

    def _keep(self, job: Row, result: Result) -> None:
        if result.code is not None:
            self._jobs.fail(job, JobFailure(result.code, result.message))
        else:
            self._jobs.complete(job, msgspec.json.encode(result.probabilities))

    async def _simulated(self, job: Row, circuit: Circuit) -> Result:
        """What the simulator says; a job that kills it again and again is given up."""
        task = _task(job, circuit, self._seconds())
        self._current = job.id
        try:
            for _ in range(_TRIES):
                with contextlib.suppress(SimulatorUnavailableError):
                    return await self._simulator.run(task)
                if not self._simulator.running:
                    raise SimulatorUnavailableError("the simulator was stopped during a job")
                if self._is_called_off(job):
                    break
        finally:
            self._current = None
        return Result(code="InternalError", message="The simulator ended in the middle of the job")

    def _is_called_off(self, job: Row) -> bool:
        now = self._jobs.get(job.id, job.project)
        return now is None or now.is_final


def _task(job: Row, circuit: Circuit, seconds: float) -> Task:
    noise = None if job.noise is None else msgspec.json.decode(job.noise, type=NoiseModel)
    return Task(
        circuit=circuit,
        seconds=seconds,
        shots=job.shots,
        noise=None if noise is None else NOISE[noise.model],
        seed=None if noise is None or noise.seed is None else abs(noise.seed),
    )
