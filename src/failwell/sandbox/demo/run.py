"""The run: the sandbox in a process of its own, the lines at work, the weather, the books."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, redirect_stderr, suppress
from typing import Any

import httpx2

from failwell.errors import FailwellError
from failwell.sandbox.demo.books import audit
from failwell.sandbox.demo.line import WEATHER, Line, Worker
from failwell.sandbox.demo.report import Report, Weather
from failwell.sandbox.demo.story import Item, Outage, Stage, Watcher
from failwell.sandbox.wire import HOST

_SHARE = 3
"""A line's component is stopped when one in so many of its pieces of work is through."""


async def run(lines: Sequence[Line], *, weather: Weather, seed: int, watch: Watcher) -> Report:
    """Do all the work of the lines under this weather; `watch` is told of each change."""
    stage = Stage(watch)
    async with _sandbox(lines, seed) as url, httpx2.AsyncClient(base_url=url) as controls:
        apis = (await controls.get("/sandbox.json")).raise_for_status().json()["apis"]
        await _together(_work(line, apis[line.api], stage, controls, weather) for line in lines)
        took, faults = stage.now(), 0
        created: dict[str, dict[str, int]] = {}
        for line in lines:
            used = (await controls.get(f"/sandbox/{line.api}/faults")).json()["used"]
            faults += sum(used.values()) + (weather != "none")
            effects = (await controls.get(f"/sandbox/{line.api}/effects")).json()
            created[line.api] = effects["created"]
    books = audit(stage.items, created)
    return Report(
        items=tuple(stage.items),
        weather=weather,
        faults=faults,
        duplicates=books.duplicates,
        lost=books.lost,
        took=took,
        outages=tuple(stage.outages),
        created=created,
        limits={line.api: line.limits for line in lines},
    )


async def _together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it. After Ctrl-C no wait says how to wait for its job again, as waits do: the jobs
    end with the sandbox."""
    done = asyncio.ensure_future(_all(works))
    try:
        await asyncio.shield(done)
    except asyncio.CancelledError:
        done.cancel()
        with redirect_stderr(io.StringIO()):
            await asyncio.gather(done, return_exceptions=True)
        raise


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(work)


async def _work(
    line: Line, about: dict[str, Any], stage: Stage, controls: httpx2.AsyncClient, weather: Weather
) -> None:
    items = [stage.add(item) for item in line.items()]
    here = f"/sandbox/{line.api}"
    (await controls.put(f"{here}/limits", json=line.limits)).raise_for_status()
    (await controls.put(f"{here}/faults", json=WEATHER[weather])).raise_for_status()
    places = asyncio.Semaphore(line.at_once)
    async with line.open(about, stage) as worker, asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(_one(item, worker, places, stage))
        if weather != "none":
            group.create_task(_stop_and_start(line, items, stage, controls))


async def _one(item: Item, worker: Worker, places: asyncio.Semaphore, stage: Stage) -> None:
    async with places:
        try:
            await worker(item)
        except FailwellError as error:
            item.error, item.state = f"{type(error).__name__}: {error.message}", "gave up"
        stage.changed()


async def _stop_and_start(
    line: Line, items: Sequence[Item], stage: Stage, controls: httpx2.AsyncClient
) -> None:
    """Stop the line's component when a share of its work is through, and start it again."""
    while sum(item.done or item.error is not None for item in items) < len(items) // _SHARE:
        await asyncio.sleep(0.02)
    component = f"/sandbox/{line.api}/components/{line.component}"
    (await controls.post(component, json={"state": "stopped"})).raise_for_status()
    began = stage.now()
    await asyncio.sleep(line.away)
    (await controls.post(component, json={"state": "running"})).raise_for_status()
    stage.outages.append(Outage(line.api, line.component, began, stage.now()))


@asynccontextmanager
async def _sandbox(lines: Sequence[Line], seed: int) -> AsyncGenerator[str]:
    """The sandbox's URL. It is in a session of its own: a Ctrl-C at the terminal is for the run,
    which ends it, and not for each of its processes."""
    command = ["-m", "failwell", "sandbox", "--port", "0", "--seed", str(seed)]
    for line in lines:
        command += ["--only", line.api]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=PIPE, env={**os.environ}, start_new_session=True
    )
    try:
        yield await _ready(process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ready(process: Process) -> str:
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
    if not line.startswith(f"ready http://{HOST}"):
        raise ChildProcessError(f"the sandbox did not start: {line!r}")
    return line.removeprefix("ready ")
