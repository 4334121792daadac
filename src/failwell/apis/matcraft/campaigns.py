"""Campaigns: made, found, started, waited for, read."""

from __future__ import annotations

from typing import Any, Self

from failwell.apis.matcraft import documents, operations
from failwell.apis.matcraft.documents import MDL, Source
from failwell.apis.matcraft.handle import Held, campaign_of, patience
from failwell.apis.matcraft.records import CampaignRecord, Page, Results
from failwell.apis.operation import Operation, run
from failwell.apis.resource import Resource
from failwell.clients.httpx2 import Client
from failwell.clients.waiting import wait


class Campaign(Held):
    """A campaign; `record`, and the attributes taken from it, are as of MatCraft's last answer."""

    def __init__(self, client: Client, record: CampaignRecord) -> None:
        super().__init__(record)
        self._client = client

    def _now(self, operation: Operation[CampaignRecord]) -> Self:
        self.record = run(self._client, operation)
        return self

    def refresh(self) -> Self:
        """This campaign, as it is now."""
        return self._now(operations.get_campaign(self.id))

    def start(self) -> Self:
        """Have it run, as a job. Raises `InvalidRequestError` (`CAMPAIGN_NOT_STARTABLE`) where it
        has been started before, `WorkerUnavailableError` while there are no workers."""
        return self._now(operations.start_campaign(self.id))

    def stop(self) -> Self:
        """End it; what it has found stays. Raises `InvalidRequestError` (`CAMPAIGN_NOT_STOPPABLE`)
        where it is not running."""
        return self._now(operations.stop_campaign(self.id))

    def wait(
        self, *, timeout: float | None = 3600.0, verbose: bool = False, progress: bool = False
    ) -> Self:
        """This campaign when it has completed or converged: see `failwell.wait`; seconds.

        Raises `JobFailedError` with MatCraft's code and reason, also for one that was stopped;
        `JobTimeoutError` with the last state.
        """
        tolerate = patience(self._client.policy)
        how: dict[str, Any] = {"timeout": timeout, "verbose": verbose, "progress": progress}
        ended = wait(self._client, self.id, operations.CAMPAIGN, tolerate=tolerate, **how)
        self.record = campaign_of(ended)
        return self

    def results(self) -> Results:
        """What it has found so far. Raises `ServerError` with the campaign's own code where it has
        failed."""
        return run(self._client, operations.get_results(self.id))

    def delete(self) -> None:
        """Delete it; one that runs is stopped."""
        run(self._client, operations.delete_campaign(self.id))


class Campaigns(Resource):
    """Campaigns: searches for the best parameters."""

    def create(
        self,
        mdl_path: Source | None = None,
        *,
        mdl: MDL | None = None,
        name: str | None = None,
        domain: str | None = None,
        dataset_id: str | None = None,
    ) -> Campaign:
        """A new campaign of an MDL document: a YAML file (`mdl_path`), or its text or members
        (`mdl`). `name` and `domain` stand over the document's own; the rows of a dataset are where
        it starts from.

        Raises `ValidationError`, whose `details` list what to correct; `ConflictError` where the
        name is taken; `InvalidRequestError` for a file that cannot be read, before anything is
        sent.
        """
        body = documents.campaign(mdl_path, mdl, name, domain, dataset_id)
        return Campaign(self._client, self._run(operations.create_campaign(body)))

    def get(self, campaign: str) -> Campaign:
        """The campaign with this id."""
        return Campaign(self._client, self._run(operations.get_campaign(campaign)))

    def list(
        self,
        *,
        status: str | None = None,
        domain: str | None = None,
        name: str | None = None,
        sort: str | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Campaign]:
        """A page of campaigns; `sort` is a field, with - before it for descending."""
        asked = {"status": status, "domain": domain, "name": name, "sort": sort}
        paged = {"page": page, "per_page": per_page}
        found = self._run(operations.list_campaigns(asked | paged))
        return found.of(lambda record: Campaign(self._client, record))
