"""`MatCraftClient`: campaigns, their jobs, datasets and templates.

>>> from failwell.apis.matcraft import MatCraftClient
>>> client = MatCraftClient(api_key="mc_live_…")
>>> campaign = client.campaigns.create(mdl_path="material.yaml")
>>> campaign.start().wait().results().pareto_front
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failwell.apis.matcraft import connection, documents, operations
from failwell.apis.matcraft.campaigns import Campaigns
from failwell.apis.matcraft.contract import MATCRAFT
from failwell.apis.matcraft.documents import Source
from failwell.apis.matcraft.records import Dataset, JobRecord, LogLine, Page, Template
from failwell.apis.operation import run
from failwell.apis.resource import Connected, Resource
from failwell.clients.httpx2 import Client
from failwell.settings import Policy

_DEFAULT = Policy()


class MatCraftClient(Connected):
    """MatCraft's API. What may pass is tried again by MatCraft's own rule (after 1, 2, 4 … 60 s, 5
    times, `Retry-After` as the floor); a write whose answer is lost is looked up, never made twice.

    The key comes from `api_key`, or the variable `MATCRAFT_API_KEY` or `MATERIA_API_KEY`; the
    address from `base_url`, or the variable `MATCRAFT_BASE_URL`. Other arguments are those of
    `failwell.Client`. Close it, or use it as a context manager.

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
        self.client = Client(contract=MATCRAFT, policy=policy, **ready)
        self.campaigns = Campaigns(self.client)
        self.jobs = Jobs(self.client)
        self.datasets = Datasets(self.client)
        self.templates = Templates(self.client)

    def evaluate(self, domain: str, parameters: Mapping[str, float]) -> dict[str, float]:
        """The domain's properties for these parameters, by name.

        Raises `ServerError` with the code `EVALUATION_FAILED` where a formula cannot be computed.
        """
        return run(self.client, operations.evaluate(domain, parameters)).objectives


class Jobs(Resource):
    """Jobs: the runs of campaigns."""

    def get(self, job: str) -> JobRecord:
        """The job as it is now, with its progress."""
        return self._run(operations.get_job(job))

    def list(
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
        return self._run(operations.list_jobs(asked | {"page": page, "per_page": per_page}))

    def logs(
        self, job: str, *, level: str | None = None, since: str | None = None, tail: int = 100
    ) -> tuple[LogLine, ...]:
        """The last `tail` lines of a job's log, of this level and above, not before `since`
        (ISO 8601)."""
        return self._run(operations.get_logs(job, {"level": level, "since": since, "tail": tail}))


class Datasets(Resource):
    """Datasets: tables of evaluations that are known already."""

    def create(
        self, csv_path: Source, *, name: str | None = None, description: str = ""
    ) -> Dataset:
        """Upload a CSV file with a header; its name is the file's where none is given.

        Raises `ConflictError` where the name is taken, `ValidationError` for a broken file.
        """
        body = documents.dataset(csv_path, name, description)
        return self._run(operations.create_dataset(body))

    def get(self, dataset: str) -> Dataset:
        """The dataset and its first rows."""
        return self._run(operations.get_dataset(dataset))

    def list(
        self,
        *,
        name: str | None = None,
        sort: str | None = None,
        page: int = 1,
        per_page: int = 20,
    ) -> Page[Dataset]:
        """A page of datasets."""
        asked = {"name": name, "sort": sort, "page": page, "per_page": per_page}
        return self._run(operations.list_datasets(asked))

    def download(self, dataset: str) -> bytes:
        """The CSV file, as it was uploaded."""
        return self._run(operations.download_dataset(dataset))

    def delete(self, dataset: str) -> None:
        """Delete it; campaigns that began with it keep its rows."""
        self._run(operations.delete_dataset(dataset))


class Templates(Resource):
    """Templates: documents to begin with."""

    def get(self, template: str) -> Template:
        """The template and its document."""
        return self._run(operations.get_template(template))

    def list(self, *, sort: str | None = None, page: int = 1, per_page: int = 20) -> Page[Template]:
        """A page of templates."""
        return self._run(
            operations.list_templates({"sort": sort, "page": page, "per_page": per_page})
        )
