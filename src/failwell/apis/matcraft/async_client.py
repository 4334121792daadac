"""`AsyncMatCraftClient`: the same as `MatCraftClient`, awaited.

>>> async with AsyncMatCraftClient() as client:
...     campaign = await client.campaigns.create(mdl_path="material.yaml")
...     await campaign.start()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failwell.apis.matcraft import connection, documents, operations
from failwell.apis.matcraft.async_campaigns import AsyncCampaigns
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.documents import Source
from failwell.apis.matcraft.records import Dataset, JobRecord, LogLine, Page, Template
from failwell.apis.operation import arun
from failwell.apis.resource import AsyncConnected, AsyncResource
from failwell.clients.httpx2 import AsyncClient
from failwell.settings import Policy

_DEFAULT = Policy()


class AsyncMatCraftClient(AsyncConnected):
    """MatCraft's API. What may pass is tried again by MatCraft's own rule (after 1, 2, 4 … 60 s, 5
    times, `Retry-After` as the floor); a write whose answer is lost is looked up, never made twice.

    The key comes from `api_key`, or the variable `MATCRAFT_API_KEY` or `MATERIA_API_KEY`; the
    address from `base_url`, or the variable `MATCRAFT_BASE_URL`. Other arguments are those of
    `failwell.AsyncClient`. Close it, or use it as a context manager.

    Raises `MatCraftAPIError` (and failwell's class of that kind) for whatever fails at MatCraft;
    `InvalidRequestError`, a `ValueError`, for what is refused before it is sent.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        policy: Policy = _DEFAULT,
        **arguments: Any,
    ) -> None:
        ready = connection.arguments(api_key, base_url, arguments)
        self.client = AsyncClient(contract=MATCRAFT, policy=policy, **ready)
        self.campaigns = AsyncCampaigns(self.client)
        self.jobs = AsyncJobs(self.client)
        self.datasets = AsyncDatasets(self.client)
        self.templates = AsyncTemplates(self.client)

    async def evaluate(self, domain: str, parameters: Mapping[str, float]) -> dict[str, float]:
        """See `MatCraftClient.evaluate`."""
        told = await arun(self.client, operations.evaluate(domain, parameters))
        return told.objectives


class AsyncJobs(AsyncResource):
    """See `Jobs`."""

    async def get(self, job: str) -> JobRecord:
        """The job as it is now, with its progress."""
        return await self._run(operations.get_job(job))

    async def list(
        self,
        *,
        status: str | None = None,
        campaign_id: str | None = None,
        sort: str | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[JobRecord]:
        """A page of jobs."""
        asked = {"status": status, "campaign_id": campaign_id, "sort": sort}
        return await self._run(operations.list_jobs(asked | {"page": page, "per_page": per_page}))

    async def logs(
        self, job: str, *, level: str | None = None, since: str | None = None, tail: int = 100
    ) -> tuple[LogLine, ...]:
        """See `Jobs.logs`."""
        return await self._run(
            operations.get_logs(job, {"level": level, "since": since, "tail": tail})
        )


class AsyncDatasets(AsyncResource):
    """See `Datasets`."""

    async def create(
        self, csv_path: Source, *, name: str | None = None, description: str = ""
    ) -> Dataset:
        """See `Datasets.create`."""
        import anyio.to_thread

        body = await anyio.to_thread.run_sync(documents.dataset, csv_path, name, description)
        return await self._run(operations.create_dataset(body))

    async def get(self, dataset: str) -> Dataset:
        """The dataset and its first rows."""
        return await self._run(operations.get_dataset(dataset))

    async def list(
        self,
        *,
        name: str | None = None,
        sort: str | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Dataset]:
        """A page of datasets."""
        asked = {"name": name, "sort": sort, "page": page, "per_page": per_page}
        return await self._run(operations.list_datasets(asked))

    async def download(self, dataset: str) -> bytes:
        """The CSV file, as it was uploaded."""
        return await self._run(operations.download_dataset(dataset))

    async def delete(self, dataset: str) -> None:
        """Delete it; campaigns that began with it keep its rows."""
        await self._run(operations.delete_dataset(dataset))


class AsyncTemplates(AsyncResource):
    """See `Templates`."""

    async def get(self, template: str) -> Template:
        """The template and its document."""
        return await self._run(operations.get_template(template))

    async def list(
        self, *, sort: str | None = None, page: int = 1, per_page: int = 20
    ) -> Page[Template]:
        """A page of templates."""
        return await self._run(
            operations.list_templates({"sort": sort, "page": page, "per_page": per_page})
        )
