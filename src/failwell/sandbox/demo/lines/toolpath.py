"""Parts to be machined: each STEP file goes part → program → estimate, and is priced."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.toolpath import AsyncToolpath, Part, Program
from failwell.errors import (
    BadRequestError,
    InvalidRequestError,
    JobFailedError,
    UnprocessableError,
)
from failwell.model import Outcome
from failwell.sandbox.demo.line import POLICY, Worker
from failwell.sandbox.demo.story import Item, Stage, heard, replayed
from failwell.sandbox.demo.task import Task

T = TypeVar("T", Part, Program)


_IS_STEP = (".step", ".stp")


def _named(files: Iterable[Path]) -> dict[str, Path]:
    """The files of a folder by their names, which are whole where their stems are not enough."""
    files = list(files)
    stems = {path.stem: path for path in files}
    return stems if len(stems) == len(files) else {path.name: path for path in files}


class Parts:
    """The STEP files of a folder, or those that come with failwell.

    Raises `ValueError` for a folder without STEP files.
    """

    api = "toolpath"
    at_once = 8
    component = "engine"
    away = 2.0

    def __init__(self, folder: Path | None = None) -> None:
        self.limits: dict[str, Any] = {"requests_per_minute": 6000}
        home = folder or Path(str(files("failwell.sandbox"))) / "data"
        self._files = _named(p for p in sorted(home.iterdir()) if p.suffix.lower() in _IS_STEP)
        if not self._files:
            raise ValueError(f"there is no STEP file in {home}")

    def items(self) -> Sequence[Item]:
        """A piece of work for each file."""
        return [Item(self.api, name) for name in self._files]

    @asynccontextmanager
    async def open(self, about: dict[str, Any], stage: Stage) -> AsyncGenerator[Worker]:
        """A worker that prices files."""
        async with AsyncToolpath(
            about["credentials"]["read_write"],
            base_url=about["base_url"],
            policy=POLICY,
            hooks=[heard],
            event_hooks={"response": [_see_replay]},
            limits=httpx2.Limits(max_connections=64),
        ) as toolpath:

            async def work(item: Item) -> None:
                await _price(_Task(toolpath, item, stage), self._files[item.name])

            yield work


async def _see_replay(response: httpx2.Response) -> None:
    if "idempotent-replayed" in response.headers:
        replayed()


_Task = Task[AsyncToolpath]


async def _price(task: _Task, path: Path) -> None:
    toolpath, item = task.client, task.item
    try:
        part = await _made(task, lambda: toolpath.parts.create(path), Part)
        item.told("parts", part.id)
        with task.calling("measuring"):
            part = await toolpath.parts.wait(part, timeout=60)
        program = await _made(task, lambda: toolpath.programs.create(part), Program)
        item.told("programs", program.id)
        with task.calling("planning"):
            program = await toolpath.programs.wait(program, timeout=60)
        with task.calling("estimating"):
            estimate = await toolpath.estimates.get(program, timeout=60)
    except (JobFailedError, UnprocessableError) as error:
        item.refused = error.message.partition(" failed: ")[2] or error.message
        item.state = "refused"
    except (InvalidRequestError, BadRequestError) as error:
        if error.outcome is not Outcome.NOT_STARTED:
            raise
        item.refused, item.state, item.is_mistake = error.message, "refused", True
    else:
        minutes = f"{estimate.duration_seconds // 60}:{estimate.duration_seconds % 60:02d}"
        item.result = f"${estimate.cost_cents / 100:,.2f}, {minutes} min"
        item.state = "priced"


async def _made(task: _Task, create: Callable[[], Awaitable[T]], cls: type[T]) -> T:
    """The record of a write."""

    async def read(record: Any) -> T:
        return msgspec.convert(record["data"], cls)

    step = f"creating the {cls.__name__.lower()}"
    return await task.keyed(step, create, task.client.settle, read)
