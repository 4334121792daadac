"""Toolpath's sandbox and `kill -9`: a record and the answer to its key are one transaction.

What was made is counted by the service; `mortal.py` is the program that is killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

import failwell
from apis.toolpath.mortal import FINDINGS, WRITES
from failwell.apis.toolpath import AsyncToolpath, Toolpath
from failwell.model import Outcome
from failwell.settings import Policy, Retry
from faults.supervisor import Works, kill_at_random, supervised

SPACER = Path(str(files("failwell.sandbox"))) / "data" / "standoff_spacer.step"
ONCE = Policy(retry=None, breaker=None)
PATIENT = Policy(
    retry=Retry(max_retries=500, base=0.02, cap=0.3, fast_base=0.02),
    budget=None,
    breaker=None,
    governor=None,
)
KILLS = int(os.environ.get("FAILWELL_KILLS", "12"))
CLIENTS = 6

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its server")


class Mortal:
    """A sandbox that dies and is born again over one folder."""

    def __init__(self, works: Works) -> None:
        self.works = works
        about = self._told("/sandbox.json")["apis"]["toolpath"]
        key = about["credentials"]["read_write"]
        self.how: dict[str, Any] = {"api_key": key, "base_url": about["base_url"]}
        self.how["trust_env"] = False

    @property
    def created(self) -> dict[str, int]:
        """How many parts and programs there are."""
        counts = self._told("/sandbox/toolpath/effects")["created"]
        return {"part": counts["parts"], "prog": counts["programs"]}

    def _told(self, path: str) -> Any:
        return httpx2.get(self.works.url + path, trust_env=False).json()


@contextmanager
def mortal(folder: Path, *dooms: str) -> Iterator[Mortal]:
    with supervised("apis.toolpath.mortal", str(folder), *dooms) as works:
        yield Mortal(works)


@pytest.mark.parametrize("what", ["part", "prog"])
def test_each_instant_of_a_write(tmp_path: Path, what: str) -> None:
    """Killed at any instant of a write, the service has left the record with its answer, or
    neither; the same key is then told `applied`, and has its one record."""
    dooms = [doom for instant in WRITES for doom in ("", f"{what}:{instant}")]
    with mortal(tmp_path, *dooms) as sandbox, Toolpath(**sandbox.how, policy=ONCE) as toolpath:
        given: Any = SPACER
        write: Any = toolpath.parts.create
        if what == "prog":
            given, write = toolpath.parts.wait(write(SPACER)), toolpath.programs.create
        for made, (instant, left) in enumerate(WRITES.items()):
            sandbox.works.kill()
            sandbox.works.await_start()
            with pytest.raises(failwell.APIConnectionError) as caught:
                write(given)
            sandbox.works.await_start()
            assert caught.value.outcome is Outcome.UNKNOWN
            assert sandbox.created[what] == made + left, instant
            assert toolpath.settle(caught.value).outcome is Outcome.APPLIED
            assert sandbox.created[what] == made + 1, instant
        assert_all_ready(toolpath, sandbox.created)


@pytest.mark.parametrize("finding", FINDINGS)
def test_what_the_engine_had_is_taken_up_again(tmp_path: Path, finding: str) -> None:
    """Killed before or after an Engine's finding is written down, the service gives the Engine
    what it has left undone as soon as it is back: nothing stays in processing."""
    dooms = (f"part:{finding}", "", f"prog:{finding}")
    with mortal(tmp_path, *dooms) as sandbox, Toolpath(**sandbox.how, policy=PATIENT) as toolpath:
        part = toolpath.parts.create(SPACER)
        sandbox.works.await_start()
        assert toolpath.parts.wait(part).status == "ready"
        sandbox.works.kill()
        sandbox.works.await_start()
        toolpath.programs.create(part)
        sandbox.works.await_start()
        assert_all_ready(toolpath, sandbox.created)
        assert sandbox.created == {"part": 1, "prog": 1}


def assert_all_ready(toolpath: Toolpath, created: dict[str, int]) -> None:
    for number in range(1, created["part"] + 1):
        assert toolpath.parts.wait(f"part{number:04d}").status == "ready"
    for number in range(1, created["prog"] + 1):
        assert toolpath.programs.wait(f"prog{number:04d}").status == "ready"
        for timings in ("fast", "refined"):
            assert toolpath.estimates.get(f"prog{number:04d}", timings=timings).cost_cents > 0


class Job(msgspec.Struct):
    """One part and its program, as a client was told of them, and the keys it has used."""

    keys: tuple[str, str]
    ids: tuple[str, str]


async def job(toolpath: AsyncToolpath, keys: tuple[str, str]) -> Job:
    """A part, its program and its estimates."""
    part = await toolpath.parts.create(SPACER, idempotency_key=keys[0])
    await toolpath.parts.wait(part)
    program = await toolpath.programs.create(part, idempotency_key=keys[1])
    await toolpath.programs.wait(program)
    await asyncio.gather(
        toolpath.estimates.get(program), toolpath.estimates.get(program, timings="refined")
    )
    return Job(keys, (part.id, program.id))


@asynccontextmanager
async def working(sandbox: Mortal, done: list[Job]) -> AsyncIterator[None]:
    """Clients that have one thing after another made for as long as the block runs, and end what
    they have begun."""
    stop = asyncio.Event()

    async def work() -> None:
        async with AsyncToolpath(**sandbox.how, policy=PATIENT) as toolpath:
            while not stop.is_set():
                done.append(await job(toolpath, (str(uuid.uuid4()), str(uuid.uuid4()))))

    async with asyncio.timeout(60 + 5 * KILLS), asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(work())
        yield
        stop.set()


async def storm(sandbox: Mortal, rng: random.Random) -> list[Job]:
    """All that was made in spite of the kills; each key says the same once more."""
    done: list[Job] = []
    async with working(sandbox, done):
        await asyncio.to_thread(kill_at_random, sandbox.works, KILLS, rng)
    async with AsyncToolpath(**sandbox.how, policy=ONCE) as toolpath:
        for told in done:
            assert await job(toolpath, told.keys) == told
    return done


@pytest.mark.timeout(120 + 10 * KILLS)
def test_kills_at_random(tmp_path: Path) -> None:
    """However often the sandbox is killed under several clients, each write ends in its one record
    and each record is computed to its end: none is lost, none doubled, no key stays unknown."""
    with mortal(tmp_path) as sandbox:
        done = asyncio.run(storm(sandbox, random.Random(7)))
        created = sandbox.created
    print(f"\n{KILLS} kills: {len(done)} jobs, created {created}")
    assert {len({told.ids[what] for told in done}) for what in (0, 1)} == {len(done)}
    assert created == {"part": len(done), "prog": len(done)}
    assert len(done) >= CLIENTS
