"""Materials to be found: each MDL document is made a campaign, which runs to its end.

A document that has a dataset of its name beside it starts from that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.matcraft import (
    AsyncCampaign,
    AsyncMatCraftClient,
    Dataset,
    Page,
    Results,
)
from failwell.apis.matcraft.exceptions import ValidationError
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Item, Stage, heard
from failwell.sandbox.demo.task import Task
from failwell.settings import Governor, Limit

T = TypeVar("T")

_PER_MINUTE = 180
_PACE = Governor(limits=(Limit(_PER_MINUTE // 30, 2.0),))
"""MatCraft's quota, kept two seconds at a time: all of it at once would be used up at once, and the
rest of the minute waited for."""


class Materials:
    """The MDL documents that come with failwell."""

    api = "matcraft"
    at_once = 5
    component = "worker"
    away = 2.0

    def __init__(self) -> None:
        self.limits: dict[str, Any] = {"requests_per_minute": _PER_MINUTE}
        self._files = {path.stem: path for path in data(self.api) if path.suffix == ".yaml"}

    def items(self) -> Sequence[Item]:
        """A piece of work for each document."""
        return [Item(self.api, name) for name in self._files]

    @asynccontextmanager
    async def open(self, about: dict[str, Any], stage: Stage) -> AsyncGenerator[Worker]:
        """A worker that runs campaigns."""
        async with AsyncMatCraftClient(
            about["credentials"]["admin"],
            base_url=about["base_url"],
            policy=msgspec.structs.replace(POLICY, governor=_PACE),
            hooks=[heard],
            limits=httpx2.Limits(max_connections=64),
        ) as client:

            async def work(item: Item) -> None:
                await _find(_Task(client, item, stage), self._files[item.name])

            yield work


_Task = Task[AsyncMatCraftClient]


async def _find(task: _Task, document: Path) -> None:
    try:
        found = await _results(task, document)
    except ValidationError as error:
        paths = ", ".join(detail["path"] for detail in error.details)
        task.item.refused, task.item.state = f"mistakes at {paths}", "refused"
    else:
        task.item.result, task.item.state = _best(found), "found"


async def _results(task: _Task, document: Path) -> Results:
    """What the campaign of a document finds."""
    item, campaigns = task.item, task.client.campaigns
    rows = await _dataset(task, document.with_suffix(".csv"))
    campaign = await task.named(
        "creating the campaign",
        lambda: campaigns.create(document, dataset_id=rows.id if rows else None),
        lambda: _only(campaigns.list(name=item.name)),
    )
    item.told("campaigns", campaign.id)
    await task.named("starting", campaign.start, lambda: _started(campaign))
    item.told("jobs", campaign.job_id)
    with task.calling("searching"):
        await campaign.wait(timeout=60)
    with task.calling("reading"):
        return await campaign.results()


async def _dataset(task: _Task, table: Path) -> Dataset | None:
    """The dataset to start from, where there is one."""
    if not table.exists():
        return None
    datasets = task.client.datasets
    made = await task.named(
        "uploading rows",
        lambda: datasets.create(table),
        lambda: _only(datasets.list(name=table.stem)),
    )
    task.item.told("datasets", made.id)
    return made


async def _only(asked: Awaitable[Page[T]]) -> T | None:
    """The one of that name, where it is there."""
    return next(iter((await asked).items), None)


async def _started(campaign: AsyncCampaign) -> AsyncCampaign | None:
    await campaign.refresh()
    return None if campaign.job_id is None else campaign


def _best(found: Results) -> str:
    """The best value of the first objective, by an evaluation that keeps the constraints."""
    first = found.objectives[0]
    values = [p.objectives[first.name] for p in found.pareto_front if p.violation <= 0]
    best = max(values) if first.direction == "maximize" else min(values)
    return f"{first.name} {best:.4g}, of {found.evaluations_completed} tried"
