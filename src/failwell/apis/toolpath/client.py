"""`Toolpath` and `AsyncToolpath`: parts, programs and estimates, paid for once.

>>> from failwell.apis.toolpath import Toolpath
>>> toolpath = Toolpath(api_key="tp_live_…")
>>> part = toolpath.parts.wait(toolpath.parts.create("bracket.step"))
>>> program = toolpath.programs.wait(toolpath.programs.create(part))
>>> toolpath.estimates.get(program).cost_cents
"""

from __future__ import annotations

from typing import Any, Self

from failwell.apis import keys
from failwell.apis.operation import Operation, arun, run
from failwell.apis.toolpath import operations
from failwell.apis.toolpath.contract import TOOLPATH
from failwell.apis.toolpath.operations import Estimate, Part, Program, StepFile, Timings, Units
from failwell.clients.httpx2 import AsyncClient, Client
from failwell.clients.waiting import wait
from failwell.contract import Policy
from failwell.errors import FailwellError
from failwell.flows.ending import Finished
from failwell.flows.settle import Settled
from failwell.job import Job

BASE_URL = "https://app.toolpath.com/api/public/v0"
KEY_VARIABLE = "TOOLPATH_API_KEY"

_ADVICE = "Make a key in Toolpath's settings; it begins with tp_live_."
_DEFAULT = Policy()


def _arguments(api_key: str | None, base_url: str, arguments: dict[str, Any]) -> dict[str, Any]:
    key = keys.api_key(api_key, (KEY_VARIABLE,), _ADVICE)
    headers = {**arguments.pop("headers", {}), "Authorization": f"Bearer {key}"}
    return {"timeout": 30.0, **arguments, "base_url": base_url, "headers": headers}


def _patience(policy: Policy) -> float:
    """Seconds of failed looks that a wait bears; none where the caller has turned retries off."""
    return 0.0 if policy.retry is None else 60.0


class Toolpath:
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
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        ready = _arguments(api_key, base_url, arguments)
        self.client = Client(contract=TOOLPATH, policy=policy, **ready)
        self.parts = Parts(self.client)
        self.programs = Programs(self.client)
        self.estimates = Estimates(self.client)

    def settle(self, error: FailwellError) -> Settled:
        """What became of a failed write, found out now: see `failwell.Client.settle`."""
        return self.client.settle(error)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Resource:
    def __init__(self, client: Client) -> None:
        self._client = client

    def _run(self, operation: Operation[operations.T]) -> operations.T:
        return run(self._client, operation)

    def _wait(self, made: str | Part | Program, job: Job, timeout: float) -> Finished:
        patience = _patience(self._client.policy)
        return wait(self._client, operations.id_of(made), job, timeout=timeout, tolerate=patience)


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
        job = operations.ESTIMATES[timings]
        return operations.estimate_of(self._wait(program, job, timeout))


class AsyncToolpath:
    """Toolpath's API for async code: the same methods, awaited. See `Toolpath`."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = BASE_URL,
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        ready = _arguments(api_key, base_url, arguments)
        self.client = AsyncClient(contract=TOOLPATH, policy=policy, **ready)
        self.parts = AsyncParts(self.client)
        self.programs = AsyncPrograms(self.client)
        self.estimates = AsyncEstimates(self.client)

    async def settle(self, error: FailwellError) -> Settled:
        """What became of a failed write, found out now: see `failwell.AsyncClient.settle`."""
        return await self.client.settle(error)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class _AsyncResource:
    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _run(self, operation: Operation[operations.T]) -> operations.T:
        return await arun(self._client, operation)

    async def _wait(self, made: str | Part | Program, job: Job, timeout: float) -> Finished:
        patience = _patience(self._client.policy)
        return await wait(
            self._client, operations.id_of(made), job, timeout=timeout, tolerate=patience
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
        job = operations.ESTIMATES[timings]
        return operations.estimate_of(await self._wait(program, job, timeout))
