"""The Engine: a process of its own that measures parts, plans programs and estimates them.

Both sides are here. ``python -m failwell.apis.toolpath.engine`` is the worker; :class:`Engine`
starts it, hands it tasks and hears its outcomes. The two exchange JSON, one message a line.

To the worker (:data:`Task`)::

    {"task": "part", "id": "…", "step": "ISO-10303-21;…"}
    {"task": "program", "id": "…", "part": {…}, "units": "mm"}
    {"task": "estimate", "id": "…", "program": {…}, "timings": "fast"}

From the worker: ``{"ready": true}`` once, ``{"id": "…", "accepted": true}`` as soon as a task has
been read, ``{"id": "…", "value": {…}}`` when it is done. The ``kind`` of a value is ``part``,
``program``, ``estimate`` or ``failure``. A line that is not a task is ignored.

The worker computes one task at a time and keeps reading meanwhile, so it accepts a task at once
even when it is busy. It leaves when its standard input closes, so it cannot outlive its service.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import queue
import signal
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, TypeAlias

import msgspec

from failwell.apis.toolpath.machining import (
    Estimate,
    MachiningError,
    Program,
    Timings,
    Units,
    estimate,
    plan,
)
from failwell.apis.toolpath.step import StepError, StepPart, parse

__all__ = [
    "Engine",
    "EngineUnavailableError",
    "EstimateTask",
    "Failure",
    "Outcome",
    "PartTask",
    "ProgramTask",
    "Task",
    "Value",
]

DEFAULT_SECONDS_PER_TASK: Final = 0.05
_START_SECONDS: Final = 30.0
_LINGER_SECONDS: Final = 2.0
_LINE_LIMIT: Final = 64 * 1024 * 1024
_READ_SIZE: Final = 1024 * 1024
_SWITCH_SECONDS: Final = 0.0005


class EngineUnavailableError(Exception):
    """The Engine is not running, does not answer, or lost the task."""


class PartTask(msgspec.Struct, frozen=True, tag_field="task", tag="part"):
    """Measure a part from STEP text."""

    id: str
    step: str


class ProgramTask(msgspec.Struct, frozen=True, tag_field="task", tag="program"):
    """Plan the machining of a part; ``units`` counts if the STEP file stated none."""

    id: str
    part: StepPart
    units: Units = "mm"


class EstimateTask(msgspec.Struct, frozen=True, tag_field="task", tag="estimate"):
    """Estimate time and cost of a program."""

    id: str
    program: Program
    timings: Timings = "fast"


class Failure(msgspec.Struct, frozen=True, tag_field="kind", tag="failure"):
    """Why the Engine could not compute a task; ``code`` is stable, ``reason`` is for people."""

    code: str
    reason: str


Task: TypeAlias = PartTask | ProgramTask | EstimateTask
Value: TypeAlias = StepPart | Program | Estimate | Failure


class Outcome(msgspec.Struct, frozen=True):
    """What became of the task ``id``."""

    id: str
    value: Value


class _Message(msgspec.Struct, omit_defaults=True):
    id: str = ""
    ready: bool = False
    accepted: bool = False
    value: Value | None = None


# --- Service side --------------------------------------------------------------------------------


class Engine:
    """Runs the worker process and hands it tasks.

    Use it on one event loop at a time. ``seconds_per_task`` is a pace setting for the sandbox: the
    worker rests that long over each task, on top of the real computing, so that there is something
    to watch and to interrupt. ``acknowledge_within`` is how many seconds :meth:`accept` waits.

    ``on_result`` is called with each outcome as it arrives, ``on_lost`` with the ids of the tasks
    that were accepted and unfinished when the process ended. With ``on_result``, outcomes are not
    kept for :meth:`result` once delivered.
    """

    def __init__(
        self,
        *,
        seconds_per_task: float = DEFAULT_SECONDS_PER_TASK,
        acknowledge_within: float = 2.0,
        on_result: Callable[[Outcome], None] | None = None,
        on_lost: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        self._seconds_per_task = seconds_per_task
        self._acknowledge_within = acknowledge_within
        self._on_result = on_result
        self._on_lost = on_lost
        self._session: _Session | None = None
        self._changing = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether the process is there; it may still be busy or stuck."""
        return self._session is not None and self._session.is_alive

    @property
    def pid(self) -> int | None:
        """The id of the worker process, or ``None`` if it is not running."""
        return self._session.process.pid if self._session and self.running else None

    @property
    def outstanding(self) -> tuple[str, ...]:
        """The ids of the tasks that were accepted and are not finished."""
        return tuple(self._session.unfinished) if self._session else ()

    async def start(self) -> None:
        """Start the process and wait until it is ready; do nothing if it is running.

        Raises :class:`EngineUnavailableError` if it does not get ready.
        """
        async with self._changing:
            if self.running:
                return
            await self._close()
            self._session = await _Session.open(self._seconds_per_task, self._deliver, self._lose)

    async def stop(self) -> None:
        """Kill the process and wait until it is gone; do nothing if it is not running."""
        async with self._changing:
            await self._close()

    async def accept(self, task: Task) -> None:
        """Return when the Engine has taken the task.

        Raises :class:`EngineUnavailableError` if the process is not there or does not acknowledge
        in time; the task is then forgotten, and an outcome that still comes is dropped. Raises
        :class:`ValueError` if a task of this id is outstanding, or if its text holds surrogates.
        """
        session = self._alive()
        if session.has(task.id):
            raise ValueError(f"task {task.id} is outstanding already")
        line = msgspec.json.encode(task) + b"\n"
        try:
            async with asyncio.timeout(self._acknowledge_within):
                await session.submit(task.id, line)
        except TimeoutError:
            raise EngineUnavailableError("the Engine does not acknowledge") from None

    async def result(self, task_id: str) -> Outcome:
        """Return the outcome of an accepted task, once.

        Raises :class:`EngineUnavailableError` if the Engine does not have the task: it was never
        accepted, its outcome was delivered already, or the process ended before it was finished.
        """
        outcome = await self._session.outcome(task_id) if self._session else None
        if outcome is None:
            raise EngineUnavailableError(f"the Engine does not have task {task_id}")
        return outcome

    def _alive(self) -> _Session:
        if self._session is None or not self._session.is_alive:
            raise EngineUnavailableError("the Engine is not running")
        return self._session

    def _deliver(self, outcome: Outcome) -> bool:
        if self._on_result is None:
            return False
        asyncio.get_running_loop().call_soon(self._on_result, outcome)
        return True

    def _lose(self, task_ids: tuple[str, ...]) -> None:
        if self._on_lost is not None and task_ids:
            asyncio.get_running_loop().call_soon(self._on_lost, task_ids)

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()


