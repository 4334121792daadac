"""Circuits to be run: each is submitted as a job, waited for, and its likeliest outcome read."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from failwell.apis.ionq import (
    IonQClient,
    JobFailedError,
    aiter_jobs,
    async_wait_for_job,
    create_job,
    get_job_probabilities,
)
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Item, Stage, heard
from failwell.sandbox.demo.task import Task

_MARK = "circuit"
"""The key of a job's metadata that says which circuit it is for."""


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
                await _run(_Task(client, item, stage), self._jobs[item.name])

            yield work


_Task = Task[IonQClient]


async def _run(task: _Task, body: dict[str, Any]) -> None:
    client, item = task.client, task.item
    job = await task.unnamed(
        "submitting", lambda: _submitted(client, body), lambda: _listed(client, item.name)
    )
    item.told("jobs", job)
    try:
        with task.calling("running"):
            done = await async_wait_for_job(client, job, poll_interval=0.3, timeout=60)
    except JobFailedError as error:
        item.refused, item.state = error.message.partition(" failed: ")[2], "refused"
        return
    with task.calling("reading"):
        found = await get_job_probabilities.asyncio(job, client=client)
    item.result, item.state = _likeliest(found, done.stats["qubits"]), "run"


async def _submitted(client: IonQClient, body: dict[str, Any]) -> str:
    marked = {**body, "metadata": {_MARK: body["name"]}}
    return (await create_job.asyncio(client=client, body=marked)).id


async def _listed(client: IonQClient, name: str) -> str | None:
    """The id of the job of this circuit, where the list of jobs shows it."""
    async for job in aiter_jobs(client):
        if (job.metadata or {}).get(_MARK) == name:
            return job.id
    return None


def _likeliest(probabilities: Mapping[str, float], width: int) -> str:
    """The most probable outcomes, at most two, as bits; the last one is that of qubit 0."""
    most = max(probabilities.values())
    ties = [f"{int(state):0{width}b}" for state, p in probabilities.items() if p > most - 1e-6]
    others = "" if len(ties) < 3 else f" and {len(ties) - 2} more"
    return f"{' or '.join(ties[:2])}{others}, {most:.1%}{' each' if len(ties) > 1 else ''}"
