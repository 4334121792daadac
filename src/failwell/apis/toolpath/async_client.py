"""`AsyncToolpath`: Toolpath's API for async code."""

from __future__ import annotations

from typing import Any

from failwell.apis.resource import AsyncConnected, AsyncResource
from failwell.apis.toolpath import operations
from failwell.apis.toolpath.connection import BASE_URL, USUAL, arguments, patience
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.operations import Estimate, Part, Program, Timings, Units
from failwell.apis.toolpath.stepfile import StepFile
from failwell.clients.httpx2 import AsyncClient
from failwell.clients.waiting import wait
from failwell.flows.ending import Finished
from failwell.job import Job
from failwell.settings import Policy


class AsyncToolpath(AsyncConnected):
    """Toolpath's API for async code: the same methods, awaited. See `Toolpath`."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = BASE_URL,
        policy: Policy = USUAL,
        **more: Any,
    ) -> None:
        ready = arguments(api_key, base_url, more)
        self.client = AsyncClient(contract=TOOLPATH, policy=policy, **ready)
        self.parts = AsyncParts(self.client)
        self.programs = AsyncPrograms(self.client)
        self.estimates = AsyncEstimates(self.client)


class _AsyncResource(AsyncResource):
    async def _wait(self, made: str | Part | Program, job: Job, timeout: float) -> Finished:
        tolerated = patience(self._client.policy)
        return await wait(
            self._client, operations.id_of(made), job, timeout=timeout, tolerate=tolerated
        )


class AsyncParts(_AsyncResource):
    """Parts: see `Parts`."""

    async def create(
        self,
        step: StepFile,
        *,
        name: str | None = None,
        units: Units = "mm",
        idempotency_key: str | None = None,
    ) -> Part:
        """Upload a STEP file: see `Parts.create`."""
        return await self._run(operations.create_part(step, name, units, idempotency_key))

    async def get(self, part: str | Part) -> Part:
        """The part as it is now."""
        return await self._run(operations.get_part(part))

    async def wait(self, part: str | Part, *, timeout: float = 300.0) -> Part:
        """The part when it is ready: see `Parts.wait`."""
        return operations.part_of(await self._wait(part, operations.PART, timeout))


class AsyncPrograms(_AsyncResource):
    """Programs: see `Programs`."""

    async def create(
        self,
        part: str | Part,
        *,
        cut_config: str | None = None,
        timeout: float = 300.0,
        idempotency_key: str | None = None,
    ) -> Program:
        """Have a program made: see `Programs.create`."""
        operation = operations.create_program(part, cut_config, timeout, idempotency_key)
        return await self._run(operation)

    async def get(self, program: str | Program) -> Program:
        """The program as it is now."""
        return await self._run(operations.get_program(program))

    async def wait(self, program: str | Program, *, timeout: float = 300.0) -> Program:
        """The program when it is ready: see `Programs.wait`."""
        return operations.program_of(await self._wait(program, operations.PROGRAM, timeout))


class AsyncEstimates(_AsyncResource):
    """Estimates: see `Estimates`."""

    async def get(
        self, program: str | Program, *, timings: Timings = "fast", timeout: float = 300.0
    ) -> Estimate:
        """The estimate: see `Estimates.get`."""
        job = operations.estimate_job(timings)
        return operations.estimate_of(await self._wait(program, job, timeout))