class _Session:
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
    ) -> _Session:
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
            message = msgspec.json.decode(line, type=_Message)
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
        while stdout is not None and await stdout.read(_READ_SIZE):
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


# --- Worker side ---------------------------------------------------------------------------------


class _Worker:
    """Accepts tasks from one stream while a second thread computes them in order."""

    def __init__(self, seconds_per_task: float, source: BinaryIO, sink: BinaryIO) -> None:
        self._seconds_per_task = seconds_per_task
        self._source = source
        self._sink = sink
        self._writing = threading.Lock()
        self._tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()

    def run(self) -> None:
        """Serve until the source closes; tasks that are not finished by then are dropped."""
        threading.Thread(target=self._compute_all, daemon=True).start()
        self._write(_Message(ready=True))
        for task in self._accepted():
            self._tasks.put(task)

    def _accepted(self) -> Iterator[Task]:
        decoder = msgspec.json.Decoder[Task](PartTask | ProgramTask | EstimateTask)
        for line in self._source:
            try:
                task = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            self._write(_Message(id=task.id, accepted=True))
            yield task

    def _compute_all(self) -> None:
        while True:
            task = self._tasks.get()
            value = _compute(task)
            time.sleep(self._seconds_per_task)
            self._write(_Message(id=task.id, value=value))

    def _write(self, message: _Message) -> None:
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._sink.write(msgspec.json.encode(message) + b"\n")
            self._sink.flush()


def _compute(task: Task) -> Value:
    try:
        match task:
            case PartTask():
                return parse(task.step)
            case ProgramTask():
                return plan(task.part, task.units)
            case EstimateTask():
                return estimate(task.program, task.timings)
    except (StepError, MachiningError) as error:
        return Failure(error.code, error.reason)
    except Exception as error:
        return Failure("engine_error", f"unexpected {type(error).__name__}")


def main() -> None:
    """Run the worker on standard input and output until the input closes."""
    arguments = argparse.ArgumentParser(description="The worker process of the Toolpath sandbox.")
    arguments.add_argument("--seconds-per-task", type=float, default=DEFAULT_SECONDS_PER_TASK)
    seconds_per_task: float = arguments.parse_args().seconds_per_task
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_SECONDS)
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = os.fdopen(0, "rb", _READ_SIZE, closefd=False)
    _Worker(seconds_per_task, source, sink).run()
    os._exit(0)


if __name__ == "__main__":
    main()
