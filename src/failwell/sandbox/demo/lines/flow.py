"""Samples to be sequenced: each FASTQ file goes up in chunks, a pipeline is run over it, and its
report comes down. The access token lasts seconds, and is renewed on the way."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec

from failwell.apis.flow import AsyncClient, FlowError
from failwell.apis.flow.client.async_resources import AsyncSample
from failwell.apis.flow.exceptions import ValidationError
from failwell.model import Outcome
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Item, Stage, heard

T = TypeVar("T")

_SENDS = 5
_CHUNK = 12_000
_PIPELINE = "Read-Trimming"
_ABOUT: dict[str, Any] = {"sample_type": "RNA-Seq", "organism": "Hs"}


class Samples:
    """The FASTQ files that come with failwell."""

    api = "flow"
    at_once = 4
    component = "runner"
    away = 2.0

    def __init__(self) -> None:
        self.limits: dict[str, Any] = {"access_token_seconds": 3, "requests_per_hour": 10_000}
        self._files = {path.name.partition(".")[0]: path for path in data(self.api)}

    def items(self) -> Sequence[Item]:
        """A piece of work for each file."""
        return [Item(self.api, name) for name in self._files]

    @asynccontextmanager
    async def open(self, about: dict[str, Any], stage: Stage) -> AsyncGenerator[Worker]:
        """A worker that has files looked at, logged in as Alice."""
        async with AsyncClient(
            about["base_url"],
            policy=POLICY,
            hooks=[heard],
            limits=httpx2.Limits(max_connections=64),
        ) as client:
            await _logged_in(client, about["credentials"]["alice"])
            with tempfile.TemporaryDirectory(prefix="failwell-demo-") as folder:

                async def work(item: Item) -> None:
                    # How far an upload is, is noted beside its file.
                    path = Path(shutil.copy(self._files[item.name], folder))
                    await _look_at(_Task(client, item, stage), path)

                yield work


async def _logged_in(client: AsyncClient, account: dict[str, str]) -> None:
    """One more session does no harm, so that what became of the first does not matter."""
    for left in reversed(range(_SENDS)):
        try:
            await client.login(account["username"], account["password"])
        except FlowError:
            if not left:
                raise
        else:
            return


class _Task(msgspec.Struct, frozen=True):
    """One piece of work, by which client it is done, and where it is shown."""

    client: AsyncClient
    item: Item
    stage: Stage

    async def keyed(
        self,
        step: str,
        send: Callable[[], Awaitable[T]],
        read: Callable[[Any], Awaitable[T]],
    ) -> T:
        """What a write gives. Where its outcome is unknown it is settled by its key, and the same
        is `read` of its record."""
        with self.stage.calling(self.item, step) as call:
            try:
                return await send()
            except FlowError as error:
                if error.outcome not in (Outcome.UNKNOWN, Outcome.APPLIED):
                    raise
                settled = await self.client.settle(error)
                if settled.response is None:
                    raise
                call.saved = "settling"
                return await read(settled.record["id"])


async def _look_at(task: _Task, path: Path) -> None:
    item, client = task.item, task.client
    try:
        sample = await _uploaded(task, path)
    except ValidationError as error:
        item.refused, item.state = error.message, "refused"
        return
    item.told("samples", sample.id)
    for file in sample.data:
        item.told("data", file.id)
    execution = await task.keyed(
        "ordering the run",
        lambda: client.run_pipeline(_PIPELINE, samples=[sample]),
        client.get_execution,
    )
    item.told("executions", execution.id)
    with task.stage.calling(item, "running"):
        await client.wait(execution, timeout=60)
    item.result, item.state = await _reported(task, execution.id, path.parent), "looked at"


async def _uploaded(task: _Task, path: Path) -> AsyncSample:
    """The sample of a file. An upload that broke off goes on where it was, and a chunk that comes
    twice is taken once, so that the same call may be made again."""
    client, name = task.client, task.item.name
    with task.stage.calling(task.item, "uploading") as call:
        for left in reversed(range(_SENDS)):
            try:
                return await client.upload_sample(
                    name, path, chunk_size=_CHUNK, progress=False, **_ABOUT
                )
            except ValidationError:
                raise
            except FlowError:
                if not left:
                    raise
                call.saved = "going on with it"
                made = await client.search_samples(name=name, owned=True)
                if made:
                    return made[0]
    raise AssertionError("the last of the sends has raised")


async def _reported(task: _Task, execution: int, folder: Path) -> str:
    """What the pipeline's report says of the reads that it kept."""
    with task.stage.calling(task.item, "fetching the report"):
        outputs = await task.client.get_outputs(execution)
        report = next(one for one in outputs if one.filename.endswith(".fastqc.json"))
        path = folder / f"{task.item.name}.json"
        await task.client.download(report, path, progress=False)
    said = json.loads(path.read_text("utf-8"))
    quality = sum(said["mean_quality"]) / len(said["mean_quality"])
    return f"{said['reads']} reads, {said['gc']:.0%} GC, mean quality {quality:.0f}"
