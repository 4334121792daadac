"""`Toolpath`: parts, programs and estimates, paid for once.

>>> from failwell.apis.toolpath import Toolpath
>>> toolpath = Toolpath(api_key="tp_live_…")
>>> part = toolpath.parts.wait(toolpath.parts.create("bracket.step"))
>>> program = toolpath.programs.wait(toolpath.programs.create(part))
>>> toolpath.estimates.get(program).cost_cents
"""

from __future__ import annotations

from typing import Any

from failwell.apis.resource import Connected, Resource
from failwell.apis.toolpath import operations
from failwell.apis.toolpath.connection import BASE_URL, USUAL, arguments, patience
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.operations import Estimate, Part, Program, Timings, Units
from failwell.apis.toolpath.stepfile import StepFile
from failwell.clients.httpx2 import Client
from failwell.clients.waiting import wait
from failwell.flows.ending import Finished
from failwell.job import Job
from failwell.settings import Policy


class Toolpath(Connected):
    """Toolpath's API. Every write gets a key of its own and is never carried out twice.

    The key comes from `api_key` or the variable `TOOLPATH_API_KEY`. Other arguments are those of
    `failwell.Client`. Close it, or use it as a context manager.

    Raises `ToolpathError` (and failwell's class of that kind) for whatever fails at Toolpath;
    `InvalidRequestError`, a `ValueError`, for what is refused before it is sent.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = BASE_URL,
        policy: Policy = USUAL,
        **more: Any,
    ) -> None:
        ready = arguments(api_key, base_url, more)
        self.client = Client(contract=TOOLPATH, policy=policy, **ready)
        self.parts = Parts(self.client)
        self.programs = Programs(self.client)
        self.estimates = Estimates(self.client)


class _Resource(Resource):
    def _wait(self, made: str | Part | Program, job: Job, timeout: float) -> Finished:
        tolerated = patience(self._client.policy)
        return wait(self._client, operations.id_of(made), job, timeout=timeout, tolerate=tolerated)


class Parts(_Resource):
    """Parts: STEP files that the Engine has measured."""

    def create(
        self,
        step: StepFile,
        *,
        name: str | None = None,
        units: Units = "mm",
        idempotency_key: str | None = None,
    ) -> Part:
        """Upload a STEP file (a path, its text, or its bytes) and get the part, processing.

        `units` counts where the file states none. Raises `InvalidRequestError` for a file that is
        empty, binary, not STEP, or too large, before anything is sent.
        """
        return self._run(operations.create_part(step, name, units, idempotency_key))

    def get(self, part: str | Part) -> Part:
        """The part as it is now."""
        return self._run(operations.get_part(part))

    def wait(self, part: str | Part, *, timeout: float = 300.0) -> Part:
        """The part when it is ready; `timeout` in seconds.

        Raises `JobFailedError` with Toolpath's reason, and `JobTimeoutError` with the last state.
        """
        return operations.part_of(self._wait(part, operations.PART, timeout))


class Programs(_Resource):
    """Programs: how a part is machined."""

    def create(
        self,
        part: str | Part,
        *,
        cut_config: str | None = None,
        timeout: float = 300.0,
        idempotency_key: str | None = None,
    ) -> Program:
        """Have a program made. A part that is not ready yet is waited for, `timeout` seconds in
        all, and the request goes on with the same key."""
        return self._run(operations.create_program(part, cut_config, timeout, idempotency_key))

    def get(self, program: str | Program) -> Program:
        """The program as it is now."""
        return self._run(operations.get_program(program))

    def wait(self, program: str | Program, *, timeout: float = 300.0) -> Program:
        """The program when it is ready; `timeout` in seconds.

        Raises `JobFailedError` with Toolpath's reason, and `JobTimeoutError` with the last state.
        """
        return operations.program_of(self._wait(program, operations.PROGRAM, timeout))


class Estimates(_Resource):
    """Estimates: what a program costs and how long it takes."""

    def get(
        self, program: str | Program, *, timings: Timings = "fast", timeout: float = 300.0
    ) -> Estimate:
        """The estimate, waited for where it is not there yet; `timeout` in seconds.

        Raises `UnprocessableError` where the program failed, `JobTimeoutError` when time is up.
        """
        job = operations.estimate_job(timings)
        return operations.estimate_of(self._wait(program, job, timeout))
