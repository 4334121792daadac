"""What MatCraft's clients do, told once for sync and async."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from failwell.apis.matcraft import answered, documents
from failwell.apis.matcraft.documents import Body
from failwell.apis.matcraft.exceptions import (
    MatCraftJobFailedError,
    MatCraftJobTimeoutError,
)
from failwell.apis.matcraft.records import (
    CampaignRecord,
    Dataset,
    Evaluation,
    JobRecord,
    LogLine,
    Page,
    Results,
    Template,
)
from failwell.apis.operation import Ask, Operation, deleted
from failwell.errors import InvalidRequestError
from failwell.job import Job
from failwell.settings import Options

T = TypeVar("T")

CAMPAIGN = Job(
    url="campaigns/{id}",
    record="data",
    succeeded=frozenset({"completed", "converged"}),
    failed=frozenset({"failed"}),
    cancelled=frozenset({"stopped"}),
    reason="error.message",
    progress=lambda record: record["evaluations_completed"] / record["budget"],
    cancel=("POST", "campaigns/{id}/stop"),
    first=0.25,
    cap=5.0,
    name="Campaign",
    resume="client.campaigns.get('{id}').wait()",
    failed_error=MatCraftJobFailedError,
    timeout_error=MatCraftJobTimeoutError,
)
"""A campaign under way, as one waits for it."""


def create_campaign(body: Body) -> Operation[CampaignRecord]:
    """A new campaign, not started."""
    response, _ = yield from _post("campaigns", body)
    return answered.read(response, CampaignRecord)


def get_campaign(campaign: str) -> Operation[CampaignRecord]:
    """The campaign as it is now."""
    return _get(f"campaigns/{id_of(campaign)}", CampaignRecord)


def list_campaigns(asked: Mapping[str, Any]) -> Operation[Page[CampaignRecord]]:
    """A page of campaigns."""
    return _list("campaigns", CampaignRecord, asked)


def start_campaign(campaign: str) -> Operation[CampaignRecord]:
    """The campaign, started."""
    response, _ = yield from Ask("POST", f"campaigns/{id_of(campaign)}/start")
    return answered.read(response, CampaignRecord)


def stop_campaign(campaign: str) -> Operation[CampaignRecord]:
    """The campaign, stopped."""
    response, _ = yield from Ask("POST", f"campaigns/{id_of(campaign)}/stop")
    return answered.read(response, CampaignRecord)


def delete_campaign(campaign: str) -> Operation[None]:
    """Nothing; the campaign is gone."""
    return deleted(f"campaigns/{id_of(campaign)}")


def get_results(campaign: str) -> Operation[Results]:
    """What the campaign has found so far."""
    return _get(f"campaigns/{id_of(campaign)}/results", Results)


def get_job(job: str) -> Operation[JobRecord]:
    """The job as it is now."""
    return _get(f"jobs/{id_of(job)}", JobRecord)


def list_jobs(asked: Mapping[str, Any]) -> Operation[Page[JobRecord]]:
    """A page of jobs."""
    return _list("jobs", JobRecord, asked)


def get_logs(job: str, asked: Mapping[str, Any]) -> Operation[tuple[LogLine, ...]]:
    """The end of a job's log."""
    response, _ = yield from Ask("GET", f"jobs/{id_of(job)}/logs", params=_query(asked))
    return answered.read(response, tuple[LogLine, ...])


def create_dataset(body: Body) -> Operation[Dataset]:
    """A new dataset."""
    response, _ = yield from _post("datasets", body)
    return answered.read(response, Dataset)


def get_dataset(dataset: str) -> Operation[Dataset]:
    """The dataset and its first rows."""
    return _get(f"datasets/{id_of(dataset)}", Dataset)


def list_datasets(asked: Mapping[str, Any]) -> Operation[Page[Dataset]]:
    """A page of datasets."""
    return _list("datasets", Dataset, asked)


def download_dataset(dataset: str) -> Operation[bytes]:
    """The dataset's CSV file."""
    path = f"datasets/{id_of(dataset)}/download"
    response, _ = yield from Ask("GET", path, options=Options(expect="any"))
    return response.content


def delete_dataset(dataset: str) -> Operation[None]:
    """Nothing; the dataset is gone."""
    return deleted(f"datasets/{id_of(dataset)}")


def get_template(template: str) -> Operation[Template]:
    """The template."""
    return _get(f"templates/{id_of(template)}", Template)


def list_templates(asked: Mapping[str, Any]) -> Operation[Page[Template]]:
    """A page of templates."""
    return _list("templates", Template, asked)


def evaluate(domain: str, parameters: Mapping[str, float]) -> Operation[Evaluation]:
    """What the domain's formulas give."""
    asked = {"domain": domain, "parameters": dict(parameters)}
    response, _ = yield from _post("evaluate", documents.as_json(asked))
    return answered.read(response, Evaluation)


def id_of(identifier: str) -> str:
    """The id. Raises `InvalidRequestError` for what is none."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", str(identifier)):
        raise InvalidRequestError.of(
            f"{str(identifier)[:80]!r} is not an id: letters, digits, - and _ only"
        )
    return str(identifier)


def _post(path: str, body: Body) -> Ask:
    return Ask("POST", path, content=body.content, headers={"Content-Type": body.media_type})


def _get(path: str, cls: type[T]) -> Operation[T]:
    response, _ = yield from Ask("GET", path)
    return answered.read(response, cls)


def _list(path: str, cls: type[T], asked: Mapping[str, Any]) -> Operation[Page[T]]:
    response, _ = yield from Ask("GET", path, params=_query(asked))
    return answered.page(response, cls)


def _query(asked: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in asked.items() if value is not None}
