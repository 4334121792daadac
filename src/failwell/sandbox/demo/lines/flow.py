"""Samples to be sequenced: each FASTQ file goes up in chunks, a pipeline is run over it, and its
report comes down. The access token lasts seconds, and is renewed on the way."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from failwell.apis.flow import AsyncClient, FlowError
from failwell.apis.flow.client.async_resources import AsyncSample
from failwell.apis.flow.exceptions import ValidationError
from failwell.sandbox.demo.line import POLICY, Worker, data
from failwell.sandbox.demo.story import Item, Stage, heard
from failwell.sandbox.demo.task import Task

_LOGINS = 10
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
        self.limits: dict[str, Any] = {"access_token_seconds": 4, "requests_per_hour": 10_000}
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
    for left in reversed(range(_LOGINS)):
        try:
            await client.login(account["username"], account["password"])
        except FlowError:
            if not left:
                raise
        else:
            return


_Task = Task[AsyncClient]


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
    key = uuid.uuid4().hex
    execution = await task.repeated(
        "ordering the run",
        lambda: client.run_pipeline(_PIPELINE, samples=[sample], idempotency_key=key),
    )
    item.told("executions", execution.id)
    await task.repeated("running", lambda: client.wait(execution, timeout=60))
    item.result = await task.repeated(
        "fetching the report",
        lambda: _reported(client, execution.id, path.with_name(f"{item.name}.json")),
    )
    item.state = "looked at"


async def _uploaded(task: _Task, path: Path) -> AsyncSample:
    """The sample of a file. An upload that broke off goes on where it was, and a chunk that comes
    twice is taken once, so that the same call may be made again."""
    client, name = task.client, task.item.name

    async def there() -> AsyncSample | None:
        found = await client.search_samples(name=name, owned=True)
        return next((sample for sample in found if sample.name == name), None)

    return await task.named(
        "uploading",
        lambda: client.upload_sample(name, path, chunk_size=_CHUNK, progress=False, **_ABOUT),
        there,
        final=ValidationError,
    )


async def _reported(client: AsyncClient, execution: int, path: Path) -> str:
    """What the pipeline's report says of the reads that it kept; `path` is where it is put."""
    outputs = await client.get_outputs(execution)
    report = next(one for one in outputs if one.filename.endswith(".fastqc.json"))
    # A body that was cut short together with its length looks whole to HTTP; its size tells.
    while not path.exists() or path.stat().st_size != report.size:
        await client.download(report, path, progress=False)
    said = json.loads(path.read_text("utf-8"))
    quality = sum(said["mean_quality"]) / len(said["mean_quality"])
    return f"{said['reads']} reads, {said['gc']:.0%} GC, quality {quality:.0f}"
