"""One life of the worker process, as the service sees it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Final

import msgspec

from failwell.apis.toolpath.engine.messages import READ_SIZE, Message, Outcome

_START_SECONDS: Final = 30.0
_LINGER_SECONDS: Final = 2.0
_LINE_LIMIT: Final = 64 * 1024 * 1024


class EngineUnavailableError(Exception):
    """The Engine is not running, does not answer, or lost the task."""


class Session:
    """One life of the worker process, from its start to its end."""

    def __init__(
        self,
        process: Process,
        deliver: Callable[[Outcome], bool],
        lose: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.process = process
        self.unfinished: dict[str, asyncio.Future[Outcome | None]] = {}
        self._finished: dict[str, Outcome] = {}
        self._pending: dict[str, asyncio.Future[bool]] = {}
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._deliver = deliver
        self._lose = lose
        self._has_ended = False
        self._is_killed = False
        self._watching = asyncio.create_task(self._watch())

    @classmethod
    async def open(
        cls,
        seconds_per_task: float,
        deliver: Callable[[Outcome], bool],
        lose: Callable[[tuple[str, ...]], None],
    ) -> Session:
        """Start a process and wait until it is ready; raise :class:`EngineUnavailableError`."""
        command = _command(seconds_per_task)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, limit=_LINE_LIMIT
            )
        except OSError as error:
            raise EngineUnavailableError(f"the Engine does not start: {error}") from error
        session = cls(process, deliver, lose)
        await session._wait_until_ready()
        return session

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None and not self._has_ended

    def has(self, task_id: str) -> bool:
        """Return whether a task is being accepted or is not finished."""
        return task_id in self._pending or task_id in self.unfinished

    async def submit(self, task_id: str, line: bytes) -> None:
        """Send a task and wait until it is acknowledged; the caller sets the time limit."""
        acknowledged: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending[task_id] = acknowledged
        try:
            await self._send(line)
            if not await acknowledged:
                raise EngineUnavailableError("the Engine ended before it took the task")
        except BaseException:
            self.unfinished.pop(task_id, None)
            raise
        finally:
            self._pending.pop(task_id, None)

    async def outcome(self, task_id: str) -> Outcome | None:
        """Wait for a task; return ``None`` if it is unknown or the process ends first."""
        waiting = self.unfinished.get(task_id)
        if waiting is None:
            return self._finished.pop(task_id, None)
        outcome = await asyncio.shield(waiting)
        self._finished.pop(task_id, None)
        return outcome

    async def close(self) -> None:
        """Kill the process and wait until it and its pipes are gone."""
        self._kill()
        if not self._watching.done():
            await asyncio.shield(self._watching)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                is_ready = await self._ready
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise EngineUnavailableError("the Engine does not get ready") from None
            raise
        if not is_ready:
            await self.close()
            raise EngineUnavailableError("the Engine ended while starting")

    async def _send(self, line: bytes) -> None:
        stdin = self.process.stdin
        try:
            if stdin is not None:
                stdin.write(line)
                await stdin.drain()
        except ConnectionError:
            raise EngineUnavailableError("the Engine hung up") from None

    async def _watch(self) -> None:
        """Read messages until the process ends, then clean up; being cancelled ends it too."""
        try:
            while (line := await self._line()) is not None:
                self._receive(line)
        except BaseException:
            self._kill()
            raise
        finally:
            self._give_up()
            await self._drain()

    async def _line(self) -> bytes | None:
        """Return the next line, an empty one if it was too long, or ``None`` at the end."""
        stdout = self.process.stdout
        try:
            return (await stdout.readline() if stdout else b"") or None
        except ValueError:
            return b"\n"

    def _receive(self, line: bytes) -> None:
        try:
            message = msgspec.json.decode(line, type=Message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if message.ready and not self._ready.done():
            self._ready.set_result(True)
        if message.accepted:
            self._acknowledge(message.id)
        if message.value is not None:
            self._finish(Outcome(message.id, message.value))

    def _acknowledge(self, task_id: str) -> None:
        acknowledged = self._pending.get(task_id)
        if acknowledged is not None and not acknowledged.done():
            acknowledged.set_result(True)
            self.unfinished[task_id] = asyncio.get_running_loop().create_future()

    def _finish(self, outcome: Outcome) -> None:
        waiting = self.unfinished.pop(outcome.id, None)
        if waiting is None:
            return
        waiting.set_result(outcome)
        if not self._deliver(outcome):
            self._finished[outcome.id] = outcome

    def _give_up(self) -> None:
        """Tell everybody who waits that the process is gone."""
        self._has_ended = True
        lost = dict(self.unfinished)
        self.unfinished.clear()
        for waiting in lost.values():
            waiting.set_result(None)
        for acknowledged in (self._ready, *self._pending.values()):
            if not acknowledged.done():
                acknowledged.set_result(False)
        self._lose(tuple(lost))

    def _kill(self) -> None:
        # Once only: a second kill could reap the process before asyncio does.
        if self.process.returncode is None and not self._is_killed and not self._has_ended:
            self._is_killed = True
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def _drain(self) -> None:
        """Wait until the process and both pipes are closed, so that nothing is left to warn of."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is not None:
            stdin.close()
        await self._wait_or_kill()
        if stdin is not None:
            with contextlib.suppress(ConnectionError):
                await stdin.wait_closed()
        while stdout is not None and await stdout.read(READ_SIZE):
            pass

    async def _wait_or_kill(self) -> None:
        """Wait for a process that closed its output, and kill it if it lingers."""
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                await self.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _command(seconds_per_task: float) -> tuple[str, ...]:
    """Return the command of the worker; ``-P`` keeps the working directory off its path."""
    return (
        *(sys.executable, "-P", "-m", "failwell.apis.toolpath.engine"),
        *("--seconds-per-task", repr(seconds_per_task)),
    )
