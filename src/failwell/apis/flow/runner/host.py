"""The runner: a component that works off jobs, so many at a time, and starts real processes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from failwell.apis.flow.runner.messages import Ended, Job

logger = logging.getLogger("failwell.sandbox")

_KEPT = 64 * 1024
"""Bytes of what a process says that are kept."""

_ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
"""glibc would reserve 64 MiB of address space for a second thread, which the cap counts."""

Work = Callable[[], Awaitable[None]]


class RunnerStoppedError(RuntimeError):
    """The runner takes no jobs."""


class Runner:
    """Works off jobs in their order; `slots()` is how many may run at once.

    Stopping it kills the processes of the jobs that run and forgets those that wait; whoever gave
    them gives them again when it is back.
    """

    def __init__(self, slots: Callable[[], int]) -> None:
        self._slots = slots
        self._waiting: dict[str, Work] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._up = False

    @property
    def running(self) -> bool:
        return self._up

    async def start(self) -> None:
        """Take jobs."""
        self._up = True

    async def stop(self) -> None:
        """Take no more jobs; end those that run."""
        self._up = False
        self._waiting.clear()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def submit(self, name: str, work: Work) -> None:
        """Take a job, unless there is one of this name. Raises `RunnerStoppedError`."""
        if not self._up:
            raise RunnerStoppedError
        if name not in self._running:
            self._waiting[name] = work
            self.pump()

    async def drop(self, name: str) -> None:
        """Forget a job that waits, or end it where it runs."""
        self._waiting.pop(name, None)
        task = self._running.get(name)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def pump(self) -> None:
        """Start as many jobs as there are slots for."""
        while self._waiting and len(self._running) < self._slots():
            name = next(iter(self._waiting))
            task = asyncio.get_running_loop().create_task(self._work(self._waiting.pop(name)))
            self._running[name] = task
            task.add_done_callback(functools.partial(self._ended, name))

    def _ended(self, name: str, _: asyncio.Task[None]) -> None:
        del self._running[name]
        if self._up:
            self.pump()

    async def _work(self, work: Work) -> None:
        try:
            await work()
        except sqlite3.ProgrammingError:
            logger.warning("the database is stopped: a job of Flow's runner will run again")
        except Exception:
            logger.exception("a job of Flow's runner failed")


async def run(job: Job, folder: Path) -> Ended:
    """Run a job as a process of its own in this folder; it is killed where this is cancelled."""
    folder.mkdir(parents=True, exist_ok=True)
    told = folder.with_suffix(".json")
    told.write_bytes(msgspec.json.encode(job))
    process = await asyncio.create_subprocess_exec(
        *command(told),
        cwd=folder,
        env={**os.environ, **_ONE_ARENA},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await _heard(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return Ended(process.returncode or 0, out, err)


def command(told: Path) -> list[str]:
    """The command line of a process."""
    return [sys.executable, "-m", "failwell.apis.flow.runner", str(told)]


async def _heard(process: asyncio.subprocess.Process) -> tuple[str, str]:
    """What a process says until it ends; its standard input stays open for as long."""
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = await asyncio.gather(_said(process.stdout), _said(process.stderr))
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return out, err


async def _said(stream: asyncio.StreamReader) -> str:
    kept = bytearray()
    while piece := await stream.read(_KEPT):
        kept += piece[: _KEPT - len(kept)]
    return kept.decode("utf-8", "replace")
