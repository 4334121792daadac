"""The service's side: starts the worker when it is needed, and hands it one task at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE, Process

import msgspec

from failwell.apis.ionworks.solver.messages import Derived, Failed, Ran, Simulated, Task, Value

_LINE_LIMIT = 64 * 1024 * 1024
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
_decoder: msgspec.json.Decoder[Value] = msgspec.json.Decoder(Derived | Simulated | Ran | Failed)


class SolverStoppedError(Exception):
    """The solver has been stopped; the task was not carried out."""


class Solver:
    """The solver as a component: running until it is stopped, with a process while there is work.

    Use it on one event loop at a time, for one task at a time.
    """

    def __init__(self) -> None:
        self._is_stopped = False
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        """Whether it takes tasks; its process starts with the first."""
        return not self._is_stopped

    @property
    def pid(self) -> int | None:
        """The id of the worker process; None while there is none."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Take tasks again."""
        self._is_stopped = False

    async def stop(self) -> None:
        """Take no more tasks, and kill the process in the middle of the one it has."""
        self._is_stopped = True
        await self.abandon()

    async def abandon(self) -> None:
        """Kill the process, and the task with it; the next task gets a new one."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()

    async def compute(self, task: Task, seconds: float) -> Value:
        """The value of a task that may take so many seconds.

        Raises `SolverStoppedError` where the solver is stopped before it is done.
        """
        if self._is_stopped:
            raise SolverStoppedError
        try:
            async with asyncio.timeout(seconds):
                answer = await self._ask(await self._started(), msgspec.json.encode(task))
        except TimeoutError:
            await self.abandon()
            return Failed(f"The job took longer than {seconds:g} seconds and was ended")
        except OSError as error:
            return Failed(f"The solver's process does not start: {error}")
        if self._is_stopped:
            raise SolverStoppedError
        if not answer:
            await self.abandon()
            return Failed("The solver's process ended in the middle of the job")
        return _decoder.decode(answer)

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "failwell.apis.ionworks.solver"),
                stdin=PIPE,
                stdout=PIPE,
                limit=_LINE_LIMIT,
                env={**os.environ, **_ONE_THREAD},
            )
            if self._is_stopped:  # in the meantime
                await self.abandon()
                raise SolverStoppedError
        return self._process

    async def _ask(self, process: Process, line: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError, ValueError):
            process.stdin.write(line + b"\n")
            await process.stdin.drain()
            return await process.stdout.readline()
        return b""
