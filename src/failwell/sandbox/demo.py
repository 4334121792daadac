"""The main job, shown: real STEP files priced through a failing Toolpath, and the books checked.

Every file goes part → program → estimate, several at a time, while answers are lost, connections
reset and the Engine is killed and started again. At the end the sandbox is asked what it really
created: whatever is there twice is a duplicate, whatever is not there is lost.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from importlib.resources import files as resources
from pathlib import Path
from typing import Any, Literal

import httpx2
import msgspec

from failwell.apis.toolpath import AsyncToolpath, Part, Program
from failwell.contract import Policy, Retry
from failwell.errors import FailwellError, JobFailedError, UnprocessableError
from failwell.events import AttemptFailed, Event
from failwell.model import Outcome
from failwell.sandbox.wire import HOST

Weather = Literal["none", "default", "heavy"]

POLICY = Policy(retry=Retry(max_retries=8, base=0.2, cap=2.0), deadline=45.0)
REQUESTS_PER_MINUTE = 6000
"""The sandbox's own quota is lifted to this; the 429s come from the weather."""

ENGINE_AWAY = 2.0
"""Seconds for which the Engine is dead in the middle of the run."""

_POST = {"method": "POST"}
_WEATHER: dict[Weather, list[dict[str, Any]]] = {
    "none": [],
    "default": [
        {"match": _POST, "fault": "lose_answer", "probability": 0.20},
        {"match": _POST, "fault": "reset", "probability": 0.10},
        {"fault": "status", "status": 429, "retry_after": "0.5", "probability": 0.08},
        {"match": _POST, "fault": "cut_body", "probability": 0.06},
        {"match": _POST, "fault": "truncate", "probability": 0.06},
        {"fault": "html_502", "probability": 0.05},
        {"match": _POST, "fault": "html_502", "committed": True, "probability": 0.06},
    ],
    "heavy": [
        {"match": _POST, "fault": "lose_answer", "probability": 0.30},
        {"fault": "reset", "probability": 0.15},
        {"fault": "status", "status": 429, "retry_after": "0.5", "probability": 0.10},
        {"fault": "cut_body", "probability": 0.10},
        {"fault": "truncate", "probability": 0.10},
        {"match": _POST, "fault": "html_502", "committed": True, "probability": 0.15},
        {"fault": "status", "status": 500, "probability": 0.05},
        {"fault": "delay", "seconds": 0.3, "probability": 0.10},
    ],
}


