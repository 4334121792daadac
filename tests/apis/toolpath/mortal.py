"""Run as a program: the sandbox with Toolpath, over a folder that outlives it.

The first argument is the folder. Each further one, such as "part:taken", is the doom of one life
of the server, the first one's, the second's, and so on: the instant of a write at which it kills
itself with SIGKILL. The lives after those end only when they are killed from outside.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from failwell.apis.toolpath import service
from failwell.apis.toolpath.workshop import Workshop
from failwell.sandbox.app import application
from faults.works import reborn

WRITES = {
    "claimed": 0,  # the key is taken, and the Engine not asked yet
    "taken": 0,  # the Engine has the task
    "written": 0,  # record and answer are written, and not committed
    "committed": 1,  # they are committed
    "leaving": 1,  # the answer is about to leave
}
"""The instants of a write, and how many records are left of one that ends there."""

FINDINGS = ("found", "noted")
"""The Engine's finding is not written down yet; it is, and the next task not handed over."""


class Doomed(Workshop):
    """A workshop that passes by each instant, and ends the process at that of its doom."""

    doom: str | None = None

    @classmethod
    def pass_by(cls, instant: str) -> None:
        if instant == cls.doom:
            os.kill(os.getpid(), signal.SIGKILL)

    @asynccontextmanager
    async def new_part(self, *given: Any) -> AsyncGenerator[Any]:
        async with self._passing("part", super().new_part(*given)) as part:
            yield part

    @asynccontextmanager
    async def new_program(self, *given: Any) -> AsyncGenerator[Any]:
        async with self._passing("prog", super().new_program(*given)) as program:
            yield program

    @asynccontextmanager
    async def _passing(self, what: str, making: Any) -> AsyncGenerator[Any]:
        self.pass_by(f"{what}:claimed")
        async with making as made:
            yield made
            self.pass_by(f"{what}:written")
        self.pass_by(f"{what}:committed")

    async def _hand_over(self, task: Any) -> None:
        await super()._hand_over(task)
        self.pass_by(f"{task.id[:4]}:taken")

    def _write_down(self, task: str, value: Any) -> None:
        self.pass_by(f"{task[:4]}:found")
        super()._write_down(task, value)
        self.pass_by(f"{task[:4]}:noted")


def sandbox(folder: Path, doom: str | None) -> Any:
    """The sandbox in one of its lives."""
    Doomed.doom = doom
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(service, "Workshop", Doomed)
        toolpath = service.ToolpathService(folder=folder, seconds_per_task=0.0)
    toolpath.set_limits({"requests_per_minute": 100_000})
    app = application([toolpath])

    async def leaving(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            if message.get("status") == 202 and scope["method"] == "POST":
                Doomed.pass_by(f"{scope['path'].rpartition('/')[2][:4]}:leaving")
            await send(message)

        await app(scope, receive, sent)

    return leaving


def main(folder: str, *dooms: str) -> None:
    """Serve the sandbox, life after life."""
    reborn(lambda life: sandbox(Path(folder), dooms[life] if life < len(dooms) else None))


if __name__ == "__main__":
    main(*sys.argv[1:])
