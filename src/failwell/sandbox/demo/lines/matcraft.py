"""Materials to be found: each MDL document is made a campaign, which runs to its end.

A document that has a dataset of its name beside it starts from that.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.matcraft import (
    AsyncCampaign,
    AsyncMatCraftClient,
    Dataset,
    MatCraftAPIError,
    Page,
    Results,
)
from failwell.apis.matcraft.exceptions import ValidationError
from failwell.model import Outcome
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Item, Stage, heard
from failwell.settings import Governor, Limit

T = TypeVar("T")

_SENDS = 5

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


class _Task(msgspec.Struct, frozen=True):
    """One piece of work, by which client it is done, and where it is shown."""

    client: AsyncMatCraftClient
    item: Item
    stage: Stage

    async def write(
        self,
        step: str,
        send: Callable[[], Awaitable[T]],
        look: Callable[[], Awaitable[T | None]],
    ) -> T:
        """What a write gives. Where its outcome is unknown, `look` says what is there by now; what
        is not, is sent once more, for MatCraft refuses the second of one name."""
        with self.stage.calling(self.item, step) as call:
            for left in reversed(range(_SENDS)):
                try:
                    return await send()
                except MatCraftAPIError as error:
                    is_refused = error.outcome is Outcome.NOT_STARTED and not call.saved
                    if is_refused or isinstance(error, ValidationError) or not left:
                        raise
                    call.saved = "a look at what is there"
                    found = await look()
                    if found is not None:
                        return found
            raise AssertionError("the last of the sends has raised")


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
    campaign = await task.write(
        "creating the campaign",
        lambda: campaigns.create(document, dataset_id=rows and rows.id),
        lambda: _only(campaigns.list(name=item.name)),
    )
    item.told("campaigns", campaign.id)
    await task.write("starting", campaign.start, lambda: _started(campaign))
    item.told("jobs", campaign.job_id)
    with task.stage.calling(item, "searching"):
        await campaign.wait(timeout=60)
    with task.stage.calling(item, "reading"):
        return await campaign.results()


async def _dataset(task: _Task, table: Path) -> Dataset | None:
    """The dataset to start from, where there is one."""
    if not table.exists():
        return None
    datasets = task.client.datasets
    made = await task.write(
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
    return f"{first.name} {best:.4g} after {found.evaluations_completed} evaluations"
