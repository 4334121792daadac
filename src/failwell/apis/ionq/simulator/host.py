"""The service's side: starts the worker when it is needed, and runs circuits in it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

import msgspec

from failwell.apis.ionq.simulator.messages import Result, Task

_LONGEST_LINE: Final = 256 * 1024 * 1024
_COMMAND: Final = (sys.executable, "-P", "-m", "failwell.apis.ionq.simulator")


class SimulatorUnavailableError(Exception):
    """The simulator is stopped, does not start, or ended in the middle of a task."""


class Simulator:
    """Runs circuits in a process of its own, one at a time. Use it on one event loop."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._stopped = False
        self._turn = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether it would run a circuit; its process begins with the first one."""
        return not self._stopped

    @property
    def pid(self) -> int | None:
        """The id of the worker process; None where there is none."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and alive else None

    async def start(self) -> None:
        """Run circuits again."""
        self._stopped = False

    async def stop(self) -> None:
        """Kill the process, in the middle of a task or not, and run no more."""
        self._stopped = True
        await self.interrupt()

    async def interrupt(self) -> None:
        """Kill the process; the next task gets a new one."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await _closed(process)

    async def run(self, task: Task) -> Result:
        """What came of the task. Raises `SimulatorUnavailableError`."""
        async with self._turn:
            process = await self._alive()
            line = await _answer(process, msgspec.json.encode(task) + b"\n")
        if not line.endswith(b"\n"):
            await self.interrupt()
            raise SimulatorUnavailableError("the simulator ended in the middle of a task")
        return msgspec.json.decode(line, type=Result)

    async def _alive(self) -> Process:
        if self._stopped:
            raise SimulatorUnavailableError("the simulator is stopped")
        if self.pid is None:
            await self.interrupt()
            self._process = await _spawned()
            if self._stopped:  # in the meantime
                await self.interrupt()
                raise SimulatorUnavailableError("the simulator is stopped")
        assert self._process is not None
        return self._process


async def _spawned() -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *_COMMAND, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
        )
    except OSError as error:
        raise SimulatorUnavailableError(f"the simulator does not start: {error}") from error


async def _answer(process: Process, line: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(line)
        await process.stdin.drain()
        return await process.stdout.readline()
    except ConnectionError:
        return b""


async def _closed(process: Process) -> None:
    """Wait until the process and its pipes are gone."""
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
        with contextlib.suppress(ConnectionError):
            await process.stdin.wait_closed()
    while process.stdout is not None and await process.stdout.read(1 << 20):
        pass