class Job(msgspec.Struct):
    """One file on its way; `state` is for people, `done` says that it has a true end."""

    name: str
    path: Path
    state: str = "waiting"
    retries: int = 0
    replays: int = 0
    part: str | None = None
    program: str | None = None
    cents: int | None = None
    seconds: int | None = None
    refused: str | None = None
    error: str | None = None

    @property
    def done(self) -> bool:
        return self.cents is not None or self.refused is not None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How the run went, counted from what the sandbox really did."""

    jobs: tuple[Job, ...]
    weather: Weather
    faults: int
    retries: int
    replays: int
    duplicates: int
    lost: int
    took: float

    @property
    def is_clean(self) -> bool:
        """Nothing twice, nothing lost."""
        return self.duplicates == 0 and self.lost == 0


Watcher = Callable[[list[Job]], None]

_job: ContextVar[Job | None] = ContextVar("demo_job", default=None)


def step_files(folder: Path | None) -> list[Path]:
    """The STEP files of a folder, or those that come with failwell. Raises `ValueError`."""
    home = folder or Path(str(resources("failwell.sandbox"))) / "data"
    found = sorted(p for p in home.iterdir() if p.suffix.lower() in (".step", ".stp"))
    if not found:
        raise ValueError(f"there is no STEP file in {home}")
    return found


async def run(
    *, faults: Weather, files: Path | None, seed: int, at_once: int, watch: Watcher
) -> Report:
    """Price every file, under this weather; `watch` is told of each change."""
    jobs = [Job(name=path.stem, path=path) for path in step_files(files)]
    began = time.monotonic()
    async with _sandbox(seed) as url, httpx2.AsyncClient(base_url=url) as controls:
        about = (await controls.get("/sandbox.json")).json()["apis"]["toolpath"]
        limits = {"requests_per_minute": REQUESTS_PER_MINUTE}
        await controls.put("/sandbox/toolpath/limits", json=limits)
        await controls.put("/sandbox/toolpath/faults", json=_WEATHER[faults])
        key = about["credentials"]["read_write"]
        async with _client(key, about["base_url"]) as toolpath:
            await _price_all(toolpath, controls, jobs, faults, at_once, watch)
        used = (await controls.get("/sandbox/toolpath/faults")).json()["used"]
        effects = (await controls.get("/sandbox/toolpath/effects")).json()
    duplicates, lost = _audit(jobs, effects["created"])
    return Report(
        jobs=tuple(jobs),
        weather=faults,
        faults=sum(used.values()) + (faults != "none"),
        retries=sum(job.retries for job in jobs),
        replays=sum(job.replays for job in jobs),
        duplicates=duplicates,
        lost=lost,
        took=time.monotonic() - began,
    )


def _audit(jobs: list[Job], created: dict[str, int]) -> tuple[int, int]:
    """Duplicates and losses: what was created against what it was created for.

    Whatever was created and is nobody's is a duplicate. A job without a true end is lost; so is
    what was told to somebody and was never created, and what was told to two.
    """
    duplicates, lost = 0, sum(not job.done for job in jobs)
    for kind, told in (
        ("parts", [job.part for job in jobs if job.part]),
        ("programs", [job.program for job in jobs if job.program]),
    ):
        distinct = len(set(told))
        duplicates += max(0, created[kind] - distinct)
        lost += max(0, distinct - created[kind]) + len(told) - distinct
    return duplicates, lost


@asynccontextmanager
async def _sandbox(seed: int) -> AsyncGenerator[str]:
    command = ("-m", "failwell", "sandbox", "--port", "0", "--only", "toolpath")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--seed", str(seed), stdout=PIPE, env={**os.environ}
    )
    try:
        yield await _ready(process)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ready(process: Process) -> str:
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    if not line.startswith(f"ready http://{HOST}"):
        raise RuntimeError(f"the sandbox did not start: {line!r}")
    return line.removeprefix("ready ")


def _client(key: str, base_url: str) -> AsyncToolpath:
    return AsyncToolpath(
        key,
        base_url=base_url,
        policy=POLICY,
        hooks=[_count_retry],
        event_hooks={"response": [_count_replay]},
        limits=httpx2.Limits(max_connections=64),
    )


def _count_retry(event: Event) -> None:
    job = _job.get()
    if job is not None and isinstance(event, AttemptFailed):
        job.retries += 1


async def _count_replay(response: httpx2.Response) -> None:
    job = _job.get()
    if job is not None and "idempotent-replayed" in response.headers:
        job.replays += 1


async def _price_all(
    toolpath: AsyncToolpath,
    controls: httpx2.AsyncClient,
    jobs: list[Job],
    faults: Weather,
    at_once: int,
    watch: Watcher,
) -> None:
    places = asyncio.Semaphore(at_once)

    async def one(job: Job) -> None:
        async with places:
            await _price(toolpath, job, lambda: watch(jobs))

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(one(job))
        if faults != "none":
            group.create_task(_kill_engine(controls, jobs))


async def _kill_engine(controls: httpx2.AsyncClient, jobs: list[Job]) -> None:
    """Kill the Engine when a third of the files are through, and start it again later."""
    while sum(job.done or job.error is not None for job in jobs) < len(jobs) // 3:
        await asyncio.sleep(0.02)
    engine = "/sandbox/toolpath/components/engine"
    await controls.post(engine, json={"state": "stopped"})
    await asyncio.sleep(ENGINE_AWAY)
    await controls.post(engine, json={"state": "running"})


async def _price(toolpath: AsyncToolpath, job: Job, changed: Callable[[], None]) -> None:
    _job.set(job)

    def now(state: str) -> None:
        job.state = state
        changed()

    try:
        now("uploading")
        part = await _once(toolpath, toolpath.parts.create(job.path), Part)
        job.part = part.id
        now("measuring")
        part = await toolpath.parts.wait(part, timeout=60)
        now("programming")
        program = await _once(toolpath, toolpath.programs.create(part), Program)
        job.program = program.id
        now("planning")
        program = await toolpath.programs.wait(program, timeout=60)
        now("estimating")
        estimate = await toolpath.estimates.get(program, timeout=60)
        job.cents, job.seconds = estimate.cost_cents, estimate.duration_seconds
        now("priced")
    except (JobFailedError, UnprocessableError) as error:
        job.refused = error.message.partition(" failed: ")[2] or error.message
        now("refused")
    except FailwellError as error:
        job.error = repr(error)
        now("gave up")


async def _once(toolpath: AsyncToolpath, write: Any, cls: type[Any]) -> Any:
    """The record of a write; where its outcome is unknown, it is settled, never sent anew."""
    try:
        return await write
    except FailwellError as error:
        if error.outcome not in (Outcome.UNKNOWN, Outcome.APPLIED):
            raise
        settled = await toolpath.settle(error)
        if settled.response is None:
            raise
        return msgspec.convert(settled.record["data"], cls)
