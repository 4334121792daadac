"""Campaigns for async code: see `campaigns`."""

from __future__ import annotations

from typing import Any, Self

from failwell.apis.matcraft import documents, operations
from failwell.apis.matcraft.documents import MDL, Source
from failwell.apis.matcraft.handle import Held, campaign_of, patience
from failwell.apis.matcraft.records import CampaignRecord, Page, Results
from failwell.apis.operation import Operation, arun
from failwell.apis.resource import AsyncResource
from failwell.clients.httpx2 import AsyncClient
from failwell.clients.waiting import wait


class AsyncCampaign(Held):
    """See `Campaign`."""

    def __init__(self, client: AsyncClient, record: CampaignRecord) -> None:
        super().__init__(record)
        self._client = client

    async def _now(self, operation: Operation[CampaignRecord]) -> Self:
        self.record = await arun(self._client, operation)
        return self

    async def refresh(self) -> Self:
        """This campaign, as it is now."""
        return await self._now(operations.get_campaign(self.id))

    async def start(self) -> Self:
        """See `Campaign.start`."""
        return await self._now(operations.start_campaign(self.id))

    async def stop(self) -> Self:
        """See `Campaign.stop`."""
        return await self._now(operations.stop_campaign(self.id))

    async def wait(
        self, *, timeout: float | None = 3600.0, verbose: bool = False, progress: bool = False
    ) -> Self:
        """See `Campaign.wait`."""
        tolerate = patience(self._client.policy)
        how: dict[str, Any] = {"timeout": timeout, "verbose": verbose, "progress": progress}
        ended = await wait(self._client, self.id, operations.CAMPAIGN, tolerate=tolerate, **how)
        self.record = campaign_of(ended)
        return self

    async def results(self) -> Results:
        """See `Campaign.results`."""
        return await arun(self._client, operations.get_results(self.id))

    async def delete(self) -> None:
        """Delete it; one that runs is stopped."""
        await arun(self._client, operations.delete_campaign(self.id))


class AsyncCampaigns(AsyncResource):
    """See `Campaigns`."""

    async def create(
        self,
        mdl_path: Source | None = None,
        *,
        mdl: MDL | None = None,
        name: str | None = None,
        domain: str | None = None,
        dataset_id: str | None = None,
    ) -> AsyncCampaign:
        """See `Campaigns.create`."""
        body = documents.campaign(mdl_path, mdl, name, domain, dataset_id)
        return AsyncCampaign(self._client, await self._run(operations.create_campaign(body)))

    async def get(self, campaign: str) -> AsyncCampaign:
        """The campaign with this id."""
        return AsyncCampaign(self._client, await self._run(operations.get_campaign(campaign)))

    async def list(
        self,
        *,
        status: str | None = None,
        domain: str | None = None,
        name: str | None = None,
        sort: str | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[AsyncCampaign]:
        """A page of campaigns; `sort` is a field, with - before it for descending."""
        asked = {"status": status, "domain": domain, "name": name, "sort": sort}
        paged = {"page": page, "per_page": per_page}
        found = await self._run(operations.list_campaigns(asked | paged))
        return found.of(lambda record: AsyncCampaign(self._client, record))
