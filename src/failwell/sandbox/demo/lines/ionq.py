"""Circuits to be run: each is submitted as a job, waited for, and its most probable outcome read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from failwell.apis.ionq import (
    IonQClient,
    IonQError,
    JobFailedError,
    aiter_jobs,
    async_wait_for_job,
    create_job,
    get_job_probabilities,
)
from failwell.model import Outcome
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Call, Item, Stage, heard

_SUBMISSIONS = 5
_LOOKS = 3
_BETWEEN = 0.5
"""How often, and after how many seconds, a job whose fate is unknown is looked for."""


class Circuits:
    """The circuits that come with failwell, in IonQ's JSON and in OpenQASM."""

    api = "ionq"
    at_once = 4
    component = "simulator"
    away = 2.0

    def __init__(self) -> None:
        self.limits: dict[str, Any] = {"requests_per_minute": 6000}
        self._jobs = {path.stem: json.loads(path.read_text("utf-8")) for path in data(self.api)}

    def items(self) -> Sequence[Item]:
        """A piece of work for each circuit."""
        return [Item(self.api, name) for name in self._jobs]

    @asynccontextmanager
    async def open(self, about: dict[str, Any], stage: Stage) -> AsyncGenerator[Worker]:
        """A worker that runs circuits."""
        async with IonQClient(
            api_key=about["credentials"]["key"],
            base_url=about["base_url"],
            policy=POLICY,
            hooks=[heard],
            limits=httpx2.Limits(max_connections=64),
        ) as client:

            async def work(item: Item) -> None:
                await _run(client, self._jobs[item.name], item, stage)

            yield work


async def _run(client: IonQClient, body: dict[str, Any], item: Item, stage: Stage) -> None:
    job = await _submitted(client, body, item, stage)
    item.told("jobs", job)
    try:
        with stage.calling(item, "running"):
            await async_wait_for_job(client, job, poll_interval=0.3, timeout=60)
    except JobFailedError as error:
        item.refused, item.state = f"{error.code}: {error.message}", "refused"
        return
    with stage.calling(item, "reading"):
        found = await get_job_probabilities.asyncio(job, client=client)
    item.result, item.state = _likeliest(found), "run"


async def _submitted(client: IonQClient, body: dict[str, Any], item: Item, stage: Stage) -> str:
    """The id of the job. IonQ has no idempotency keys: one whose fate is unknown is looked for in
    the list of jobs, again and again, and submitted anew only where it does not turn up. That last
    step is the caller's own to decide, for IonQ does not say when a request that was lost is lost
    for good; in the sandbox it is, seconds later."""
    mark = {"circuit": item.name}
    for left in reversed(range(_SUBMISSIONS)):
        try:
            with stage.calling(item, "submitting") as call:
                return await _once(client, {**body, "metadata": mark}, call)
        except IonQError as error:
            if error.outcome is not Outcome.UNKNOWN or not left:
                raise
    raise AssertionError("the last submission has raised")


async def _once(client: IonQClient, body: dict[str, Any], call: Call) -> str:
    try:
        return (await create_job.asyncio(client=client, body=body)).id
    except IonQError as error:
        if error.outcome not in (Outcome.UNKNOWN, Outcome.APPLIED):
            raise
        for _ in range(_LOOKS):
            await asyncio.sleep(_BETWEEN)
            async for job in aiter_jobs(client):
                if (job.metadata or {}).get("circuit") == body["metadata"]["circuit"]:
                    call.saved = "a look at the list"
                    return job.id
        raise


def _likeliest(probabilities: Mapping[str, float]) -> str:
    """The most probable outcomes, at most two, as bits; the last one is that of qubit 0."""
    most = max(probabilities.values())
    width = max(int(state) for state in probabilities).bit_length()
    ties = [f"{int(state):0{width}b}" for state, p in probabilities.items() if p > most - 1e-6]
    others = "" if len(ties) < 3 else f" and {len(ties) - 2} more"
    return f"{' or '.join(ties[:2])}{others}, {most:.1%}{' each' if len(ties) > 1 else ''}"
